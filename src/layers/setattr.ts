// Changes of attributes: in place in the layer that shows the object (a recursive chmod must not move a petabyte), for a merged directory in
// every layer that has it; a change of size is a write, and copies up.

import { EIO, EPERM, EROFS, ESTALE } from '../../protocol/errno.ts';
import type { Int64, NodeId } from '../../protocol/types.ts';
import { AT_FDCWD, O_NONBLOCK, O_WRONLY, S_IFDIR } from '../sys/constants.ts';
import { close, ftruncate } from '../sys/fd.ts';
import { chmod, fchownat, procPath, truncate, utimensat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { TimeSpecs } from '../sys/times.ts';
import { copyUp } from './copyup.ts';
import { reach } from './faultpoint.ts';
import type { FileSystem } from './filesystem.ts';
import { awaitForeign } from './foreignlocks.ts';
import { isGuarded } from './guardflags.ts';
import { lateChange } from './latechange.ts';
import { allSides } from './livesides.ts';
import { anyDescriptor, newPlace, openObject, placeItself } from './locate.ts';
import { lockNode } from './locking.ts';
import { openItself } from './open.ts';
import { mayChangeMetadata, mayOpen } from './permission.ts';
import { isExclusive, UPPER } from './setup.ts';
import { refreshSides, side } from './sides.ts';

/** What to change; what is undefined stays. -1 for one of `uid` and `gid` keeps it, as in chown(2). */
export interface Changes {
  size?: Int64;
  uid: number;
  gid: number;
  mode?: number;
  /** UTIME_OMIT and UTIME_NOW as in utimensat(2). */
  times?: TimeSpecs;
}

const KEEP = -1;
const at = newPlace();
const source = new Stat();

/** @param handle an open handle of the file to cut by, or -1. @returns 0 or a negative errno. */
export function setAttributes(fs: FileSystem, node: NodeId, changes: Changes, handle: number): number {
  if (fs.policy.readOnly) return -EROFS;
  const locked = lockNode(fs, node);
  if (locked < 0) return locked;
  try {
    if (changes.size !== undefined) {
      const cut = handle >= 0 ? ftruncate(handle, changes.size) : truncateNode(fs, node, changes.size);
      if (cut < 0) return cut;
    }
    const { uid, gid, mode, times, size } = changes;
    if (uid !== KEEP || gid !== KEEP || mode !== undefined || times)
      return onEachSide(fs, node, (fd) => change(fd, changes));
    return size === undefined ? onEachSide(fs, node, (fd) => changeNothing(fs, fd)) : 0;
  } finally {
    fs.table.unlockNode(node, fs.worker);
  }
}

// chown before chmod, since it clears setuid and setgid; times last, since everything else sets ctime or mtime.
function change(fd: number, changes: Changes): number {
  let result = 0;
  if (changes.uid !== KEEP || changes.gid !== KEEP) {
    result = fchownat(AT_FDCWD, procPath(fd), changes.uid, changes.gid, 0);
  }
  if (result === 0 && changes.mode !== undefined) result = chmod(procPath(fd), changes.mode & 0o7777);
  if (result === 0 && changes.times) result = utimensat(AT_FDCWD, procPath(fd), changes.times, 0);
  return result;
}

/**
 * chown(2) that keeps both ids still takes setuid and setgid away, and sets ctime. The kernel sends the same empty change before a write
 * that takes capabilities or setuid away: a writer who may not chown is no error then, and the write does for him what there is to do.
 */
function changeNothing(fs: FileSystem, fd: number): number {
  const result = fchownat(AT_FDCWD, procPath(fd), KEEP, KEEP, 0);
  return result === -EPERM && fs.caller.requester !== 0 ? 0 : result;
}

/** truncate(2): the file comes up with as much of its data as stays. */
function truncateNode(fs: FileSystem, node: NodeId, size: Int64): number {
  const found = placeItself(fs, node, at);
  if (found === -ESTALE && fs.table.names(node) === 0) {
    const fd = anyDescriptor(fs, node);
    return fd < 0 ? fd : truncate(procPath(fd), size);
  }
  if (found < 0) return found;
  const unchanged = fs.stat.size === size;
  if (at.layer !== UPPER) {
    const allowed = mayOpen(fs, at.dir, at.name, O_WRONLY);
    if (allowed < 0) return allowed;
    const alone = awaitForeign(fs, node, at, 0);
    if (alone < 0) return alone;
    const copied = copyUp(fs, node, at, size);
    if (copied < 0) return copied;
  }
  const fd = openItself(fs, node, at, O_WRONLY | O_NONBLOCK);
  if (fd < 0) return fd;
  // truncate(2) leaves the times alone when the size stays, ftruncate(2) never does. A copy may have the new size already.
  const result = unchanged ? truncate(procPath(fd), size) : ftruncate(fd, size);
  const closed = close(fd);
  return result < 0 ? result : closed;
}

/**
 * Calls `work` with an O_PATH descriptor of what the node shows: a directory's in each layer, lowest first; any other object's in its
 * layer, or kept from before its last name went. With `metadata=copyup` a lower object comes up first.
 */
export function onEachSide(fs: FileSystem, node: NodeId, work: (fd: number) => number): number {
  if (fs.table.type(node) === S_IFDIR) return onDirectory(fs, node, work);
  const found = placeItself(fs, node, at);
  const migrated = found < 0 ? found : migrateFound(fs, node);
  if (migrated < 0 && migrated !== -ESTALE) return migrated;
  source.copyFrom(fs.stat);
  const fd = migrated < 0 ? migrated : openObject(fs, node, at);
  if (fd === -ESTALE) {
    const kept = anyDescriptor(fs, node);
    return kept < 0 ? kept : work(kept);
  }
  if (fd < 0) return fd;
  reach('metadata.opened');
  const result = work(fd) || lateChange(fs, node, at, source, fd, 0);
  close(fd);
  return result;
}

/** With `metadata=copyup` a lower object that has a name comes up before its metadata change. @returns 0 or a negative errno. */
export function migrateForMetadata(fs: FileSystem, node: NodeId): number {
  if (fs.policy.metadata !== 'copyup') return 0;
  const found = placeItself(fs, node, at);
  if (found < 0) return found === -ESTALE ? 0 : found;
  return migrateFound(fs, node);
}

/** What is immutable or append-only is left to its own layer, which refuses most changes. */
function migrateFound(fs: FileSystem, node: NodeId): number {
  if (at.layer === UPPER || fs.policy.metadata !== 'copyup' || isGuarded(fs.stat)) return 0;
  return mayChangeMetadata(fs, at.dir, at.name) ? copyUp(fs, node, at) : 0;
}

function onDirectory(fs: FileSystem, node: NodeId, work: (fd: number) => number): number {
  const sides = allSides(fs, node);
  if (typeof sides === 'number') return sides;
  if (sides.length === 0) {
    const fd = anyDescriptor(fs, node);
    return fd < 0 ? fd : work(fd);
  }
  const changed = changeSides(fs, node, sides, work);
  if (changed < 0 || isExclusive(fs.policy)) return changed;
  // Another host may have made a side meanwhile, of what this one was before; see carrylate.ts.
  refreshSides(fs, node);
  const now = allSides(fs, node);
  // Its name is another one's: nobody makes sides of this one.
  if (typeof now === 'number') return now === -ESTALE ? 0 : now;
  const late = now.filter((layer) => !sides.includes(layer));
  return changeSides(fs, node, late, work);
}

/** @param sides top first */
function changeSides(
  fs: FileSystem,
  node: NodeId,
  sides: readonly number[],
  work: (fd: number) => number,
): number {
  for (const layer of sides.toReversed()) {
    const fd = side(fs, node, layer);
    const result = fd < 0 ? -EIO : work(fd);
    if (result < 0) return result;
  }
  return 0;
}
