// Operations on open directories.

import { EBADF } from '../../protocol/errno.ts';
import {
  DirentplusWriter,
  DirentWriter,
  FOPEN_CACHE_DIR,
  FOPEN_KEEP_CACHE,
  fuse_fsync_in,
  fuse_open_out,
  fuse_read_in,
  fuse_release_in,
  type NodeId,
  type Reply,
} from '../../protocol/index.ts';
import { openDirectory, readDirectory, syncOpenDirectory } from '../layers/directory.ts';
import type { FileSystem } from '../layers/filesystem.ts';
import { DIRECTORY_HANDLE } from '../layers/handlekinds.ts';
import { lookup } from '../layers/lookup.ts';
import { closeHandle } from '../layers/open.ts';
import { isExclusive } from '../layers/setup.ts';
import { syncLayer } from '../layers/sync.ts';
import { putEntry } from './attr.ts';
import type { Call, Handler } from './call.ts';
import { isDots } from './dots.ts';

function directoryHandleOf(fs: FileSystem, handle: number, node: NodeId): number {
  return fs.table.handleKind(handle) === DIRECTORY_HANDLE && fs.table.handleNode(handle) === node
    ? handle
    : -EBADF;
}

export const OPENDIR: Handler = ({ request, reply, fs }) => {
  const handle = openDirectory(fs, request.nodeid);
  if (handle < 0) return handle;
  const out = fuse_open_out.offsets;
  reply.u64(out.fh, handle);
  // Names change through this kernel alone then, which notices.
  reply.u32(out.open_flags, isExclusive(fs.policy) ? FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE : 0);
  reply.u32(out.backing_id, 0);
  return fuse_open_out.size;
};

/** One writer for each worker's reply buffer. */
const plain = new WeakMap<Reply, DirentWriter>();
const plus = new WeakMap<Reply, DirentplusWriter>();

function writerOf<W>(writers: WeakMap<Reply, W>, reply: Reply, make: (body: Uint8Array) => W): W {
  let writer = writers.get(reply);
  if (!writer) {
    writer = make(reply.body);
    writers.set(reply, writer);
  }
  return writer;
}

export const READDIR: Handler = ({ request, reply, fs }) => {
  const at = fuse_read_in.offsets;
  const handle = directoryHandleOf(fs, request.fileHandle(at.fh), request.nodeid);
  if (handle < 0) return handle;
  const size = request.u32(at.size);
  const writer = writerOf(plain, reply, (body) => new DirentWriter(body));
  writer.start(size);
  const result = readDirectory(
    fs,
    handle,
    request.signedInt64(at.offset),
    size,
    (lo, hi, offset, type, name) => writer.add(lo, hi, offset, type, name),
  );
  return result < 0 ? result : writer.length;
};

/** A name's record is about this much longer than in a plain listing. */
const PLUS_FACTOR = 4;

/** READDIR and a LOOKUP of each entry in one. An entry that cannot be looked up is listed without attributes: the kernel asks again. */
export const READDIRPLUS: Handler = (call) => {
  const { request, reply, fs } = call;
  const at = fuse_read_in.offsets;
  const handle = directoryHandleOf(fs, request.fileHandle(at.fh), request.nodeid);
  if (handle < 0) return handle;
  const size = request.u32(at.size);
  const writer = writerOf(plus, reply, (body) => new DirentplusWriter(body));
  writer.start(size);
  const budget = Math.floor(size / PLUS_FACTOR);
  const result = readDirectory(
    fs,
    handle,
    request.signedInt64(at.offset),
    budget,
    (lo, hi, offset, type, name) => {
      if (!writer.add(lo, hi, offset, type, name)) return false;
      if (!isDots(name)) {
        const node = lookup(fs, request.nodeid, name);
        if (node > 0) putEntry(fs, reply, writer.entry, node as NodeId, fs.stat);
      }
      return true;
    },
  );
  if (result >= 0) return writer.length;
  return writer.length > 0 ? writer.length : result;
};

export const RELEASEDIR: Handler = ({ request, fs }) => {
  const handle = directoryHandleOf(fs, request.fileHandle(fuse_release_in.offsets.fh), request.nodeid);
  return handle < 0 ? handle : closeHandle(fs, handle);
};

export const FSYNCDIR: Handler = ({ request, fs }) => {
  const handle = directoryHandleOf(fs, request.fileHandle(fuse_fsync_in.offsets.fh), request.nodeid);
  return handle < 0 ? handle : syncOpenDirectory(fs, request.nodeid);
};

export const SYNCFS: Handler = ({ fs }: Call) => syncLayer((fs.layers[0] as { fd: number }).fd);
