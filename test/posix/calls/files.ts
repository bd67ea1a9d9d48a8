// Calls on open files: opening, reading and writing, sizes, holes, copies, syncing, mapping into memory.

import { AT_FDCWD, O_CLOEXEC, SEEK_SET } from '../../../src/sys/constants.ts';
import { ioctl } from '../../../src/sys/copy.ts';
import * as fd from '../../../src/sys/fd.ts';
import { truncate } from '../../../src/sys/path.ts';
import {
  bind,
  bytesOf,
  type Data,
  dataOf,
  forgotten,
  kept,
  outcome,
  outcome64,
  type Path,
  textOf,
  type Wide,
} from './support.ts';

const c_copy_file_range = bind<
  (
    from: number,
    offIn: BigInt64Array | null,
    to: number,
    offOut: BigInt64Array | null,
    n: Wide,
    flags: number,
  ) => Wide
>('int64_t copy_file_range(int, void*, int, void*, size_t, unsigned int)');
const c_fcntl = bind<(fd: number, command: number, argument: Wide) => number>('int fcntl(int, int, int64_t)');
// Addresses are passed as integers, so that the file's own memory is meant and not a buffer's.
const c_mmap = bind<(at: Wide, length: Wide, prot: number, flags: number, fd: number, offset: Wide) => Wide>(
  'int64_t mmap(int64_t, size_t, int, int, int, int64_t)',
);
const c_munmap = bind<(at: Wide, length: Wide) => number>('int munmap(int64_t, size_t)');
const c_msync = bind<(at: Wide, length: Wide, flags: number) => number>('int msync(int64_t, size_t, int)');
const c_peek = bind<(to: Uint8Array, from: Wide, length: number) => Wide>(
  'int64_t memcpy(void*, int64_t, size_t)',
);
const c_poke = bind<(to: Wide, from: Uint8Array, length: number) => Wide>(
  'int64_t memcpy(int64_t, void*, size_t)',
);

const offsetOf = (offset: Wide | null) => (offset === null ? null : new BigInt64Array([BigInt(offset)]));

/** Reads what a call fills in, as text; or its errno. */
function filled(length: number, call: (bytes: Uint8Array) => number): string | number {
  const bytes = new Uint8Array(new ArrayBuffer(length));
  const count = call(bytes);
  return count < 0 ? count : textOf(bytes, count);
}

const mappings = new Map<number, Wide>();

/** Takes away the mappings that are left. */
export function unmapLeft(): void {
  for (const [address, length] of mappings) c_munmap(address, length);
  mappings.clear();
}

export const fileCalls = {
  // With O_CLOEXEC: what a case has open, its other processes have not.
  open: (path: Path, flags: number, mode = 0o666) => kept(fd.open(bytesOf(path), flags | O_CLOEXEC, mode)),
  openat: (dir: number, path: Path, flags: number, mode = 0o666) =>
    kept(fd.openat(dir, bytesOf(path), flags | O_CLOEXEC, mode)),
  openat2: (path: Path, flags: number, mode: number, resolve: number) =>
    kept(fd.openat2(AT_FDCWD, bytesOf(path), flags, mode, resolve)),
  close: (file: number) => {
    forgotten(file);
    return fd.close(file);
  },
  dup: (file: number) => kept(fd.dupCloexec(file)),
  /** What was read, one character for each byte, or a negative errno. */
  read: (file: number, length: number) => filled(length, (bytes) => fd.read(file, bytes, length)),
  pread: (file: number, length: number, offset: Wide) =>
    filled(length, (bytes) => fd.pread(file, bytes, length, offset)),
  write: (file: number, data: Data) => fd.write(file, dataOf(data), data.length),
  pwrite: (file: number, data: Data, offset: Wide) => fd.pwrite(file, dataOf(data), data.length, offset),
  lseek: (file: number, offset: Wide, whence = SEEK_SET) => Number(fd.lseek(file, offset, whence)),
  /** lseek, exact where a position passes 2^53, as a directory's may. */
  seek: (file: number, offset: Wide, whence: number) => fd.lseek(file, offset, whence),
  truncate: (path: Path, size: Wide) => truncate(bytesOf(path), size),
  ftruncate: (file: number, size: Wide) => fd.ftruncate(file, size),
  fallocate: (file: number, mode: number, offset: Wide, length: Wide) =>
    fd.fallocate(file, mode, offset, length),
  /** `null` for an offset: the descriptor's own position, which moves. */
  copyFileRange: (
    from: number,
    offIn: Wide | null,
    to: number,
    offOut: Wide | null,
    length: Wide,
    flags = 0,
  ) => Number(outcome64(c_copy_file_range(from, offsetOf(offIn), to, offsetOf(offOut), length, flags))),
  fsync: (file: number) => fd.fsync(file),
  fdatasync: (file: number) => fd.fdatasync(file),
  syncfs: (file: number) => fd.syncfs(file),
  /** fcntl with a number as its argument; locks have calls of their own. */
  fcntl: (file: number, command: number, argument: Wide = 0) => outcome(c_fcntl(file, command, argument)),
  /** `bytes` must be as long as the request reads and writes. */
  ioctl: (file: number, request: number, bytes: Uint8Array | null) => ioctl(file, request, bytes),
  /** The address, or a negative errno. */
  mmap: (length: Wide, prot: number, flags: number, file: number, offset: Wide = 0) => {
    const address = Number(outcome64(c_mmap(0, length, prot, flags, file, offset)));
    if (address > 0) mappings.set(address, length);
    return address;
  },
  munmap: (address: number, length: Wide) => {
    mappings.delete(address);
    return outcome(c_munmap(address, length));
  },
  msync: (address: number, length: Wide, flags: number) => outcome(c_msync(address, length, flags)),
  /** What lies in mapped memory. Past the file's last page the signal ends the process: ask another one. */
  peek: (address: number, length: number): string => {
    const bytes = new Uint8Array(new ArrayBuffer(length));
    c_peek(bytes, address, length);
    return textOf(bytes);
  },
  /** Writes into mapped memory. */
  poke: (address: number, data: Data): void => {
    c_poke(address, dataOf(data), data.length);
  },
};

// mmap(2) and msync(2)
export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const MAP_SHARED = 1;
export const MAP_PRIVATE = 2;
export const MS_ASYNC = 1;
export const MS_INVALIDATE = 2;
export const MS_SYNC = 4;
