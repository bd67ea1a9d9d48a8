// What a node looks like, and the messages that read or change that: GETATTR, SETATTR, STATX, STATFS, ACCESS.
import { array, handle, i32, i64, struct, u16, u32, u64 } from '../layout.ts';

/** `flags` (FUSE_ATTR_) was padding before 7.32. Times in whole seconds and nanoseconds, blocks of 512 bytes. */
export const fuse_attr = struct('fuse_attr', {
  ino: u64,
  size: u64,
  blocks: u64,
  atime: u64,
  mtime: u64,
  ctime: u64,
  atimensec: u32,
  mtimensec: u32,
  ctimensec: u32,
  mode: u32,
  nlink: u32,
  uid: u32,
  gid: u32,
  rdev: u32,
  blksize: u32,
  flags: u32,
});

export const fuse_getattr_in = struct('fuse_getattr_in', { getattr_flags: u32, dummy: u32, fh: handle });

/** The cache time of attributes: `attr_valid` seconds and `attr_valid_nsec` nanoseconds. */
export const fuse_attr_out = struct('fuse_attr_out', {
  attr_valid: u64,
  attr_valid_nsec: u32,
  dummy: u32,
  attr: fuse_attr,
});

/** `valid` (FATTR_) says which of the others count. */
export const fuse_setattr_in = struct('fuse_setattr_in', {
  valid: u32,
  padding: u32,
  fh: handle,
  size: u64,
  lock_owner: u64,
  atime: u64,
  mtime: u64,
  ctime: u64,
  atimensec: u32,
  mtimensec: u32,
  ctimensec: u32,
  mode: u32,
  unused4: u32,
  uid: u32,
  gid: u32,
  unused5: u32,
});

/** A time before 1970 has negative seconds here. */
export const fuse_sx_time = struct('fuse_sx_time', { tv_sec: i64, tv_nsec: u32, __reserved: i32 });

/** Bit for bit what statx(2) fills, but for a shorter tail. */
export const fuse_statx = struct('fuse_statx', {
  mask: u32,
  blksize: u32,
  attributes: u64,
  nlink: u32,
  uid: u32,
  gid: u32,
  mode: u16,
  __spare0: array(u16, 1),
  ino: u64,
  size: u64,
  blocks: u64,
  attributes_mask: u64,
  atime: fuse_sx_time,
  btime: fuse_sx_time,
  ctime: fuse_sx_time,
  mtime: fuse_sx_time,
  rdev_major: u32,
  rdev_minor: u32,
  dev_major: u32,
  dev_minor: u32,
  __spare2: array(u64, 14),
});

/** Since 7.39. `sx_flags` are AT_STATX_ flags, `sx_mask` STATX_ bits. */
export const fuse_statx_in = struct('fuse_statx_in', {
  getattr_flags: u32,
  reserved: u32,
  fh: handle,
  sx_flags: u32,
  sx_mask: u32,
});

export const fuse_statx_out = struct('fuse_statx_out', {
  attr_valid: u64,
  attr_valid_nsec: u32,
  flags: u32,
  spare: array(u64, 2),
  stat: fuse_statx,
});

/** As statvfs(3): `blocks`, `bfree` and `bavail` count units of `frsize` bytes. */
export const fuse_kstatfs = struct('fuse_kstatfs', {
  blocks: u64,
  bfree: u64,
  bavail: u64,
  files: u64,
  ffree: u64,
  bsize: u32,
  namelen: u32,
  frsize: u32,
  padding: u32,
  spare: array(u32, 6),
});

export const fuse_statfs_out = struct('fuse_statfs_out', { st: fuse_kstatfs });

/** `mask`: R_OK, W_OK, X_OK as in access(2). */
export const fuse_access_in = struct('fuse_access_in', { mask: u32, padding: u32 });
