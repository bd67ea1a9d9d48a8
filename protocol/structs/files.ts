// Open files: opening, data, space, sync, copying, and the windows of direct access.
import { handle, i32, nodeid, struct, u32, u64 } from '../layout.ts';

/** `flags` are O_ flags, `open_flags` FUSE_OPEN_ flags. */
export const fuse_open_in = struct('fuse_open_in', { flags: u32, open_flags: u32 });
export const fuse_create_in = struct('fuse_create_in', {
  flags: u32,
  mode: u32,
  umask: u32,
  open_flags: u32,
});
/** `open_flags` are FOPEN_ flags. `backing_id` counts with FOPEN_PASSTHROUGH, and was padding before 7.40. */
export const fuse_open_out = struct('fuse_open_out', { fh: u64, open_flags: u32, backing_id: i32 });

/** `release_flags` are FUSE_RELEASE_ flags. */
export const fuse_release_in = struct('fuse_release_in', {
  fh: handle,
  flags: u32,
  release_flags: u32,
  lock_owner: u64,
});
export const fuse_flush_in = struct('fuse_flush_in', {
  fh: handle,
  unused: u32,
  padding: u32,
  lock_owner: u64,
});

/** READ, READDIR and READDIRPLUS: `offset` in bytes for a file, a cookie for a directory. */
export const fuse_read_in = struct('fuse_read_in', {
  fh: handle,
  offset: u64,
  size: u32,
  read_flags: u32,
  lock_owner: u64,
  flags: u32,
  padding: u32,
});
export const fuse_write_in = struct('fuse_write_in', {
  fh: handle,
  offset: u64,
  size: u32,
  write_flags: u32,
  lock_owner: u64,
  flags: u32,
  padding: u32,
});
export const fuse_write_out = struct('fuse_write_out', { size: u32, padding: u32 });

export const fuse_fsync_in = struct('fuse_fsync_in', { fh: handle, fsync_flags: u32, padding: u32 });
export const fuse_syncfs_in = struct('fuse_syncfs_in', { padding: u64 });

/** `mode` is fallocate(2)'s. */
export const fuse_fallocate_in = struct('fuse_fallocate_in', {
  fh: handle,
  offset: u64,
  length: u64,
  mode: u32,
  padding: u32,
});
export const fuse_lseek_in = struct('fuse_lseek_in', { fh: handle, offset: u64, whence: u32, padding: u32 });
export const fuse_lseek_out = struct('fuse_lseek_out', { offset: u64 });

export const fuse_copy_file_range_in = struct('fuse_copy_file_range_in', {
  fh_in: handle,
  off_in: u64,
  nodeid_out: nodeid,
  fh_out: handle,
  off_out: u64,
  len: u64,
  flags: u64,
});
/** COPY_FILE_RANGE_64's answer, since 7.45; COPY_FILE_RANGE answers fuse_write_out. */
export const fuse_copy_file_range_out = struct('fuse_copy_file_range_out', { bytes_copied: u64 });

/** `flags` are FUSE_SETUPMAPPING_FLAG_ flags; `moffset` is the place in the window. */
export const fuse_setupmapping_in = struct('fuse_setupmapping_in', {
  fh: handle,
  foffset: u64,
  len: u64,
  flags: u64,
  moffset: u64,
});
/** Four bytes, so that the records after it lie unaligned. */
export const fuse_removemapping_in = struct('fuse_removemapping_in', { count: u32 });
export const fuse_removemapping_one = struct('fuse_removemapping_one', { moffset: u64, len: u64 });

/** Argument of FUSE_DEV_IOC_BACKING_OPEN, since 7.40. */
export const fuse_backing_map = struct('fuse_backing_map', { fd: i32, flags: u32, padding: u64 });
