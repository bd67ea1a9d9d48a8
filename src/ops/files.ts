// Operations on open files. A handle is a descriptor that the inode table knows; any other number is refused, so that no message ever
// touches a descriptor of the daemon's own.

import { EBADF, EINVAL } from '../../protocol/errno.ts';
import {
  FOPEN_KEEP_CACHE,
  FOPEN_NOFLUSH,
  FUSE_FSYNC_FDATASYNC,
  FUSE_WRITE_CACHE,
  fuse_copy_file_range_in,
  fuse_copy_file_range_out,
  fuse_create_in,
  fuse_entry_out,
  fuse_fallocate_in,
  fuse_flush_in,
  fuse_fsync_in,
  fuse_lseek_in,
  fuse_lseek_out,
  fuse_open_in,
  fuse_open_out,
  fuse_read_in,
  fuse_release_in,
  fuse_write_in,
  fuse_write_out,
  type NodeId,
  type Reply,
} from '../../protocol/index.ts';
import type { FileSystem } from '../layers/filesystem.ts';
import { FILE_HANDLE } from '../layers/handlekinds.ts';
import { closeLocked, dropOwner } from '../layers/locks.ts';
import { type Created, closeHandle, createFile, openFile, wantsWrite } from '../layers/open.ts';
import { keepsPages, settleContent } from '../layers/pagecache.ts';
import { passageOf, passes } from '../layers/passthrough.ts';
import { mayFailAtClose } from '../layers/storagekind.ts';
import { createNameless } from '../layers/tmpfile.ts';
import { followFlags, writePages, writeUnder } from '../layers/writing.ts';
import { O_APPEND, O_TRUNC } from '../sys/constants.ts';
import { copyFileRange } from '../sys/copy.ts';
import { close, dupCloexec, fallocate, fdatasync, fsync, lseek, pread } from '../sys/fd.ts';
import { contentChanged, putEntry } from './attr.ts';
import type { Call, Handler } from './call.ts';

/** The descriptor of a file handle that a message names for a node, or -EBADF. */
export function fileHandleOf(fs: FileSystem, handle: number, node: NodeId): number {
  return fs.table.handleKind(handle) === FILE_HANDLE && fs.table.handleNode(handle) === node
    ? handle
    : -EBADF;
}

export const OPEN: Handler = ({ request, reply, fs }) => {
  const flags = request.u32(fuse_open_in.offsets.flags);
  const handle = openFile(fs, request.nodeid, flags);
  if ((flags & O_TRUNC) !== 0) contentChanged(fs, request.nodeid);
  return handle < 0 ? handle : putOpen(fs, reply, 0, request.nodeid, handle, flags);
};

/** Writes fuse_open_out at `at`. @returns its size. */
function putOpen(
  fs: FileSystem,
  reply: Reply,
  at: number,
  node: NodeId,
  handle: number,
  flags: number,
): number {
  const out = fuse_open_out.offsets;
  const passage = passageOf(fs, node, handle);
  const noFlush = hasToSay(fs, handle, flags) ? 0 : FOPEN_NOFLUSH;
  reply.u64(at + out.fh, handle);
  const keep = keepsPages(fs, handle) ? FOPEN_KEEP_CACHE : 0;
  reply.u32(at + out.open_flags, noFlush | keep | passage.flags);
  reply.u32(at + out.backing_id, passage.backing);
  return fuse_open_out.size;
}

/** Whether FLUSH has anything to do: at the close of a file that was only read, it is about cluster locks alone. */
function hasToSay(fs: FileSystem, handle: number, flags: number): boolean {
  if (fs.policy.locks === 'cluster') return true;
  return wantsWrite(flags) && (passes(fs, handle) || mayFailAtClose(handle));
}

const created: Created = { node: 0 as NodeId, handle: -1 };

export const CREATE: Handler = (call) => {
  const { request, fs } = call;
  const { flags, mode, umask } = newFile(call);
  return answerCreated(
    call,
    createFile(fs, request.nodeid, request.name(0), flags, mode, umask, created),
    flags,
  );
};

/** The name that comes with it means nothing. */
export const TMPFILE: Handler = (call) => {
  const { flags, mode, umask } = newFile(call);
  return answerCreated(
    call,
    createNameless(call.fs, call.request.nodeid, flags, mode, umask, created),
    flags,
  );
};

function newFile({ request }: Call): { flags: number; mode: number; umask: number } {
  const at = fuse_create_in.offsets;
  return { flags: request.u32(at.flags), mode: request.u32(at.mode), umask: request.u32(at.umask) };
}

function answerCreated({ reply, fs }: Call, result: number, flags: number): number {
  if (result < 0) return result;
  const entry = putEntry(fs, reply, 0, created.node, fs.stat);
  return entry + putOpen(fs, reply, fuse_entry_out.size, created.node, created.handle, flags);
}

export const READ: Handler = ({ request, reply, fs }) => {
  const at = fuse_read_in.offsets;
  const fd = fileHandleOf(fs, request.fileHandle(at.fh), request.nodeid);
  if (fd < 0) return fd;
  const size = request.u32(at.size);
  followFlags(fs, fd, request.u32(at.flags));
  return size > reply.body.length ? -EINVAL : pread(fd, reply.body, size, request.signedInt64(at.offset));
};

export const WRITE: Handler = ({ request, reply, fs }) => {
  const at = fuse_write_in.offsets;
  const fd = fileHandleOf(fs, request.fileHandle(at.fh), request.nodeid);
  if (fd < 0) return fd;
  // Pages of shared mappings come when the kernel finds the time, in nobody's name. Else the write is charged to the writer's quota, and
  // takes setuid and capabilities away unless he is privileged.
  const delayed = (request.u32(at.write_flags) & FUSE_WRITE_CACHE) !== 0;
  const assumed = delayed ? fs.caller.assumeDaemon() : fs.caller.assume(request);
  if (assumed < 0) return assumed;
  const offset = request.signedInt64(at.offset);
  const length = request.payloadLength;
  const written = delayed
    ? writePages(fs, fd, request.payload(), length, offset)
    : writeUnder(fs, fd, request.u32(at.flags), request.payload(), length, offset);
  if (written < 0) return written;
  contentChanged(fs, request.nodeid);
  reply.u32(fuse_write_out.offsets.size, written);
  reply.u32(fuse_write_out.offsets.padding, 0);
  return fuse_write_out.size;
};

/**
 * Errors that a layer has put off (NFS, quotas) reach the application at close(2), which a closed duplicate brings out. With cluster locks
 * it is also how the kernel says that a process has closed the file, which ends all its fcntl locks of it.
 */
export const FLUSH: Handler = ({ request, fs }) => {
  const owner = fuse_flush_in.offsets.lock_owner;
  if (fs.policy.locks === 'cluster') {
    dropOwner(fs, request.nodeid, { lo: request.u32(owner), hi: request.u32(owner + 4), pid: 0 });
  }
  const fd = fileHandleOf(fs, request.fileHandle(fuse_flush_in.offsets.fh), request.nodeid);
  // Nothing tells of what a mapping has changed.
  if (passes(fs, fd)) fs.outdated(request.nodeid);
  const copy = fd < 0 ? fd : dupCloexec(fd);
  return copy < 0 ? copy : close(copy);
};

export const RELEASE: Handler = ({ request, fs }) => {
  const fd = fileHandleOf(fs, request.fileHandle(fuse_release_in.offsets.fh), request.nodeid);
  if (fd < 0) return fd;
  settleContent(fs, request.nodeid, fd);
  return fs.policy.locks === 'cluster' ? closeLocked(fs, request.nodeid, fd) : closeHandle(fs, fd);
};

export const FSYNC: Handler = ({ request, fs }) => {
  const at = fuse_fsync_in.offsets;
  const fd = fileHandleOf(fs, request.fileHandle(at.fh), request.nodeid);
  if (fd < 0) return fd;
  return (request.u32(at.fsync_flags) & FUSE_FSYNC_FDATASYNC) !== 0 ? fdatasync(fd) : fsync(fd);
};

export const LSEEK: Handler = ({ request, reply, fs }) => {
  const at = fuse_lseek_in.offsets;
  const fd = fileHandleOf(fs, request.fileHandle(at.fh), request.nodeid);
  if (fd < 0) return fd;
  const position = lseek(fd, request.signedInt64(at.offset), request.u32(at.whence));
  if (position < 0) return Number(position);
  reply.u64(fuse_lseek_out.offsets.offset, position);
  return fuse_lseek_out.size;
};

export const FALLOCATE: Handler = ({ request, fs }) => {
  const at = fuse_fallocate_in.offsets;
  const fd = fileHandleOf(fs, request.fileHandle(at.fh), request.nodeid);
  if (fd < 0) return fd;
  const done = fallocate(
    fd,
    request.u32(at.mode),
    request.signedInt64(at.offset),
    request.signedInt64(at.length),
  );
  contentChanged(fs, request.nodeid);
  return done;
};

/** One call's worth: the caller asks again, and can be interrupted in between. */
const MOST_COPIED = 1 << 30;

function copyRange({ request, fs }: Call): number {
  const at = fuse_copy_file_range_in.offsets;
  const from = fileHandleOf(fs, request.fileHandle(at.fh_in), request.nodeid);
  const to = fileHandleOf(fs, request.fileHandle(at.fh_out), request.nodeId(at.nodeid_out));
  if (from < 0 || to < 0) return -EBADF;
  if (request.int64(at.flags) !== 0) return -EINVAL;
  // The kernel copies to no file that is open for appending.
  followFlags(fs, to, fs.table.handleFlags(to) & ~O_APPEND);
  const wanted = request.int64(at.len);
  const length = typeof wanted === 'number' ? Math.min(wanted, MOST_COPIED) : MOST_COPIED;
  const copied = copyFileRange(
    from,
    request.signedInt64(at.off_in),
    to,
    request.signedInt64(at.off_out),
    length,
  );
  contentChanged(fs, request.nodeId(at.nodeid_out));
  return copied;
}

export const COPY_FILE_RANGE: Handler = (call) => {
  const copied = copyRange(call);
  if (copied < 0) return copied;
  call.reply.u32(fuse_write_out.offsets.size, copied);
  call.reply.u32(fuse_write_out.offsets.padding, 0);
  return fuse_write_out.size;
};

export const COPY_FILE_RANGE_64: Handler = (call) => {
  const copied = copyRange(call);
  if (copied < 0) return copied;
  call.reply.u64(fuse_copy_file_range_out.offsets.bytes_copied, copied);
  return fuse_copy_file_range_out.size;
};
