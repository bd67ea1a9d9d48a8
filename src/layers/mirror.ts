// Directories that a layer lacks on the way to a new entry are made there with the owner, mode, ACLs, xattrs and times that the merged
// tree shows. Each appears complete, by one rename out of our private directory, so that nobody ever meets one with other permissions.

import { EACCES, EEXIST, ENOENT, ENOTDIR, ESTALE, EXDEV, errnoName } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { type NameRef, newIdentity, newNameRef } from '../inodes/table.ts';
import { AT_EMPTY_PATH, AT_REMOVEDIR, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS } from '../sys/constants.ts';
import { geteuid } from '../sys/credentials.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { close } from '../sys/fd.ts';
import { mkdirat, statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { Announcement } from './announce.ts';
import { carryLate } from './carrylate.ts';
import { copyFlags } from './copyflags.ts';
import { copyMetadata } from './copymeta.ts';
import { asEither } from './either.ts';
import { isEmptySide } from './empty.ts';
import { reach } from './faultpoint.ts';
import type { FileSystem } from './filesystem.ts';
import { Given } from './given.ts';
import { liveSide } from './livesides.ts';
import { openSide } from './openside.ts';
import { quietly } from './quietly.ts';
import { rebind } from './rebind.ts';
import { adoptSide, side, stillNamed, topSide } from './sides.ts';
import { syncDirectory } from './sync.ts';
import { dropTemporary, makeTemporary, publish } from './temporary.ts';
import { unterminated, xattrPolicy } from './xattrpolicy.ts';

/**
 * The descriptor of `node` in `layer`, made there if need be with its ancestors.
 * @returns descriptor, -EEXIST or -ENOTDIR when something else has the name in that layer, or a negative errno.
 */
export function ensureSide(fs: FileSystem, node: NodeId, layer: number): number {
  const there = side(fs, node, layer);
  if (there !== -ENOENT) return there;
  const locked = fs.table.lockStructureShared(fs.worker, fs.interrupted);
  if (locked < 0) return locked;
  try {
    return mirror(fs, node, layer);
  } finally {
    fs.table.unlockStructureShared(fs.worker);
  }
}

/** As `ensureSide`, for one who holds the structure lock. */
export function mirror(fs: FileSystem, node: NodeId, layer: number): number {
  const there = side(fs, node, layer);
  if (there !== -ENOENT) return there;
  const ref = newNameRef();
  if (!fs.table.nameOf(node, ref)) return -ESTALE;
  const parent = mirror(fs, ref.parent, layer);
  if (parent < 0) return parent;
  const hider = asEither(fs, () => findHider(fs, ref.parent, ref.bytes, layer));
  if (hider < 0) return hider;
  const top = topSide(fs, node);
  if (top < 0) return top === -ENOENT ? -ESTALE : top;
  const named = asEither(fs, () => stillNamed(fs, ref.parent, ref.bytes, node));
  if (named < 0) return named;
  reach('mirror.named');
  const source = side(fs, node, top);
  const announced = Announcement.begin(fs, source, side(fs, ref.parent, top), ref.bytes);
  try {
    const make = () => {
      const entered = quietly(fs, ref.parent, parent, () => makeSide(fs, source, layer, parent, ref.bytes));
      return entered === 0 ? syncDirectory(parent) : entered;
    };
    const made = asEither(fs, make);
    if (made < 0 && made !== -EEXIST) return made;
    reach('mirror.made');
    const met = announced?.meet() ?? 0;
    return met < 0 ? met : adoptMade(fs, node, layer, parent, ref, top, made === 0);
  } finally {
    announced?.end();
  }
}

/**
 * As `mirror`, for a directory that is to move into `node` in this layer. @returns -EXDEV where the layer cannot take it: something else has
 * the name of a directory on the way, or `node` was removed from this layer alone.
 */
export function mirrorForMove(fs: FileSystem, node: NodeId, layer: number): number {
  const made = mirror(fs, node, layer);
  const target = made < 0 ? made : liveSide(fs, node, layer);
  const cannot = target === -EEXIST || target === -ENOTDIR || (made >= 0 && target === -ENOENT);
  return cannot ? -EXDEV : target;
}

/** A non-directory of that name further up would hide what is made. @returns 0, -ENOTDIR, or the errno of a layer that cannot be asked. */
function findHider(fs: FileSystem, parent: NodeId, name: CString, layer: number): number {
  for (let above = 0; above < layer; above++) {
    const dir = side(fs, parent, above);
    if (dir === -ENOENT) continue;
    const found = dir < 0 ? dir : statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, hiding);
    if (found === 0 && !hiding.isDirectory) return -ENOTDIR;
    if (found < 0 && found !== -ENOENT) return found;
  }
  return 0;
}

const hiding = new Stat();

function makeSide(fs: FileSystem, source: number, layer: number, parent: number, name: CString): number {
  const stat = new Stat();
  const result = statx(source, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, stat);
  if (result < 0) return result;
  const temporary = makeTemporary(fs, layer, parent, stat, source);
  if (typeof temporary === 'number') return temporary;
  let done = copyMetadata(fs, source, temporary.fd, stat, xattrPolicy(fs, name));
  if (done === 0) copyFlags(fs, source, temporary.fd, stat.type, name);
  const given = done === 0 ? Given.of(temporary.fd) : done;
  if (typeof given === 'number') done = given;
  reach('mirror.ready');
  if (done === 0) done = publish(temporary, parent, name);
  const late = done === 0 ? carryLate(fs, source, temporary.fd, stat, given as Given, name) : 0;
  if (late < 0 && statx(temporary.fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, stat) === 0)
    removeMade(fs, parent, name, stat);
  dropTemporary(temporary, done === 0);
  if (late < 0) return late;
  if (done === -EXDEV) done = makeInPlace(fs, source, stat, parent, name);
  return done;
}

// Quota projects and subvolumes part a directory from our private one. Made in place it is the daemon's own and closed until it is complete;
// it is dressed only if it is what was made: empty, and nobody else's.
function makeInPlace(fs: FileSystem, source: number, stat: Stat, parent: number, name: CString): number {
  const made = mkdirat(parent, name, 0o700);
  if (made < 0) return made;
  const now = new Stat();
  const fd = openSide(parent, name, now);
  if (fd < 0) return fd;
  const ours = now.uid === geteuid() && (now.mode & 0o7077) === 0 && isEmptySide(fd) === 0;
  let done = ours ? copyMetadata(fs, source, fd, stat, xattrPolicy(fs, name)) : -EACCES;
  if (done === 0) copyFlags(fs, source, fd, stat.type, name);
  const given = done === 0 ? Given.of(fd) : done;
  done = typeof given === 'number' ? given : Math.min(0, carryLate(fs, source, fd, stat, given, name));
  close(fd);
  if (done < 0) unlinkat(parent, name, AT_REMOVEDIR);
  return done;
}

function adoptMade(
  fs: FileSystem,
  node: NodeId,
  layer: number,
  parent: number,
  { parent: above, bytes: name }: NameRef,
  top: number,
  ours: boolean,
): number {
  const stat = new Stat();
  const fd = asEither(fs, () => openSide(parent, name, stat));
  if (fd < 0) return fd === -ENOENT ? -ESTALE : fd;
  // Another host may have renamed the directory meanwhile, and known nothing of this side of it.
  const named = asEither(fs, () => stillNamed(fs, above, name, node));
  if (named < 0) {
    close(fd);
    if (ours) asEither(fs, () => quietly(fs, above, parent, () => removeMade(fs, parent, name, stat)));
    return named;
  }
  const kept = adoptSide(fs, node, layer, fd, stat);
  const identity = newIdentity();
  if (kept >= 0 && layer < top && fs.table.dirIdentity(node, layer, identity)) {
    if (kept === fd) identity.birth = stat.birth;
    rebind(fs, node, identity);
  }
  return kept;
}

/** Takes back what nobody has used, and who has renamed the directory has not taken along. */
function removeMade(fs: FileSystem, parent: number, name: CString, made: Stat): number {
  const now = new Stat();
  const found = statx(parent, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, now);
  if (found < 0 || !now.sameObject(made)) return found;
  const removed = unlinkat(parent, name, AT_REMOVEDIR);
  if (removed < 0 && removed !== -ENOENT)
    fs.log.warn('renamed_directory_kept', { name: unterminated(name), error: errnoName(-removed) });
  return removed;
}
