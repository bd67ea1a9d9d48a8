// Descriptors: open, read, write, seek, allocate, sync. All return a result ≥ 0 or a negative errno, see the man page of
// the same name in section 2. Calls that a signal broke off before they did anything (EINTR) are made again.
import { EINTR } from '../../protocol/errno.ts';
import { type CString, terminated } from './cstring.ts';
import type { Int64 } from './int64.ts';
import { addressOf, bind, outcome, outcome64, syscallNumber, within } from './libc.ts';

type Fd = number;
const c_open = bind<(path: CString, flags: number, mode: number) => number>(
  'int open(void*, int, unsigned int)',
);
const c_openat = bind<(dir: Fd, name: CString, flags: number, mode: number) => number>(
  'int openat(int, void*, int, unsigned int)',
);
const c_openat2 = bind<(nr: number, dir: Fd, name: CString, how: Uint32Array, size: number) => number>(
  'int64_t syscall(int64_t, int64_t, void*, void*, size_t)',
);
const c_getdents64 = bind<(nr: number, fd: Fd, bytes: Uint8Array, length: number) => number>(
  'int64_t syscall(int64_t, int64_t, void*, size_t)',
);
const c_close = bind<(fd: Fd) => number>('int close(int)');
const c_read = bind<(fd: Fd, bytes: Uint8Array, length: number) => number>(
  'int64_t read(int, void*, size_t)',
);
const c_write = bind<(fd: Fd, bytes: Uint8Array, length: number) => number>(
  'int64_t write(int, void*, size_t)',
);
const c_pread = bind<(fd: Fd, bytes: Uint8Array, length: number, offset: Int64) => number>(
  'int64_t pread(int, void*, size_t, int64_t)',
);
const c_pwrite = bind<(fd: Fd, bytes: Uint8Array, length: number, offset: Int64) => number>(
  'int64_t pwrite(int, void*, size_t, int64_t)',
);
const c_pwritev2 = bind<
  (fd: Fd, vector: BigUint64Array, count: number, offset: Int64, flags: number) => number
>('int64_t pwritev2(int, void*, int, int64_t, int)');
const c_lseek = bind<(fd: Fd, offset: Int64, whence: number) => Int64>('int64_t lseek(int, int64_t, int)');
const c_fsync = bind<(fd: Fd) => number>('int fsync(int)');
const c_fdatasync = bind<(fd: Fd) => number>('int fdatasync(int)');
const c_syncfs = bind<(fd: Fd) => number>('int syncfs(int)');
const c_ftruncate = bind<(fd: Fd, size: Int64) => number>('int ftruncate(int, int64_t)');
const c_fallocate = bind<(fd: Fd, mode: number, offset: Int64, length: Int64) => number>(
  'int fallocate(int, int, int64_t, int64_t)',
);
const c_dup3 = bind<(from: Fd, to: Fd, flags: number) => number>('int dup3(int, int, int)');
const c_fcntl = bind<(fd: Fd, command: number, argument: number) => number>('int fcntl(int, int, int64_t)');
const c_memfd = bind<(name: CString, flags: number) => number>('int memfd_create(void*, unsigned int)');
const c_pipe2 = bind<(pair: Int32Array, flags: number) => number>('int pipe2(void*, int)');
const c_poll = bind<(set: Int32Array, count: number, timeout: number) => number>(
  'int poll(void*, unsigned long, int)',
);

const SYS_openat2 = 437;
const SYS_getdents64 = syscallNumber(217, 61); // glibc before 2.30 has no wrapper
const F_GETFL = 3;
const F_SETFL = 4;
const F_DUPFD_CLOEXEC = 1030;
const MFD_CLOEXEC = 1;
const RWF_APPEND = 0x10;

/** A new descriptor. `flags`: O_*; O_CLOEXEC is not added, say it. */
export function open(path: CString, flags: number, mode = 0): number {
  terminated(path);
  let fd: number;
  do fd = outcome(c_open(path, flags, mode));
  while (fd === -EINTR);
  return fd;
}

export function openat(dir: number, name: CString, flags: number, mode = 0): number {
  terminated(name);
  let fd: number;
  do fd = outcome(c_openat(dir, name, flags, mode));
  while (fd === -EINTR);
  return fd;
}

const how = new Uint32Array(new ArrayBuffer(24)); // struct open_how: flags, mode, resolve, 64 bits each

/** `resolve`: RESOLVE_* bits. -ENOSYS on kernels before 5.6; -EAGAIN if a rename ran against a walk through `..`. */
export function openat2(dir: number, name: CString, flags: number, mode: number, resolve: number): number {
  terminated(name);
  how[0] = flags;
  how[2] = mode;
  how[4] = resolve;
  let fd: number;
  do fd = outcome(c_openat2(SYS_openat2, dir, name, how, how.byteLength));
  while (fd === -EINTR);
  return fd;
}

/** Never to be repeated, whatever it returns: Linux has freed the descriptor, even when it reports an error. */
export function close(fd: number): number {
  return outcome(c_close(fd));
}

/** Bytes read, at most `length`; 0 at the end. */
export function read(fd: number, bytes: Uint8Array, length: number): number {
  within(bytes, length);
  let count: number;
  do count = outcome(c_read(fd, bytes, length));
  while (count === -EINTR);
  return count;
}

/** Bytes written, which may be fewer than `length`. */
export function write(fd: number, bytes: Uint8Array, length: number): number {
  within(bytes, length);
  let count: number;
  do count = outcome(c_write(fd, bytes, length));
  while (count === -EINTR);
  return count;
}

export function pread(fd: number, bytes: Uint8Array, length: number, offset: Int64): number {
  within(bytes, length);
  let count: number;
  do count = outcome(c_pread(fd, bytes, length, offset));
  while (count === -EINTR);
  return count;
}

export function pwrite(fd: number, bytes: Uint8Array, length: number, offset: Int64): number {
  within(bytes, length);
  let count: number;
  do count = outcome(c_pwrite(fd, bytes, length, offset));
  while (count === -EINTR);
  return count;
}

const vector = new BigUint64Array(new ArrayBuffer(16)); // struct iovec: address, length

/** Writes at the file's end whatever the descriptor's flags say. `bytes` as `addressOf` wants them. */
export function append(fd: number, bytes: Uint8Array, length: number): number {
  vector[0] = addressOf(bytes.buffer as ArrayBuffer) + BigInt(bytes.byteOffset);
  vector[1] = BigInt(within(bytes, length));
  let count: number;
  do count = outcome(c_pwritev2(fd, vector, 1, 0, RWF_APPEND));
  while (count === -EINTR);
  return count;
}

/** The new offset. SEEK_DATA and SEEK_HOLE: -ENXIO when there is no more data past `offset`. */
export function lseek(fd: number, offset: Int64, whence: number): Int64 {
  return outcome64(c_lseek(fd, offset, whence));
}

export function fsync(fd: number): number {
  let result: number;
  do result = outcome(c_fsync(fd));
  while (result === -EINTR);
  return result;
}

export function fdatasync(fd: number): number {
  let result: number;
  do result = outcome(c_fdatasync(fd));
  while (result === -EINTR);
  return result;
}

/** Writes out the whole file system that holds `fd`. */
export function syncfs(fd: number): number {
  return outcome(c_syncfs(fd));
}

export function ftruncate(fd: number, size: Int64): number {
  let result: number;
  do result = outcome(c_ftruncate(fd, size));
  while (result === -EINTR);
  return result;
}

/** `mode`: 0 to allocate, or FALLOC_FL_* bits. */
export function fallocate(fd: number, mode: number, offset: Int64, length: Int64): number {
  let result: number;
  do result = outcome(c_fallocate(fd, mode, offset, length));
  while (result === -EINTR);
  return result;
}

/** Makes `to` another name of `from`, closing what it was. `flags`: 0 or O_CLOEXEC. */
export function dup3(from: number, to: number, flags: number): number {
  let result: number;
  do result = outcome(c_dup3(from, to, flags));
  while (result === -EINTR);
  return result;
}

/** Another descriptor of the same open file, closed on exec. */
export function dupCloexec(fd: number): number {
  return outcome(c_fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

/** The open file's access mode and status flags (O_RDWR, O_APPEND…). */
export function getFlags(fd: number): number {
  return outcome(c_fcntl(fd, F_GETFL, 0));
}

/** Sets O_APPEND, O_DIRECT, O_NOATIME and O_NONBLOCK; the other bits are ignored. It binds all descriptors of the open file. */
export function setFlags(fd: number, flags: number): number {
  return outcome(c_fcntl(fd, F_SETFL, flags));
}

/** Fills `bytes` with directory records (walk them with DirentCursor): how many bytes, 0 at the end, -EINVAL if not even one
 * record fits. Two threads on one descriptor share its position. */
export function getdents(fd: number, bytes: Uint8Array): number {
  return outcome(c_getdents64(SYS_getdents64, fd, bytes, bytes.length));
}

/** A file in memory, closed on exec. `name` shows in /proc only. */
export function memfd(name: CString): number {
  return outcome(c_memfd(terminated(name), MFD_CLOEXEC));
}

/** Fills `pair` with the reading and the writing end. */
export function pipe2(pair: Int32Array, flags: number): number {
  within(pair, 8);
  return outcome(c_pipe2(pair, flags));
}

const pollSet = new Int32Array(new ArrayBuffer(8)); // struct pollfd: fd, then events and revents, 16 bits each

/** The events that are there (POLL* bits), 0 when `timeoutMs` passed without one (-1: wait for ever), -EINTR on a signal:
 * not repeated, since the caller knows how long it still wants to wait. */
export function poll(fd: number, events: number, timeoutMs: number): number {
  pollSet[0] = fd;
  pollSet[1] = events & 0xffff;
  const count = outcome(c_poll(pollSet, 1, timeoutMs));
  return count > 0 ? (pollSet[1] as number) >>> 16 : count;
}
