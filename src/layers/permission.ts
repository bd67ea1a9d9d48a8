// Whether the caller may, asked of the layer before the daemon does anything on its own account for him.

import { ENOSYS, EPERM, EROFS } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import {
  AT_EACCESS,
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  STATX_BASIC_STATS,
  W_OK,
  X_OK,
} from '../sys/constants.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { faccessat, statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { side, topSide } from './sides.ts';

/**
 * Whether the caller may write the object `name` in `dir` of a layer.
 * @returns 0, -EACCES, -EROFS or another negative errno.
 */
export function mayWrite(fs: FileSystem, dir: number, name: CString): number {
  const result = faccessat(dir, name, W_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW);
  return settled(fs, result);
}

/** Whether the caller may add or remove names in a merged directory, by the directory that users see. @returns 0 or a negative errno. */
export function mayChangeEntries(fs: FileSystem, node: NodeId): number {
  const top = topSide(fs, node);
  if (top < 0) return top;
  const result = faccessat(side(fs, node, top), EMPTY, W_OK | X_OK, AT_EACCESS | AT_EMPTY_PATH);
  return settled(fs, result);
}

/**
 * Whether the caller may take an object out of a merged directory. Asked before it is copied up to be moved: in a sticky directory the
 * object's owner, the directory's and root alone may, which the layer would say only after the copy.
 */
export function mayTakeAway(fs: FileSystem, parent: NodeId, found: Stat): number {
  const allowed = mayChangeEntries(fs, parent);
  if (allowed < 0 || fs.policy.permissions === 'default') return allowed;
  const top = topSide(fs, parent);
  const result = top < 0 ? top : statx(side(fs, parent, top), EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, dir);
  if (result < 0) return result;
  const uid = fs.caller.requester;
  return (dir.mode & S_ISVTX) === 0 || uid === 0 || uid === found.uid || uid === dir.uid ? 0 : -EPERM;
}

const dir = new Stat();
const S_ISVTX = 0o1000;

// A read-only layer does not tell, nor do kernels before 5.8 for another identity than the process's own (faccessat2): then the kernel's
// check with our attributes is the word.
function settled(fs: FileSystem, result: number): number {
  return (result === -EROFS || result === -ENOSYS) && fs.policy.permissions === 'default' ? 0 : result;
}
