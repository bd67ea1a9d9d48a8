// Calls on names: making, removing, renaming, linking, listing; the working directory and the umask.

import {
  AT_FDCWD,
  AT_REMOVEDIR,
  DT_BLK,
  DT_CHR,
  DT_DIR,
  DT_FIFO,
  DT_LNK,
  DT_REG,
  DT_SOCK,
} from '../../../src/sys/constants.ts';
import { umask } from '../../../src/sys/credentials.ts';
import { DirentCursor } from '../../../src/sys/dirents.ts';
import { getdents } from '../../../src/sys/fd.ts';
import { syscallNumber } from '../../../src/sys/libc.ts';
import * as at from '../../../src/sys/path.ts';
import { bind, bytesOf, outcome, type Path, textOf } from './support.ts';

const c_chdir = bind<(path: Uint8Array) => number>('int chdir(void*)');
const c_fchdir = bind<(fd: number) => number>('int fchdir(int)');
const c_getcwd = bind<(nr: number, bytes: Uint8Array, size: number) => number>(
  'int64_t syscall(int64_t, void*, size_t)',
);
const SYS_getcwd = syscallNumber(79, 17); // glibc's goes other ways when the kernel's fails

const buffer = new Uint8Array(1 << 16);

/** An entry of a directory. `next`: where lseek goes on behind it. */
export interface Entry {
  name: string;
  type: string;
  ino: string;
  next: number | bigint;
}

const DT_NAMES: Record<number, string> = {
  [DT_FIFO]: 'fifo',
  [DT_CHR]: 'char',
  [DT_DIR]: 'dir',
  [DT_BLK]: 'block',
  [DT_REG]: 'file',
  [DT_LNK]: 'symlink',
  [DT_SOCK]: 'socket',
};

export const nameCalls = {
  mkdir: (path: Path, mode = 0o777) => at.mkdirat(AT_FDCWD, bytesOf(path), mode),
  mkdirat: (dir: number, path: Path, mode = 0o777) => at.mkdirat(dir, bytesOf(path), mode),
  rmdir: (path: Path) => at.unlinkat(AT_FDCWD, bytesOf(path), AT_REMOVEDIR),
  unlink: (path: Path) => at.unlinkat(AT_FDCWD, bytesOf(path), 0),
  unlinkat: (dir: number, path: Path, flags = 0) => at.unlinkat(dir, bytesOf(path), flags),
  rename: (from: Path, to: Path, flags = 0) =>
    at.renameat2(AT_FDCWD, bytesOf(from), AT_FDCWD, bytesOf(to), flags),
  renameat2: (fromDir: number, from: Path, toDir: number, to: Path, flags = 0) =>
    at.renameat2(fromDir, bytesOf(from), toDir, bytesOf(to), flags),
  link: (from: Path, to: Path, flags = 0) => at.linkat(AT_FDCWD, bytesOf(from), AT_FDCWD, bytesOf(to), flags),
  linkat: (fromDir: number, from: Path, toDir: number, to: Path, flags = 0) =>
    at.linkat(fromDir, bytesOf(from), toDir, bytesOf(to), flags),
  symlink: (target: Path, path: Path) => at.symlinkat(bytesOf(target), AT_FDCWD, bytesOf(path)),
  symlinkat: (target: Path, dir: number, path: Path) => at.symlinkat(bytesOf(target), dir, bytesOf(path)),
  /** The target, one character for each byte, or a negative errno. */
  readlink: (path: Path, size = 8192, dir = AT_FDCWD): string | number => {
    const length = at.readlinkat(dir, bytesOf(path), buffer, size);
    return length < 0 ? length : textOf(buffer, length);
  },
  /** `mode`: S_IF* with permission bits; `rdev` as `deviceNumber` gives it. */
  mknod: (path: Path, mode: number, rdev = 0) => at.mknodat(AT_FDCWD, bytesOf(path), mode, rdev),
  mknodat: (dir: number, path: Path, mode: number, rdev = 0) => at.mknodat(dir, bytesOf(path), mode, rdev),
  chdir: (path: Path) => outcome(c_chdir(bytesOf(path))),
  fchdir: (fd: number) => outcome(c_fchdir(fd)),
  getcwd: (): string | number => {
    const length = outcome(c_getcwd(SYS_getcwd, buffer, buffer.length));
    return length < 0 ? length : textOf(buffer, length - 1);
  },
  /** Sets the umask. @returns the previous one. Each case starts with 022. */
  umask,
  /** One getdents64 into a buffer of `size` bytes: the entries, none at the end, or a negative errno. */
  getdents: (fd: number, size = 32768): Entry[] | number => {
    const cursor = new DirentCursor(new Uint8Array(size));
    const count = getdents(fd, cursor.bytes);
    if (count < 0) return count;
    const entries: Entry[] = [];
    for (cursor.load(count); cursor.next(); ) {
      const { name, type, inoLo, inoHi, offset: next } = cursor;
      const ino = ((BigInt(inoHi) << 32n) | BigInt(inoLo)).toString();
      entries.push({ name: textOf(name, name.length - 1), type: DT_NAMES[type] ?? 'unknown', ino, next });
    }
    return entries;
  },
};

/** A device's number as mknod takes it. */
export function deviceNumber(major: number, minor: number): number {
  return (minor & 0xff) | (major << 8) | ((minor & 0xfff00) << 12);
}
