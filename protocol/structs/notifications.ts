// The bodies of notifications: messages that this side sends without being asked.
import { i64, struct, u32, u64 } from '../layout.ts';

export const fuse_notify_poll_wakeup_out = struct('fuse_notify_poll_wakeup_out', { kh: u64 });
/** `off` negative: attributes only. `len` zero or negative: to the end. */
export const fuse_notify_inval_inode_out = struct('fuse_notify_inval_inode_out', {
  ino: u64,
  off: i64,
  len: i64,
});
/** Followed by `namelen` name bytes and a NUL. `flags`: FUSE_EXPIRE_ONLY, padding before 7.38. */
export const fuse_notify_inval_entry_out = struct('fuse_notify_inval_entry_out', {
  parent: u64,
  namelen: u32,
  flags: u32,
});
/** Followed by `namelen` name bytes and a NUL. */
export const fuse_notify_delete_out = struct('fuse_notify_delete_out', {
  parent: u64,
  child: u64,
  namelen: u32,
  padding: u32,
});
/** Followed by `size` bytes of data. */
export const fuse_notify_store_out = struct('fuse_notify_store_out', {
  nodeid: u64,
  offset: u64,
  size: u32,
  padding: u32,
});
/** Answered by a NOTIFY_REPLY request whose unique is `notify_unique`. */
export const fuse_notify_retrieve_out = struct('fuse_notify_retrieve_out', {
  notify_unique: u64,
  nodeid: u64,
  offset: u64,
  size: u32,
  padding: u32,
});
/** NOTIFY_REPLY's struct, as long as fuse_write_in; followed by `size` bytes of data. */
export const fuse_notify_retrieve_in = struct('fuse_notify_retrieve_in', {
  dummy1: u64,
  offset: u64,
  size: u32,
  dummy2: u32,
  dummy3: u64,
  dummy4: u64,
});
/** Since 7.45. Followed by `count` u64 node ids. */
export const fuse_notify_prune_out = struct('fuse_notify_prune_out', {
  count: u32,
  padding: u32,
  spare: u64,
});
