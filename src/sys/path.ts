// Calls on names relative to a directory's descriptor. All return a result ≥ 0 or a negative errno, see the man page of the
// same name in section 2. `dir` is a descriptor (O_PATH is enough) or AT_FDCWD.
import { EINTR, ENOSYS } from '../../protocol/errno.ts';
import { type CString, terminated } from './cstring.ts';
import type { Int64 } from './int64.ts';
import { bind, outcome, syscallNumber, within } from './libc.ts';
import type { Stat } from './stat.ts';
import type { TimeSpecs } from './times.ts';

type Fd = number;
const c_statx = bind<(dir: Fd, name: CString, flags: number, mask: number, stat: Uint8Array) => number>(
  'int statx(int, void*, int, unsigned int, void*)',
);
const c_mkdirat = bind<(dir: Fd, name: CString, mode: number) => number>(
  'int mkdirat(int, void*, unsigned int)',
);
const c_mknodat = bind<(nr: number, dir: Fd, name: CString, mode: number, rdev: number) => number>(
  'int64_t syscall(int64_t, int64_t, void*, int64_t, int64_t)',
);
const c_unlinkat = bind<(dir: Fd, name: CString, flags: number) => number>('int unlinkat(int, void*, int)');
const c_renameat2 = bind<(from: Fd, name: CString, to: Fd, newName: CString, flags: number) => number>(
  'int renameat2(int, void*, int, void*, unsigned int)',
);
const c_linkat = bind<(from: Fd, name: CString, to: Fd, newName: CString, flags: number) => number>(
  'int linkat(int, void*, int, void*, int)',
);
const c_symlinkat = bind<(target: CString, dir: Fd, name: CString) => number>(
  'int symlinkat(void*, int, void*)',
);
const c_readlinkat = bind<(dir: Fd, name: CString, bytes: Uint8Array, size: number) => number>(
  'int64_t readlinkat(int, void*, void*, size_t)',
);
const c_faccessat2 = bind<(nr: number, dir: Fd, name: CString, mode: number, flags: number) => number>(
  'int64_t syscall(int64_t, int64_t, void*, int64_t, int64_t)',
);
const c_faccessat = bind<(dir: Fd, name: CString, mode: number, flags: number) => number>(
  'int faccessat(int, void*, int, int)',
);
const c_fchownat = bind<(dir: Fd, name: CString, uid: number, gid: number, flags: number) => number>(
  'int fchownat(int, void*, unsigned int, unsigned int, int)',
);
const c_fchown = bind<(fd: Fd, uid: number, gid: number) => number>(
  'int fchown(int, unsigned int, unsigned int)',
);
const c_fchmod = bind<(fd: Fd, mode: number) => number>('int fchmod(int, unsigned int)');
const c_chmod = bind<(path: CString, mode: number) => number>('int chmod(void*, unsigned int)');
const c_utimensat = bind<(dir: Fd, name: CString, times: Uint8Array | null, flags: number) => number>(
  'int utimensat(int, void*, void*, int)',
);
const c_futimens = bind<(fd: Fd, times: Uint8Array | null) => number>('int futimens(int, void*)');
const c_truncate = bind<(path: CString, size: Int64) => number>('int truncate(void*, int64_t)');

const SYS_mknodat = syscallNumber(259, 33); // a function of its own in glibc since 2.33 only
const SYS_faccessat2 = 439;

/** Fills `stat`. `flags`: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH (with the name EMPTY: `dir` itself), AT_STATX_*; `mask`: STATX_*. */
export function statx(dir: number, name: CString, flags: number, mask: number, stat: Stat): number {
  return outcome(c_statx(dir, terminated(name), flags, mask, stat.bytes));
}

/** `mode` is reduced by the thread's umask, here and in the other calls that create. */
export function mkdirat(dir: number, name: CString, mode: number): number {
  return outcome(c_mkdirat(dir, terminated(name), mode));
}

/** `rdev`: the kernel's 32-bit encoding, as in FUSE messages and `Stat.rdev`; not glibc's 64-bit one. */
export function mknodat(dir: number, name: CString, mode: number, rdev: number): number {
  return outcome(c_mknodat(SYS_mknodat, dir, terminated(name), mode, rdev));
}

/** `flags`: 0, or AT_REMOVEDIR for a directory. */
export function unlinkat(dir: number, name: CString, flags: number): number {
  return outcome(c_unlinkat(dir, terminated(name), flags));
}

/** `flags`: RENAME_*. -EINVAL where the file system doesn't know a flag. */
export function renameat2(from: number, name: CString, to: number, newName: CString, flags: number): number {
  return outcome(c_renameat2(from, terminated(name), to, terminated(newName), flags));
}

/** `flags`: 0, AT_SYMLINK_FOLLOW (with `procPath` of a descriptor), AT_EMPTY_PATH (needs CAP_DAC_READ_SEARCH). */
export function linkat(from: number, name: CString, to: number, newName: CString, flags: number): number {
  return outcome(c_linkat(from, terminated(name), to, terminated(newName), flags));
}

export function symlinkat(target: CString, dir: number, name: CString): number {
  return outcome(c_symlinkat(terminated(target), dir, terminated(name)));
}

/** The target's length, without a NUL, cut to `size` without saying so. With the name EMPTY: of `dir`, a symlink opened by O_PATH. */
export function readlinkat(dir: number, name: CString, bytes: Uint8Array, size: number): number {
  return outcome(c_readlinkat(dir, terminated(name), bytes, within(bytes, size)));
}

/** `mode`: R_OK | W_OK | X_OK or F_OK. Without AT_EACCESS the kernel asks for the real user id, with it for the file system one, which
 * `setfsuid` changes. Flags need kernel 5.8: -ENOSYS before, rather than glibc's imitation, which knows nothing of setfsuid. */
export function faccessat(dir: number, name: CString, mode: number, flags: number): number {
  terminated(name);
  const result = outcome(c_faccessat2(SYS_faccessat2, dir, name, mode, flags));
  return result === -ENOSYS && flags === 0 ? outcome(c_faccessat(dir, name, mode, 0)) : result;
}

/** 0xffffffff leaves `uid` or `gid` as it is. `flags`: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH. */
export function fchownat(dir: number, name: CString, uid: number, gid: number, flags: number): number {
  return outcome(c_fchownat(dir, terminated(name), uid, gid, flags));
}

export function fchown(fd: number, uid: number, gid: number): number {
  return outcome(c_fchown(fd, uid, gid));
}

/** -EBADF on an O_PATH descriptor: use `chmod(procPath(fd), mode)`. */
export function fchmod(fd: number, mode: number): number {
  return outcome(c_fchmod(fd, mode));
}

/** Follows symlinks; on `procPath` of a symlink -EOPNOTSUPP. */
export function chmod(path: CString, mode: number): number {
  return outcome(c_chmod(terminated(path), mode));
}

/** `times` null: both now. `flags`: AT_SYMLINK_NOFOLLOW; AT_EMPTY_PATH from kernel 5.8. */
export function utimensat(dir: number, name: CString, times: TimeSpecs | null, flags: number): number {
  return outcome(c_utimensat(dir, terminated(name), times?.bytes ?? null, flags));
}

export function futimens(fd: number, times: TimeSpecs | null): number {
  return outcome(c_futimens(fd, times?.bytes ?? null));
}

export function truncate(path: CString, size: Int64): number {
  terminated(path);
  let result: number;
  do result = outcome(c_truncate(path, size));
  while (result === -EINTR);
  return result;
}

// One buffer for each number of digits, so that a path is written in place and its NUL is always the last byte.
const procPaths = Array.from({ length: 11 }, (_, digits) =>
  Buffer.from(`/proc/self/fd/${'0'.repeat(digits)}\0`),
);
const procDigits = '/proc/self/fd/'.length;

/** `/proc/self/fd/N`: the way to path calls (xattrs, chmod, link, open again) on what an O_PATH descriptor holds, even a symlink.
 * The bytes are this thread's own and are written over by its next call: use them at once, and one at a time. */
export function procPath(fd: number): CString {
  let digits = 1;
  for (let bound = 10; fd >= bound; bound *= 10) digits++;
  const path = procPaths[digits] as Buffer;
  for (let i = procDigits + digits - 1, rest = fd; i >= procDigits; i--) {
    path[i] = 0x30 + (rest % 10);
    rest = Math.trunc(rest / 10);
  }
  return path;
}
