// What happens to an xattr that the target file system cannot hold: by default the copy fails and the log names it; with
// `xattrs=best-effort` it is left behind, and the log names it too. For what it only has no room for now the copy fails in any case.

import { errnoName } from '../../protocol/errno.ts';
import type { CString } from '../sys/cstring.ts';
import type { XattrRefused } from './copymeta.ts';
import type { FileSystem } from './filesystem.ts';

export function xattrPolicy(fs: FileSystem, name: CString): XattrRefused {
  const strict = fs.policy.xattrs === 'strict';
  return (xattr, errno, fits) => {
    const fields = { name: unterminated(name), xattr: unterminated(xattr), error: errnoName(errno) };
    if (strict || fits) fs.log.error('xattr_refused', { ...fields, mend: fits ? FULL : CANNOT });
    else fs.log.warn('xattr_dropped', fields);
    return strict || fits ? -errno : 0;
  };
}

const CANNOT = 'mount with xattrs=best-effort to leave it behind';
const FULL = 'make room in the new storage, or make it smaller in the old one';

/** The bytes of a name without its NUL, as the log takes them. */
export function unterminated(name: CString): Uint8Array {
  return name.subarray(0, name.length - 1);
}
