// rename: a file moves within its own layer where that shows the right thing, else it is copied up and moves there. The target is always
// the old or the new content, and nothing that was hidden under the source's name appears.

import {
  EEXIST,
  EINTR,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOTDIR,
  EPERM,
  EROFS,
  EXDEV,
  errnoName,
} from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { O_CLOEXEC, O_NOFOLLOW, O_PATH, RENAME_EXCHANGE, RENAME_NOREPLACE } from '../sys/constants.ts';
import type { CString } from '../sys/cstring.ts';
import { close, openat } from '../sys/fd.ts';
import { renameat2 } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { MOVED, untilFound } from './again.ts';
import { bringUp, type End } from './bringup.ts';
import { findCovering } from './covering.ts';
import { asEither, isRefused } from './either.ts';
import { isElsewhere } from './elsewhere.ts';
import { exchange } from './exchange.ts';
import { reach } from './faultpoint.ts';
import type { FileSystem } from './filesystem.ts';
import { mayGrow, mayLoseName } from './guardflags.ts';
import { HiddenAside } from './hiddenaside.ts';
import { begin, recordRenamed } from './journal.ts';
import { KeptTarget } from './kepttarget.ts';
import { lateCopy } from './latecopy.ts';
import { locateLeaving } from './leaving.ts';
import { keepLinked, removalIn, settleGone } from './linkindex.ts';
import { liveSide } from './livesides.ts';
import { lockTwo } from './locking.ts';
import { enterableSide } from './make.ts';
import { ensureSide } from './mirror.ts';
import { moveName } from './movename.ts';
import { moveByLink } from './movenew.ts';
import { mayChangeEntries, mayTakeAway } from './permission.ts';
import { isPrivate } from './private.ts';
import { forgetName } from './remove.ts';
import { renameDirectory } from './renamedir.ts';
import { UPPER } from './setup.ts';
import { side } from './sides.ts';
import { dropOldTargets, supersedes, syncContent } from './supersede.ts';
import { takeAway } from './takeaway.ts';
import { reportTorn } from './torn.ts';
import { touch } from './touch.ts';
import { unterminated } from './xattrpolicy.ts';

/**
 * RENAME and RENAME2.
 * @param flags RENAME_NOREPLACE, RENAME_EXCHANGE or 0; whiteouts are refused with -EINVAL. @returns 0 or a negative errno.
 */
export function rename(
  fs: FileSystem,
  oldParent: NodeId,
  oldName: CString,
  newParent: NodeId,
  newName: CString,
  flags: number,
): number {
  if (fs.policy.readOnly) return -EROFS;
  if (flags !== 0 && flags !== RENAME_NOREPLACE && flags !== RENAME_EXCHANGE) return -EINVAL;
  if (isPrivate(oldParent, oldName)) return -ENOENT;
  if (isPrivate(newParent, newName)) return -EPERM;
  return untilFound(() => {
    const a = fs.table.find(oldParent, oldName) as NodeId;
    const b = fs.table.find(newParent, newName) as NodeId;
    const locked = lockTwo(fs, a, b);
    if (locked < 0) return locked;
    try {
      const from = end(fs, oldParent, oldName);
      const to = end(fs, newParent, newName);
      if (from.layer < 0) return from.layer;
      if (to.layer < 0 && to.layer !== -ENOENT) return to.layer;
      reach('rename.found');
      return flags === RENAME_EXCHANGE ? exchange(fs, from, to) : renameEnds(fs, from, to, flags);
    } finally {
      fs.table.unlockTwo(a, b, fs.worker);
    }
  });
}

function end(fs: FileSystem, parent: NodeId, name: CString): End {
  const stat = new Stat();
  return { parent, name, layer: locateLeaving(fs, parent, name, stat), stat };
}

function renameEnds(fs: FileSystem, from: End, to: End, flags: number): number {
  if (to.layer >= 0) {
    if ((flags & RENAME_NOREPLACE) !== 0) return -EEXIST;
    if (from.layer === to.layer && from.stat.sameObject(to.stat)) return 0; // two names of one file: rename(2) does nothing
  }
  const movable = mayMove(fs, from, to);
  if (movable < 0) return movable;
  if (to.layer >= 0) {
    if (from.stat.isDirectory && !to.stat.isDirectory) return -ENOTDIR;
    if (!from.stat.isDirectory && to.stat.isDirectory) return -EISDIR;
  }
  const begun = begin(fs);
  const move = from.stat.isDirectory ? renameDirectory : renameFile;
  return recordRenamed(fs, 'rename', from, to, begun, move(fs, from, to, flags));
}

/** Nothing is immutable or append-only that the rename takes a name from or gives one to. */
function mayMove(fs: FileSystem, from: End, to: End): number {
  const leaves = mayLoseName(fs, from.parent, from.stat, fs.table.find(from.parent, from.name) as NodeId);
  if (leaves < 0) return leaves;
  // What lets a name go takes one too.
  if (to.layer < 0) return to.parent === from.parent ? 0 : mayGrow(fs, to.parent);
  return mayLoseName(fs, to.parent, to.stat, fs.table.find(to.parent, to.name) as NodeId);
}

function renameFile(fs: FileSystem, from: End, to: End, flags: number): number {
  if (to.layer >= 0 && to.layer !== from.layer) {
    // Its own layer would say whether it may be replaced, but is asked only when the new content has its name.
    const replaceable = mayTakeAway(fs, to.parent, to.stat);
    if (replaceable < 0) return replaceable;
  }
  if (from.layer === UPPER) return moveWithin(fs, UPPER, from, enterableSide(fs, to.parent), to, flags);
  // Where a higher layer has the target, that would go on being shown; elsewhere the file stays in its own layer.
  const covered = to.layer >= 0 && to.layer < from.layer;
  if (!covered) {
    const result = moveWithin(fs, from.layer, from, targetSide(fs, to.parent, from.layer), to, flags);
    if (!mayMoveUp(result)) return result;
  }
  const allowed = mayTakeAway(fs, from.parent, from.stat);
  if (allowed < 0) return allowed;
  const target = enterableSide(fs, to.parent);
  if (target < 0) return target;
  const copied = bringUp(fs, from);
  return copied < 0 ? copied : moveWithin(fs, UPPER, from, target, to, flags);
}

/** The target directory in the layer in which a file is to move. */
function targetSide(fs: FileSystem, parent: NodeId, layer: number): number {
  const there = liveSide(fs, parent, layer);
  if (there !== -ENOENT) return there;
  const allowed = mayChangeEntries(fs, parent);
  return allowed < 0 ? allowed : ensureSide(fs, parent, layer);
}

/**
 * Whether a layer's refusal leaves the way over the upper layer: something else has a directory's name there, or nothing since the target
 * directory was removed from this layer alone, or quota projects or mounts inside the layer part it.
 */
function mayMoveUp(result: number): boolean {
  return result === -EXDEV || result === -EEXIST || result === -ENOTDIR || result === -ENOENT;
}

/** @returns 0, `MOVED` when another host has changed what was found, or a negative errno: all is as it was. */
function moveWithin(
  fs: FileSystem,
  layer: number,
  from: End,
  target: number,
  to: End,
  flags: number,
): number {
  if (target < 0) return target;
  const dir = side(fs, from.parent, layer);
  if (dir < 0) return dir;
  const hidden = new HiddenAside(fs, from.parent, from.name);
  const taken = hidden.take(layer);
  if (taken < 0) return taken;
  reach('rename.hidden');
  const synced = supersedes(layer, to) ? syncContent(fs, dir, from) : 0;
  const isOpen = !isRefused(synced);
  const pin = pinTarget(fs, to);
  let result = isOpen ? synced : 0;
  if (layer > UPPER && to.layer === layer) result ||= keepTarget(fs, target, to);
  const kept = result === 0 ? KeptTarget.keep(fs, layer, target, to) : undefined;
  result ||= renameIn(fs, layer, from.stat, dir, from.name, target, to.name, flags);
  reach('rename.renamed');
  if (result === 0) result = checkShown(fs, layer, from, dir, to, target, kept);
  else kept?.drop();
  // What another host has taken away meanwhile was what users saw, and shall not come back either.
  if (result === 0 || result === -ENOENT) hidden.discard();
  else hidden.putBack();
  if (result < 0) {
    if (pin >= 0) close(pin);
    return result === -ENOENT && layer === UPPER ? MOVED : result;
  }
  reach('rename.moved');
  if (to.layer >= 0) forgetName(fs, to.parent, to.name, to.layer, to.stat, pin);
  moveName(fs, from, to);
  // Where nothing had the name, what has it further down by now was put there by another host, who finds ours.
  if (to.layer >= 0) dropOldTargets(fs, layer, to, isOpen);
  touch(fs, from.parent, layer);
  if (to.parent !== from.parent) touch(fs, to.parent, layer);
  return 0;
}

/**
 * Another host may have put something in another layer since the names were looked for: what has just come would be hidden by a copy of the old
 * target, for one, or would hide what must not be replaced, and what has gone would be there again as a copy of itself.
 * @param kept what was replaced. @returns 0, or, with both names given back, `MOVED` or the errno of a layer that cannot be asked.
 */
function checkShown(
  fs: FileSystem,
  layer: number,
  from: End,
  dir: number,
  to: End,
  target: number,
  kept: KeptTarget | undefined,
): number {
  const replaces = layer > UPPER && to.layer === layer;
  if (replaces) lateCopy(fs, layer, to.stat, to.parent, to.name);
  const copied = lateCopy(fs, layer, from.stat, from.parent, from.name);
  const inTheWay = copied === 0 || copied === -EINTR ? findOther(fs, layer, to) : copied;
  const stands = inTheWay === 0 || (replaces && kept === undefined && !isCovered(fs, layer, to, inTheWay));
  if (!stands) {
    const back = kept
      ? kept.giveBack(dir, from)
      : asEither(fs, () => renameIn(fs, layer, from.stat, target, to.name, dir, from.name, RENAME_NOREPLACE));
    reach('rename.back');
    if (back === 0) return inTheWay < 0 ? inTheWay : MOVED;
    reportTorn(fs, layer, from.name, to.name, back);
  } else kept?.drop();
  // The other names of the old target may have a copy, which has one name less.
  if (replaces) settleGone(fs, layer, to.stat);
  // The copy follows, and replaces what has just come by the new name.
  return stands && inTheWay > 0 ? MOVED : 0;
}

/**
 * Where what was replaced could not be kept, the new name would be missing without the renamed file, unless a higher layer has it. @returns whether one has
 */
function isCovered(fs: FileSystem, layer: number, to: End, inTheWay: number): boolean {
  if (inTheWay < 0)
    fs.log.warn('rename_unchecked', { name: unterminated(to.name), error: errnoName(-inTheWay) });
  return inTheWay > 0 && findCovering(fs, layer, to.parent, to.name) > 0;
}

/** As `findCovering`. Where nothing had the name, nothing below may have it either: whether that can be replaced is to be asked first. */
function findOther(fs: FileSystem, layer: number, to: End): number {
  if (to.layer >= 0) return findCovering(fs, layer, to.parent, to.name);
  const found = isElsewhere(fs, to.parent, to.name, [layer]);
  return found === -EEXIST ? 1 : found;
}

/**
 * Another host may have taken the name since it was found free, so the layer decides; some (NFS, GlusterFS, sshfs) know no flags. There the object
 * has both names for a moment: who has taken the old one away by then has deleted it, renamed it or brought it up, so it shall not have the new one.
 * @param object what is renamed
 */
function renameIn(
  fs: FileSystem,
  layer: number,
  object: Stat,
  from: number,
  name: CString,
  to: number,
  newName: CString,
  flags: number,
): number {
  const result = renameat2(from, name, to, newName, flags);
  if (result !== -EINVAL || flags !== RENAME_NOREPLACE) return result;
  const moved = moveByLink(from, name, to, newName);
  if (moved !== 1) return moved;
  const taken = fs.caller.asDaemon(() => takeAway(fs, layer, to, newName, object, removalIn(fs, layer)));
  // What has the new name by now, or keeps it, is left to it.
  return taken === 0 ? -ENOENT : 0;
}

/** The copy of a target that could not come up is known by what is kept of it below, which may be the only name there is. */
function keepTarget(fs: FileSystem, dir: number, to: End): number {
  const kept = fs.caller.asDaemon(() => keepLinked(fs, dir, to.name, to.layer, to.stat));
  return kept === -ENOENT ? 0 : kept;
}

function pinTarget(fs: FileSystem, to: End): number {
  const dir = to.layer < 0 ? -1 : side(fs, to.parent, to.layer);
  return dir < 0 ? -1 : openat(dir, to.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}
