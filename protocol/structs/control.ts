// The rest of what is done to a file: extended attributes, locks, ioctl, poll, block mapping.
import { handle, i32, struct, u32, u64 } from '../layout.ts';

/** `flags`: XATTR_CREATE, XATTR_REPLACE. `setxattr_flags`: FUSE_SETXATTR_, only when SETXATTR_EXT was negotiated. */
export const fuse_setxattr_in = struct('fuse_setxattr_in', {
  size: u32,
  flags: u32,
  setxattr_flags: u32,
  padding: u32,
});
/** What is sent without SETXATTR_EXT (kernel header: FUSE_COMPAT_SETXATTR_IN_SIZE). */
export const fuse_setxattr_in_compat = struct('fuse_setxattr_in_compat', { size: u32, flags: u32 });
/** `size` zero asks for the size that would be needed, answered with fuse_getxattr_out. */
export const fuse_getxattr_in = struct('fuse_getxattr_in', { size: u32, padding: u32 });
export const fuse_getxattr_out = struct('fuse_getxattr_out', { size: u32, padding: u32 });

/** `end` is the last byte of the range. `type`: F_RDLCK, F_WRLCK, F_UNLCK. */
export const fuse_file_lock = struct('fuse_file_lock', { start: u64, end: u64, type: u32, pid: u32 });
export const fuse_lk_in = struct('fuse_lk_in', {
  fh: handle,
  owner: u64,
  lk: fuse_file_lock,
  lk_flags: u32,
  padding: u32,
});
export const fuse_lk_out = struct('fuse_lk_out', { lk: fuse_file_lock });

export const fuse_ioctl_in = struct('fuse_ioctl_in', {
  fh: handle,
  flags: u32,
  cmd: u32,
  arg: u64,
  in_size: u32,
  out_size: u32,
});
export const fuse_ioctl_iovec = struct('fuse_ioctl_iovec', { base: u64, len: u64 });
/** Followed by the ioctl's data, or with FUSE_IOCTL_RETRY by in_iovs + out_iovs fuse_ioctl_iovec. */
export const fuse_ioctl_out = struct('fuse_ioctl_out', {
  result: i32,
  flags: u32,
  in_iovs: u32,
  out_iovs: u32,
});

/** `kh` is the kernel's own number, to be named in a poll notification. */
export const fuse_poll_in = struct('fuse_poll_in', { fh: handle, kh: u64, flags: u32, events: u32 });
export const fuse_poll_out = struct('fuse_poll_out', { revents: u32, padding: u32 });

export const fuse_bmap_in = struct('fuse_bmap_in', { block: u64, blocksize: u32, padding: u32 });
export const fuse_bmap_out = struct('fuse_bmap_out', { block: u64 });
