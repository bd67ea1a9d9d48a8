// The sick file system's operations on open files and directories, when they are well. A handle is a descriptor of the object behind.

import {
  DirentWriter,
  errno,
  FUSE_FSYNC_FDATASYNC,
  fuse_create_in,
  fuse_entry_out,
  fuse_fallocate_in,
  fuse_fsync_in,
  fuse_lseek_in,
  fuse_lseek_out,
  fuse_open_in,
  fuse_open_out,
  fuse_read_in,
  fuse_release_in,
  fuse_statfs_out,
  fuse_write_in,
  fuse_write_out,
  type OperationName,
} from '../../protocol/index.ts';
import {
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  SEEK_SET,
} from '../../src/sys/constants.ts';
import { DirentCursor } from '../../src/sys/dirents.ts';
import {
  close,
  fallocate,
  fdatasync,
  fsync,
  getdents,
  lseek,
  open,
  openat,
  pread,
  pwrite,
} from '../../src/sys/fd.ts';
import { procPath } from '../../src/sys/path.ts';
import { fstatfs, StatFs } from '../../src/sys/statfs.ts';
import { entry, giveAway } from './names.ts';
import type { Serve, Work } from './work.ts';

/** The kernel has followed links, made the file and emptied it itself. */
const NOT_PASSED = O_CREAT | O_EXCL | O_NOFOLLOW;

export const files: Partial<Record<OperationName, Serve>> = {
  OPEN: (work) => {
    const flags = work.request.u32(fuse_open_in.offsets.flags) & ~NOT_PASSED;
    return opened(work, 0, open(procPath(work.node.fd), flags | O_CLOEXEC));
  },
  CREATE: (work) => {
    const { request, node } = work;
    const { flags, mode } = fuse_create_in.offsets;
    const name = request.name(0);
    const bits = request.u32(mode);
    const fd = openat(node.fd, name, request.u32(flags) | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, bits);
    let result = fd < 0 ? fd : giveAway(work, name, bits);
    if (result >= 0) result = entry(work, 0);
    if (result >= 0) return opened(work, fuse_entry_out.size, fd);
    if (fd >= 0) close(fd);
    return result;
  },
  // As on file systems that have no files without a name.
  TMPFILE: () => -errno.EOPNOTSUPP,
  READ: ({ request, reply, most }) => {
    const { fh, size, offset } = fuse_read_in.offsets;
    const length = Math.min(request.u32(size), most);
    return pread(request.fileHandle(fh), reply.body, length, request.signedInt64(offset));
  },
  WRITE: ({ request, reply, most }) => {
    const { fh, offset } = fuse_write_in.offsets;
    const length = Math.min(request.payloadLength, most);
    const size = pwrite(request.fileHandle(fh), request.payload(), length, request.signedInt64(offset));
    if (size < 0) return size;
    reply.zero(fuse_write_out.size);
    fuse_write_out.encode({ size }, reply.body);
    return fuse_write_out.size;
  },
  FLUSH: () => 0,
  FSYNC: ({ request }) => {
    const { fh, fsync_flags } = fuse_fsync_in.offsets;
    const sync = (request.u32(fsync_flags) & FUSE_FSYNC_FDATASYNC) !== 0 ? fdatasync : fsync;
    return sync(request.fileHandle(fh));
  },
  FALLOCATE: ({ request }) => {
    const { fh, mode, offset, length } = fuse_fallocate_in.offsets;
    const [from, bytes] = [request.signedInt64(offset), request.signedInt64(length)];
    return fallocate(request.fileHandle(fh), request.u32(mode), from, bytes);
  },
  LSEEK: ({ request, reply }) => {
    const { fh, offset, whence } = fuse_lseek_in.offsets;
    const found = lseek(request.fileHandle(fh), request.signedInt64(offset), request.u32(whence));
    if (found < 0) return Number(found);
    fuse_lseek_out.encode({ offset: found }, reply.body);
    return fuse_lseek_out.size;
  },
  RELEASE: released,
  OPENDIR: (work) => opened(work, 0, open(procPath(work.node.fd), O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
  READDIR: readDirectory,
  FSYNCDIR: ({ request }) => fsync(request.fileHandle(fuse_fsync_in.offsets.fh)),
  RELEASEDIR: released,
  STATFS: ({ node, reply }) => {
    const has = new StatFs();
    const result = fstatfs(node.fd, has);
    if (result < 0) return result;
    const { blocks, bfree, bavail, files, ffree, bsize, namelen, frsize } = has;
    reply.zero(fuse_statfs_out.size);
    const st = { blocks, bfree, bavail, files, ffree, bsize, namelen, frsize };
    fuse_statfs_out.encode({ st }, reply.body);
    return fuse_statfs_out.size;
  },
};

function opened({ reply }: Work, at: number, fd: number): number {
  if (fd < 0) return fd;
  const out = reply.body.subarray(at, at + fuse_open_out.size);
  fuse_open_out.encode({ fh: fd, open_flags: 0, backing_id: 0 }, out);
  return at + fuse_open_out.size;
}

function released({ request }: Work): number {
  return close(request.fileHandle(fuse_release_in.offsets.fh));
}

const cursor = new DirentCursor(new Uint8Array(32 << 10));

function readDirectory({ request, reply }: Work): number {
  const { fh, offset, size } = fuse_read_in.offsets;
  const fd = request.fileHandle(fh);
  const moved = lseek(fd, request.signedInt64(offset), SEEK_SET);
  if (moved < 0) return Number(moved);
  const writer = new DirentWriter(reply.body);
  writer.start(request.u32(size));
  for (;;) {
    const count = getdents(fd, cursor.bytes);
    if (count < 0) return count;
    if (count === 0) return writer.length;
    cursor.load(count);
    while (cursor.next()) {
      if (!writer.add(cursor.inoLo, cursor.inoHi, cursor.offset, cursor.type, cursor.name))
        return writer.length;
    }
  }
}
