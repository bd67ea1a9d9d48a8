// Whether the caller may, asked of the layer before the daemon does anything on its own account for him.

import { EROFS } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { AT_EACCESS, AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, W_OK, X_OK } from '../sys/constants.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { faccessat } from '../sys/path.ts';
import type { FileSystem } from './filesystem.ts';
import { side, topSide } from './sides.ts';

/**
 * Whether the caller may write the object `name` in `dir` of a layer. On a read-only layer the layer does not tell; there the kernel's
 * check with our attributes has been the word, unless it was switched off.
 * @returns 0, -EACCES, -EROFS or another negative errno.
 */
export function mayWrite(fs: FileSystem, dir: number, name: CString): number {
  const result = faccessat(dir, name, W_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW);
  return result === -EROFS && fs.policy.permissions === 'default' ? 0 : result;
}

/** Whether the caller may add or remove names in a merged directory, by the directory that users see. @returns 0 or a negative errno. */
export function mayChangeEntries(fs: FileSystem, node: NodeId): number {
  const top = topSide(fs, node);
  if (top < 0) return top;
  const result = faccessat(side(fs, node, top), EMPTY, W_OK | X_OK, AT_EACCESS | AT_EMPTY_PATH);
  return result === -EROFS && fs.policy.permissions === 'default' ? 0 : result;
}
