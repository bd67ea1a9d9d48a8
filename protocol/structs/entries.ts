// Names: looking one up, making one, moving one, forgetting a node. The records of a directory listing.
import { nodeid, struct, u32, u64 } from '../layout.ts';
import { fuse_attr } from './attributes.ts';

/** A name's node. `nodeid` zero is a name that does not exist, remembered for `entry_valid`. */
export const fuse_entry_out = struct('fuse_entry_out', {
  nodeid: u64,
  generation: u64,
  entry_valid: u64,
  attr_valid: u64,
  entry_valid_nsec: u32,
  attr_valid_nsec: u32,
  attr: fuse_attr,
});

export const fuse_forget_in = struct('fuse_forget_in', { nlookup: u64 });
export const fuse_forget_one = struct('fuse_forget_one', { nodeid, nlookup: u64 });
export const fuse_batch_forget_in = struct('fuse_batch_forget_in', { count: u32, dummy: u32 });

export const fuse_mknod_in = struct('fuse_mknod_in', { mode: u32, rdev: u32, umask: u32, padding: u32 });
export const fuse_mkdir_in = struct('fuse_mkdir_in', { mode: u32, umask: u32 });
export const fuse_rename_in = struct('fuse_rename_in', { newdir: nodeid });
/** `flags` are RENAME_ flags of renameat2(2). */
export const fuse_rename2_in = struct('fuse_rename2_in', { newdir: nodeid, flags: u32, padding: u32 });
export const fuse_link_in = struct('fuse_link_in', { oldnodeid: nodeid });

/** One entry of a listing, followed by `namelen` name bytes without NUL, then padding to a multiple of 8. */
export const fuse_dirent = struct('fuse_dirent', { ino: u64, off: u64, namelen: u32, type: u32 });
export const fuse_direntplus = struct('fuse_direntplus', { entry_out: fuse_entry_out, dirent: fuse_dirent });
