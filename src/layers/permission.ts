// Whether the caller may, asked of the layer before the daemon does anything on its own account for him.

import { ENOSYS, EROFS } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { AT_EACCESS, AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, W_OK, X_OK } from '../sys/constants.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { faccessat } from '../sys/path.ts';
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

// A read-only layer does not tell, nor do kernels before 5.8 for another identity than the process's own (faccessat2): then the kernel's
// check with our attributes is the word.
function settled(fs: FileSystem, result: number): number {
  return (result === -EROFS || result === -ENOSYS) && fs.policy.permissions === 'default' ? 0 : result;
}
