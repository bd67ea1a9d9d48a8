// unlink and rmdir: lowest layer first, the visible entry last, so that a refusal leaves the entry visible and nothing reappears.

import { EEXIST, EINTR, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY, EROFS } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import {
  AT_EMPTY_PATH,
  AT_REMOVEDIR,
  O_CLOEXEC,
  O_NOFOLLOW,
  O_PATH,
  STATX_BASIC_STATS,
  STATX_BTIME,
} from '../sys/constants.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { close, openat } from '../sys/fd.ts';
import { statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { MOVED, untilFound } from './again.ts';
import { findCovering } from './covering.ts';
import { isEmpty } from './empty.ts';
import { reach } from './faultpoint.ts';
import type { FileSystem } from './filesystem.ts';
import { mayLoseName } from './guardflags.ts';
import { removeHiddenFirst } from './hidden.ts';
import { HiddenAside } from './hiddenaside.ts';
import { begin, recordDeleted } from './journal.ts';
import { removeLateCopy } from './latecopy.ts';
import { locateLeaving } from './leaving.ts';
import { copyOf, isCopied, isLinked, keepLinked, settleGone } from './linkindex.ts';
import { isSameObject, locate } from './locate.ts';
import { lockNode } from './locking.ts';
import { oursOf } from './private.ts';
import { UPPER } from './setup.ts';
import { side } from './sides.ts';
import { touch } from './touch.ts';

const visible = new Stat();

/** UNLINK. @returns 0 or the errno of the first layer that refused. */
export function unlink(fs: FileSystem, parent: NodeId, name: CString): number {
  if (fs.policy.readOnly) return -EROFS;
  return untilFound(() => {
    const node = fs.table.find(parent, name) as NodeId;
    const locked = node ? lockNode(fs, node) : 0;
    if (locked < 0) return locked;
    try {
      return unlinkLocked(fs, parent, name);
    } finally {
      if (node) fs.table.unlockNode(node, fs.worker);
    }
  });
}

function unlinkLocked(fs: FileSystem, parent: NodeId, name: CString): number {
  const layer = locateLeaving(fs, parent, name, visible);
  if (layer < 0) return layer;
  if (visible.isDirectory) return -EISDIR;
  const allowed = mayLoseName(fs, parent, visible, 0 as NodeId);
  if (allowed < 0) return allowed;
  const begun = begin(fs);
  return recordDeleted(fs, parent, name, layer, visible, begun, unlinkIn(fs, parent, name, layer));
}

function unlinkIn(fs: FileSystem, parent: NodeId, name: CString, layer: number): number {
  reach('remove.found');
  const dir = side(fs, parent, layer);
  const hidden = new HiddenAside(fs, parent, name);
  const taken = hidden.take(layer);
  if (taken < 0) return taken;
  reach('remove.hidden');
  const { shown, stat, pin } = seen(fs, dir, name, layer);
  const result = seeAgain(fs, parent, name, layer) || unlinkat(dir, name, 0);
  // What another host has taken away meanwhile was what users saw, and shall not come back either.
  if (result === 0 || result === -ENOENT) hidden.discard();
  else hidden.putBack();
  if (result < 0) {
    if (pin >= 0) close(pin);
    return result === -ENOENT ? MOVED : result;
  }
  reach('remove.removed');
  const late = removeLateCopy(fs, layer, visible, parent, name);
  forgetName(fs, parent, name, shown, stat, pin);
  touch(fs, parent, layer);
  settleGone(fs, layer, visible);
  return late === -EINTR ? 0 : late;
}

interface Seen {
  /** The layer that it is on. */
  readonly shown: number;
  readonly stat: Stat;
  /** Taken before the name goes: fstat, fchmod and the like on files that stay open arrive without a handle. */
  readonly pin: number;
}

/** What users see by a name that is about to go: where it could not come up (leaving.ts), the copy. */
function seen(fs: FileSystem, dir: number, name: CString, layer: number): Seen {
  const open = (from: number, its: CString) => openat(from, its, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  const itself = () => ({ shown: layer, stat: visible, pin: open(dir, name) });
  if (layer === UPPER || !isLinked(visible)) return itself();
  copied.copyFrom(visible);
  const path = copyOf(fs, layer, copied);
  if (typeof path === 'number') return itself();
  const pin = fs.caller.asDaemon(() => open(oursOf(fs, UPPER), path));
  return { shown: UPPER, stat: copied, pin };
}

const copied = new Stat();

/**
 * Another host may have brought the file up by another name since this one was found, and given this one to the copy: what is below is the source
 * that it is about to remove, and if it dies before it has seen that somebody else did, the name that users see would stay.
 * @returns 0: then the index goes on knowing a file that has its copy; -ENOENT, `MOVED`, or the errno of a layer that cannot be asked
 */
function seeAgain(fs: FileSystem, parent: NodeId, name: CString, layer: number): number {
  if (layer === UPPER || !isLinked(visible)) return 0;
  const known = isCopied(fs, layer, visible);
  if (known !== 1) return known;
  const covered = findCovering(fs, layer, parent, name);
  if (covered !== 0) return covered > 0 ? MOVED : covered;
  return fs.caller.asDaemon(() => keepLinked(fs, side(fs, parent, layer), name, layer, visible));
}

/**
 * Takes a name that is gone from the layers out of the inode table.
 * @param pin a descriptor of what had the name, or negative: kept for a node without names if it is that node's object, else closed
 */
export function forgetName(
  fs: FileSystem,
  parent: NodeId,
  name: CString,
  layer: number,
  gone: Stat,
  pin: number,
): void {
  const { table } = fs;
  const node = table.unlink(parent, name);
  const last = gone.isDirectory || gone.nlink <= 1;
  if (last) {
    const device = table.deviceIndex(gone.devMajor, gone.devMinor, layer);
    if (device >= 0) table.forgetNumber(device, gone.inoLo, gone.inoHi);
    if (node) table.orphan(node);
  }
  if (pin < 0) return;
  const isKept =
    node !== 0 && table.names(node) === 0 && isObject(fs, node, layer, pin) && table.pin(node, pin);
  if (!isKept) close(pin);
}

/** Whether a descriptor is of the node's object: something else may have had the name by the time it was opened. */
function isObject(fs: FileSystem, node: NodeId, layer: number, fd: number): boolean {
  const seen = statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, pinned);
  return seen === 0 && isSameObject(fs, node, layer, pinned);
}

const pinned = new Stat();

/** RMDIR: the merged directory must be empty. @returns 0, -ENOTEMPTY, -ENOTDIR, or the errno of the first layer that refused. */
export function removeDirectory(fs: FileSystem, parent: NodeId, name: CString): number {
  if (fs.policy.readOnly) return -EROFS;
  return untilFound(() => removeFound(fs, parent, name));
}

function removeFound(fs: FileSystem, parent: NodeId, name: CString): number {
  const layer = locate(fs, parent, name, visible);
  if (layer < 0) return layer;
  if (!visible.isDirectory) return -ENOTDIR;
  const node = fs.table.find(parent, name) as NodeId;
  const allowed = mayLoseName(fs, parent, visible, node);
  if (allowed < 0) return allowed;
  const empty = node ? isEmpty(fs, node) : 0;
  if (empty < 0) return empty;
  const begun = begin(fs);
  const result = removeFrom(fs, parent, name, layer, node);
  // Many programs try whether a directory has become empty: not worth a record.
  return result === -ENOTEMPTY ? result : recordDeleted(fs, parent, name, layer, visible, begun, result);
}

function removeFrom(fs: FileSystem, parent: NodeId, name: CString, layer: number, node: NodeId): number {
  const hidden = removeHiddenFirst(fs, parent, name, layer, sidesOf(fs, node));
  if (hidden < 0) return hidden;
  const result = unlinkat(side(fs, parent, layer), name, AT_REMOVEDIR);
  if (result === -ENOENT) return MOVED;
  if (result < 0) return result === -EEXIST ? -ENOTEMPTY : result;
  reach('remove.removed');
  forgetName(fs, parent, name, layer, visible, -1);
  touch(fs, parent, layer);
  return 0;
}

/** Which layers' entries are part of the merged directory; all of them, to be safe, when the node is not known. */
export function sidesOf(fs: FileSystem, node: NodeId): (layer: number) => boolean {
  return (layer) => !node || fs.table.dirState(node, layer) >= 0;
}
