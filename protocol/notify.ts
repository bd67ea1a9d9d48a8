// Notifications: what this side tells the kernel unasked. Each function builds one into `bytes` and returns its length,
// to be written to the device as it is. A RangeError when it does not fit.
import type { Fields, Input, Struct } from './layout.ts';
import * as s from './structs.ts';
import type { CString, Int64 } from './types.ts';

/** One notification: its code travels in the header's `error`, with `unique` zero. `tail`: what follows the struct. */
export interface Notification {
  readonly code: number;
  /** The kernel header's name without FUSE_NOTIFY_. */
  readonly name: string;
  readonly struct: Struct | null;
  readonly tail: 'none' | 'name' | 'bytes' | 'nodeids';
}

const row = (code: number, name: string, struct: Struct | null, tail: Notification['tail'] = 'none') =>
  Object.freeze({ code, name, struct, tail });

// biome-ignore format: a table
export const notifications: readonly Notification[] = [
  row(1, 'POLL',        s.fuse_notify_poll_wakeup_out),
  row(2, 'INVAL_INODE', s.fuse_notify_inval_inode_out),
  row(3, 'INVAL_ENTRY', s.fuse_notify_inval_entry_out,  'name'),
  row(4, 'STORE',       s.fuse_notify_store_out,        'bytes'),
  row(5, 'RETRIEVE',    s.fuse_notify_retrieve_out),
  row(6, 'DELETE',      s.fuse_notify_delete_out,       'name'),
  row(7, 'RESEND',      null),
  row(8, 'INC_EPOCH',   null),
  row(9, 'PRUNE',       s.fuse_notify_prune_out,        'nodeids'),
];

const NONE = new Uint8Array(0);

/** What a poll asked for with SCHEDULE_NOTIFY has happened; `kh` is fuse_poll_in's. */
export function notifyPoll(bytes: Uint8Array, kh: Int64): number {
  return build(bytes, 1, s.fuse_notify_poll_wakeup_out, { kh });
}

/** Drop a node's attributes, and its cached data from `off` for `len` bytes: `off` -1 for none, `len` 0 to the end. */
export function notifyInvalInode(bytes: Uint8Array, ino: Int64, off: Int64, len: Int64): number {
  return build(bytes, 2, s.fuse_notify_inval_inode_out, { ino, off, len });
}

/** Drop a name in a directory, or let it expire (`flags` FUSE_EXPIRE_ONLY, where the dialect has it). */
export function notifyInvalEntry(bytes: Uint8Array, parent: Int64, name: CString, flags = 0): number {
  return build(bytes, 3, s.fuse_notify_inval_entry_out, { parent, namelen: name.length - 1, flags }, name);
}

/** Put data into the kernel's cache of a file. */
export function notifyStore(bytes: Uint8Array, nodeid: Int64, offset: Int64, data: Uint8Array): number {
  return build(bytes, 4, s.fuse_notify_store_out, { nodeid, offset, size: data.length }, data);
}

/** Ask for data out of the kernel's cache; a NOTIFY_REPLY whose unique is `unique` brings it. */
export function notifyRetrieve(
  bytes: Uint8Array,
  unique: Int64,
  nodeid: Int64,
  offset: Int64,
  size: number,
): number {
  return build(bytes, 5, s.fuse_notify_retrieve_out, { notify_unique: unique, nodeid, offset, size });
}

/** Drop a name, if it is that of `child`, as after an unlink: watchers are told that it is gone. */
export function notifyDelete(bytes: Uint8Array, parent: Int64, child: Int64, name: CString): number {
  return build(bytes, 6, s.fuse_notify_delete_out, { parent, child, namelen: name.length - 1 }, name);
}

/** Send all requests again that were read and not answered (where the dialect has it). */
export function notifyResend(bytes: Uint8Array): number {
  return frame(bytes, 7, 0);
}

/** Let all names expire (where the dialect has it). */
export function notifyIncEpoch(bytes: Uint8Array): number {
  return frame(bytes, 8, 0);
}

/** Forget nodes that nothing uses (where the dialect has it). */
export function notifyPrune(bytes: Uint8Array, nodeids: readonly Int64[]): number {
  const tail = new Uint8Array(nodeids.length * s.fuse_forget_in.size);
  // Any struct of a single u64 writes one; this one is at hand.
  nodeids.forEach((nlookup, i) => {
    s.fuse_forget_in.encode({ nlookup }, tail, i * s.fuse_forget_in.size);
  });
  return build(bytes, 9, s.fuse_notify_prune_out, { count: nodeids.length }, tail);
}

function build<F extends Fields>(
  bytes: Uint8Array,
  code: number,
  body: Struct<F>,
  fields: Input<F>,
  tail: Uint8Array = NONE,
): number {
  const at = s.fuse_out_header.size;
  body.encode(fields, bytes, at);
  bytes.set(tail, at + body.size);
  return frame(bytes, code, body.size + tail.length);
}

function frame(bytes: Uint8Array, code: number, bodyLength: number): number {
  const len = s.fuse_out_header.size + bodyLength;
  s.fuse_out_header.encode({ len, error: code }, bytes);
  return len;
}
