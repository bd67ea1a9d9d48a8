// Whether the caller may, asked of the layer before the daemon does anything on its own account for him.

import { ENOENT, ENOSYS, EPERM, EROFS, ESTALE } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import {
  AT_EACCESS,
  AT_EMPTY_PATH,
  O_ACCMODE,
  O_APPEND,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  S_ISVTX,
  STATX_BASIC_STATS,
  W_OK,
  X_OK,
} from '../sys/constants.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { close } from '../sys/fd.ts';
import { faccessat, statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { reach } from './faultpoint.ts';
import type { FileSystem } from './filesystem.ts';
import { isAppendOnly, isImmutable } from './guardflags.ts';
import { openFound } from './openfound.ts';
import { side, topSide } from './sides.ts';

/**
 * Whether the caller may open the lower file that was just found (attributes in `fs.stat`) with `flags`, asked by opening it as he would,
 * but for O_TRUNC: the layer's own word on modes, ACLs, immutable and append-only files.
 * @returns 0, -EACCES, -EPERM, -ESTALE when it is not there any more, or another negative errno.
 */
export function mayOpen(fs: FileSystem, dir: number, name: CString, flags: number): number {
  if (isImmutable(fs.stat)) return -EPERM;
  const cuts = (flags & O_APPEND) === 0 || (flags & O_TRUNC) !== 0;
  const refused = isAppendOnly(fs.stat) && cuts ? -EPERM : 0;
  // Truncating is writing, whatever the access mode says.
  const writes = (flags & O_TRUNC) !== 0 && (flags & O_ACCMODE) === O_RDONLY ? O_RDWR : flags & O_ACCMODE;
  reach('permission.asked');
  const fd = openFound(fs, dir, name, writes | (flags & O_APPEND) | O_NONBLOCK);
  const result = fd < 0 ? settled(fs, fd) : refused;
  if (fd >= 0) close(fd);
  return result < 0 ? result : refused;
}

/**
 * Whether the caller may be thought to change the metadata of the object that was just found (attributes in `fs.stat`), before it is
 * copied up for that: who may not is left to the lower layer, which refuses him.
 */
export function mayChangeMetadata(fs: FileSystem, dir: number, name: CString): boolean {
  const uid = fs.caller.requester;
  if (uid === 0 || uid === fs.stat.uid) return true;
  return fs.stat.isFile && mayOpen(fs, dir, name, O_WRONLY) === 0;
}

/** Whether the caller may add or remove names in a merged directory, by the directory that users see. @returns 0 or a negative errno. */
export function mayChangeEntries(fs: FileSystem, node: NodeId): number {
  const top = topSide(fs, node);
  if (top < 0) return top;
  const result = faccessat(side(fs, node, top), EMPTY, W_OK | X_OK, AT_EACCESS | AT_EMPTY_PATH);
  return settled(fs, result);
}

/**
 * Whether the caller may take an object out of a merged directory. Asked before it is copied up to be moved, which the layer would say only
 * after the copy.
 */
export function mayTakeAway(fs: FileSystem, parent: NodeId, found: Stat): number {
  const allowed = mayChangeEntries(fs, parent);
  return allowed < 0 || fs.policy.permissions === 'default' ? allowed : ownsEnough(fs, parent, found);
}

/** In a sticky directory the object's owner, the directory's and root alone may take it away. @returns 0, -EPERM, or another negative errno. */
export function ownsEnough(fs: FileSystem, parent: NodeId, found: Stat): number {
  const top = topSide(fs, parent);
  const result = top < 0 ? top : statx(side(fs, parent, top), EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, dir);
  if (result < 0) return result;
  const uid = fs.caller.requester;
  return (dir.mode & S_ISVTX) === 0 || uid === 0 || uid === found.uid || uid === dir.uid ? 0 : -EPERM;
}

const dir = new Stat();

// What another host has taken away since it was found is not there for nobody: the kernel shall look the name up again.
// A read-only layer does not tell, nor do kernels before 5.8 for another identity than the process's own (faccessat2): then the kernel's
// check with our attributes is the word.
function settled(fs: FileSystem, result: number): number {
  if (result === -ENOENT) return -ESTALE;
  return (result === -EROFS || result === -ENOSYS) && fs.policy.permissions === 'default' ? 0 : result;
}
