// IOCTL: the requests for file flags. The kernel makes them itself for chattr(1) and the like, by a handle that it opens for them, and
// passes on those that it does not know; older kernels pass on all of them. Any other request is -ENOTTY, as on a plain file system.

import { EBADF, EINVAL, ENOTTY } from '../../protocol/errno.ts';
import { fuse_ioctl_in, fuse_ioctl_out } from '../../protocol/index.ts';
import {
  changeFlags,
  FILE_FLAGS,
  type FlagKind,
  FSXATTR,
  newFlags,
  readFlags,
  VERSION,
} from '../layers/fileflags.ts';
import {
  FS_IOC_FSGETXATTR,
  FS_IOC_FSSETXATTR,
  FS_IOC_GETFLAGS,
  FS_IOC_GETVERSION,
  FS_IOC_SETFLAGS,
  FS_IOC32_GETFLAGS,
  FS_IOC32_GETVERSION,
  FS_IOC32_SETFLAGS,
} from '../sys/ioctl.ts';
import type { Handler } from './call.ts';

interface Known {
  readonly kind: FlagKind;
  readonly changes: boolean;
  /** Bytes of data, in the one direction that there is. For an int the kernel may say what its request's number says, a long. */
  readonly sizes: readonly number[];
}

const INT = [4, 8];
const known = new Map<number, Known>([
  [FS_IOC_GETFLAGS, { kind: FILE_FLAGS, changes: false, sizes: INT }],
  [FS_IOC32_GETFLAGS, { kind: FILE_FLAGS, changes: false, sizes: INT }],
  [FS_IOC_SETFLAGS, { kind: FILE_FLAGS, changes: true, sizes: INT }],
  [FS_IOC32_SETFLAGS, { kind: FILE_FLAGS, changes: true, sizes: INT }],
  [FS_IOC_FSGETXATTR, { kind: FSXATTR, changes: false, sizes: [28] }],
  [FS_IOC_FSSETXATTR, { kind: FSXATTR, changes: true, sizes: [28] }],
  [FS_IOC_GETVERSION, { kind: VERSION, changes: false, sizes: INT }],
  [FS_IOC32_GETVERSION, { kind: VERSION, changes: false, sizes: INT }],
]);

export const IOCTL: Handler = ({ request, reply, fs }) => {
  const at = fuse_ioctl_in.offsets;
  const asked = known.get(request.u32(at.cmd));
  if (asked === undefined) return -ENOTTY;
  const { kind, changes, sizes } = asked;
  const [into, out] = [request.u32(at.in_size), request.u32(at.out_size)];
  if (!sizes.includes(changes ? into : out) || (changes ? out : into) !== 0) return -EINVAL;
  const handle = request.fileHandle(at.fh);
  if (fs.table.handleNode(handle) !== request.nodeid) return -EBADF;
  const flags = newFlags(kind);
  const bytes = new Uint8Array(flags.buffer);
  if (changes) bytes.set(request.payload().subarray(0, kind.bytes));
  const result = changes
    ? changeFlags(fs, request.nodeid, handle, kind, flags)
    : readFlags(fs, request.nodeid, handle, kind, flags);
  if (result < 0) return result;
  reply.zero(fuse_ioctl_out.size);
  if (changes) {
    fs.outdated(request.nodeid); // ctime: an ioctl tells the kernel nothing of attributes
    return fuse_ioctl_out.size;
  }
  // Never more than the int: programs have room for no more.
  reply.body.set(bytes.subarray(0, kind.bytes), fuse_ioctl_out.size);
  return fuse_ioctl_out.size + kind.bytes;
};
