// Calls on attributes: what an object is, mode, owner, times, access, extended attributes.

import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_PATH,
  STATX_BASIC_STATS,
  STATX_BTIME,
} from '../../../src/sys/constants.ts';
import { close, open } from '../../../src/sys/fd.ts';
import * as at from '../../../src/sys/path.ts';
import { Stat } from '../../../src/sys/stat.ts';
import { fstatfs, StatFs } from '../../../src/sys/statfs.ts';
import { ATIME, MTIME, TimeSpecs, UTIME_NOW, UTIME_OMIT } from '../../../src/sys/times.ts';
import * as xattr from '../../../src/sys/xattr.ts';
import { bind, bytesOf, type Data, dataOf, outcome, type Path, textOf } from './support.ts';

const TYPES: Record<number, string> = {
  1: 'fifo',
  2: 'char',
  4: 'dir',
  6: 'block',
  8: 'file',
  10: 'symlink',
  12: 'socket',
};

/** What stat tells. Times in nanoseconds since 1970; `mode` without the type. */
export interface Facts {
  type: string;
  mode: number;
  uid: number;
  gid: number;
  nlink: number;
  size: number;
  blocks: number;
  blksize: number;
  ino: string;
  dev: string;
  /** `major:minor` of a device node. */
  rdev: string;
  atime: bigint;
  mtime: bigint;
  ctime: bigint;
  /** 0 where the file system has none. */
  btime: bigint;
}

const stat = new Stat();
const MASK = STATX_BASIC_STATS | STATX_BTIME;
const time = (seconds: number | bigint, nanoseconds: number) =>
  BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);

function facts(result: number): Facts | number {
  if (result < 0) return result;
  return {
    type: TYPES[stat.type >> 12] ?? '?',
    mode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    nlink: stat.nlink,
    size: Number(stat.size),
    blocks: Number(stat.blocks),
    blksize: stat.blksize,
    ino: ((BigInt(stat.inoHi) << 32n) | BigInt(stat.inoLo)).toString(),
    dev: `${stat.devMajor}:${stat.devMinor}`,
    rdev: `${stat.rdevMajor}:${stat.rdevMinor}`,
    atime: time(stat.atimeSec, stat.atimeNsec),
    mtime: time(stat.mtimeSec, stat.mtimeNsec),
    ctime: time(stat.ctimeSec, stat.ctimeNsec),
    btime: (stat.mask & STATX_BTIME) === 0 ? 0n : time(stat.btimeSec, stat.btimeNsec),
  };
}

/** A time to set: nanoseconds since 1970, or what utimensat(2) has for now and not at all. */
export type Time = bigint | 'now' | 'omit';

const times = new TimeSpecs();

function timesOf(atime: Time, mtime: Time): TimeSpecs {
  for (const [index, value] of [
    [ATIME, atime],
    [MTIME, mtime],
  ] as const) {
    if (value === 'now') times.set(index, 0, UTIME_NOW);
    else if (value === 'omit') times.set(index, 0, UTIME_OMIT);
    else {
      const nanoseconds = ((value % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
      times.set(index, (value - nanoseconds) / 1_000_000_000n, Number(nanoseconds));
    }
  }
  return times;
}

const c_fchmodat2 = bind<(nr: number, dir: number, path: Uint8Array, mode: number, flags: number) => number>(
  'int64_t syscall(int64_t, int64_t, void*, int64_t, int64_t)',
);
const SYS_fchmodat2 = 452;

const EMPTY: Path = '';
const value = new Uint8Array(1 << 17);
const shown = (length: number): string | number => (length < 0 ? length : textOf(value, length));
/** Sorted names with a space between. */
const names = (length: number): string | number =>
  length < 0 ? length : textOf(value, length).split('\0').filter(Boolean).sort().join(' ');

/** @param call is given an O_PATH descriptor of what `path` leads to */
function withFd(path: Path, call: (fd: number) => number): number {
  const fd = open(bytesOf(path), O_PATH | O_CLOEXEC);
  if (fd < 0) return fd;
  const result = call(fd);
  close(fd);
  return result;
}

export const metadataCalls = {
  stat: (path: Path) => facts(at.statx(AT_FDCWD, bytesOf(path), 0, MASK, stat)),
  lstat: (path: Path) => facts(at.statx(AT_FDCWD, bytesOf(path), AT_SYMLINK_NOFOLLOW, MASK, stat)),
  fstat: (fd: number) => facts(at.statx(fd, bytesOf(EMPTY), AT_EMPTY_PATH, MASK, stat)),
  fstatat: (dir: number, path: Path, flags = 0) => facts(at.statx(dir, bytesOf(path), flags, MASK, stat)),
  /** With every flag and mask: 0, the bytes of the answer in `into`. */
  statx: (dir: number, path: Path, flags: number, mask: number, into: Stat = stat) =>
    at.statx(dir, bytesOf(path), flags, mask, into),
  chmod: (path: Path, mode: number) => at.chmod(bytesOf(path), mode),
  fchmod: (fd: number, mode: number) => at.fchmod(fd, mode),
  /** The system call that takes flags (Linux 6.6), not glibc's imitation. */
  fchmodat: (dir: number, path: Path, mode: number, flags = 0) =>
    outcome(c_fchmodat2(SYS_fchmodat2, dir, bytesOf(path), mode, flags)),
  /** -1 leaves an id as it is. */
  chown: (path: Path, uid: number, gid: number) =>
    at.fchownat(AT_FDCWD, bytesOf(path), uid >>> 0, gid >>> 0, 0),
  lchown: (path: Path, uid: number, gid: number) =>
    at.fchownat(AT_FDCWD, bytesOf(path), uid >>> 0, gid >>> 0, AT_SYMLINK_NOFOLLOW),
  fchown: (fd: number, uid: number, gid: number) => at.fchown(fd, uid >>> 0, gid >>> 0),
  fchownat: (dir: number, path: Path, uid: number, gid: number, flags = 0) =>
    at.fchownat(dir, bytesOf(path), uid >>> 0, gid >>> 0, flags),
  utimens: (path: Path, atime: Time, mtime: Time, flags = 0) =>
    at.utimensat(AT_FDCWD, bytesOf(path), timesOf(atime, mtime), flags),
  utimensat: (dir: number, path: Path, atime: Time, mtime: Time, flags = 0) =>
    at.utimensat(dir, bytesOf(path), timesOf(atime, mtime), flags),
  /** Both times now, by a null pointer. */
  touch: (path: Path) => at.utimensat(AT_FDCWD, bytesOf(path), null, 0),
  futimens: (fd: number, atime: Time, mtime: Time) => at.futimens(fd, timesOf(atime, mtime)),
  /** With the real ids, or with AT_EACCESS the effective ones. */
  access: (path: Path, mode: number, flags = 0) => at.faccessat(AT_FDCWD, bytesOf(path), mode, flags),
  faccessat: (dir: number, path: Path, mode: number, flags = 0) =>
    at.faccessat(dir, bytesOf(path), mode, flags),
  /** Of the file system that has `path`. */
  statfs: (path: Path, into: StatFs = new StatFs()) => withFd(path, (fd) => fstatfs(fd, into)),
  fstatfs: (fd: number, into: StatFs = new StatFs()) => fstatfs(fd, into),

  // The value as text, one character for each byte; `size` is the room for it, 0 asks for the length alone.
  getxattr: (path: Path, name: string, size = value.length) =>
    shown(xattr.getxattr(bytesOf(path), bytesOf(name), value, size)),
  /** The length of a value, as it is told to who has room for `size` bytes; of a symlink itself. */
  xattrSize: (path: Path, name: string, size: number) =>
    xattr.lgetxattr(bytesOf(path), bytesOf(name), value, size),
  listSize: (path: Path, size: number) => xattr.listxattr(bytesOf(path), value, size),
  lgetxattr: (path: Path, name: string, size = value.length) =>
    shown(xattr.lgetxattr(bytesOf(path), bytesOf(name), value, size)),
  fgetxattr: (fd: number, name: string, size = value.length) =>
    shown(xattr.fgetxattr(fd, bytesOf(name), value, size)),
  /** `flags`: XATTR_*. */
  setxattr: (path: Path, name: string, data: Data, flags = 0) =>
    xattr.setxattr(bytesOf(path), bytesOf(name), dataOf(data), data.length, flags),
  lsetxattr: (path: Path, name: string, data: Data, flags = 0) =>
    xattr.lsetxattr(bytesOf(path), bytesOf(name), dataOf(data), data.length, flags),
  fsetxattr: (fd: number, name: string, data: Data, flags = 0) =>
    xattr.fsetxattr(fd, bytesOf(name), dataOf(data), data.length, flags),
  listxattr: (path: Path, size = value.length) => names(xattr.listxattr(bytesOf(path), value, size)),
  llistxattr: (path: Path, size = value.length) => names(xattr.llistxattr(bytesOf(path), value, size)),
  flistxattr: (fd: number, size = value.length) => names(xattr.flistxattr(fd, value, size)),
  removexattr: (path: Path, name: string) => xattr.removexattr(bytesOf(path), bytesOf(name)),
  lremovexattr: (path: Path, name: string) => xattr.lremovexattr(bytesOf(path), bytesOf(name)),
  fremovexattr: (fd: number, name: string) => xattr.fremovexattr(fd, bytesOf(name)),
};
