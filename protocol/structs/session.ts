// The frame of a message, the opening of a session, interruption, and the extensions at the end of a message.
import { array, i32, nodeid, struct, u16, u32, u64 } from '../layout.ts';

/** `len` counts the whole message. `total_extlen` counts units of 8 bytes, and was padding before 7.38. */
export const fuse_in_header = struct('fuse_in_header', {
  len: u32,
  opcode: u32,
  unique: u64,
  nodeid,
  uid: u32,
  gid: u32,
  pid: u32,
  total_extlen: u16,
  padding: u16,
});

/** `error`: zero, a negative errno, or with `unique` zero the code of a notification. */
export const fuse_out_header = struct('fuse_out_header', { len: u32, error: i32, unique: u64 });

export const fuse_init_in = struct('fuse_init_in', {
  major: u32,
  minor: u32,
  max_readahead: u32,
  flags: u32,
  flags2: u32,
  unused: array(u32, 11),
});
/** What kernels before 7.36 send. */
export const fuse_init_in_compat = struct('fuse_init_in_compat', {
  major: u32,
  minor: u32,
  max_readahead: u32,
  flags: u32,
});
/** `time_gran` in nanoseconds, `request_timeout` in seconds (since 7.43), `max_stack_depth` since 7.40. */
export const fuse_init_out = struct('fuse_init_out', {
  major: u32,
  minor: u32,
  max_readahead: u32,
  flags: u32,
  max_background: u16,
  congestion_threshold: u16,
  max_write: u32,
  time_gran: u32,
  max_pages: u16,
  map_alignment: u16,
  flags2: u32,
  max_stack_depth: u32,
  request_timeout: u16,
  unused: array(u16, 11),
});

export const cuse_init_in = struct('cuse_init_in', { major: u32, minor: u32, unused: u32, flags: u32 });
export const cuse_init_out = struct('cuse_init_out', {
  major: u32,
  minor: u32,
  unused: u32,
  flags: u32,
  max_read: u32,
  max_write: u32,
  dev_major: u32,
  dev_minor: u32,
  spare: array(u32, 10),
});

/** `unique` of the request to interrupt. */
export const fuse_interrupt_in = struct('fuse_interrupt_in', { unique: u64 });

/** `size` counts this header too. `type` up to 31 is a fuse_secctx_header's count. */
export const fuse_ext_header = struct('fuse_ext_header', { size: u32, type: u32 });
export const fuse_secctx_header = struct('fuse_secctx_header', { size: u32, nr_secctx: u32 });
/** Followed by the attribute's name with its NUL, then `size` bytes of label, then padding to a multiple of 8. */
export const fuse_secctx = struct('fuse_secctx', { size: u32, padding: u32 });
/** Follows a fuse_ext_header of type FUSE_EXT_GROUPS; `nr_groups` u32 group ids follow it. */
export const fuse_supp_groups = struct('fuse_supp_groups', { nr_groups: u32 });

/** The ring transport's frames, since 7.42: declared for completeness, not spoken here. */
export const fuse_uring_ent_in_out = struct('fuse_uring_ent_in_out', {
  flags: u64,
  commit_id: u64,
  payload_sz: u32,
  padding: u32,
  reserved: u64,
});
export const fuse_uring_cmd_req = struct('fuse_uring_cmd_req', {
  flags: u64,
  commit_id: u64,
  qid: u16,
  padding: array(u16, 3),
});
