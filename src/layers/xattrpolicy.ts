// What happens to an xattr that the target file system cannot hold: by default the copy fails and the log names it; with
// `xattrs=best-effort` it is left behind, and the log names it too.

import { errnoName } from '../../protocol/errno.ts';
import type { CString } from '../sys/cstring.ts';
import type { XattrRefused } from './copymeta.ts';
import type { FileSystem } from './filesystem.ts';

export function xattrPolicy(fs: FileSystem, name: CString): XattrRefused {
  const strict = fs.policy.xattrs === 'strict';
  return (xattr, errno) => {
    const fields = { name: unterminated(name), xattr: unterminated(xattr), error: errnoName(errno) };
    if (strict)
      fs.log.error('xattr_refused', { ...fields, mend: 'mount with xattrs=best-effort to leave it behind' });
    else fs.log.warn('xattr_dropped', fields);
    return strict ? -errno : 0;
  };
}

/** The bytes of a name without its NUL, as the log takes them. */
export function unterminated(name: CString): Uint8Array {
  return name.subarray(0, name.length - 1);
}
