// Lays things out in a plain directory, which a layer is, or through a mount.

import { errnoName } from '../../protocol/errno.ts';
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_WRONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  S_IFSOCK,
} from '../../src/sys/constants.ts';
import { close, ftruncate, open, write } from '../../src/sys/fd.ts';
import { chmod, fchownat, linkat, mkdirat, mknodat, symlinkat, utimensat } from '../../src/sys/path.ts';
import { ATIME, MTIME, TimeSpecs } from '../../src/sys/times.ts';
import { lsetxattr } from '../../src/sys/xattr.ts';
import { deviceNumber } from './calls/names.ts';
import { bytesOf, dataOf } from './calls/support.ts';
import { dir, type Given, type Thing } from './case.ts';

/** One object of one layer. */
export interface Placed {
  path: string;
  thing: Thing;
}

/** 2020-01-01, and some nanoseconds. */
export const LONG_AGO = 1_577_836_800_123_456_789n;

/** Everything that is given, with the case's directory and the parents that are not named; parents first, hard links last. */
export function complete(given: Given): Placed[] {
  const things = new Map<string, Thing>([['.', given['.'] ?? dir()]]);
  for (const [path, thing] of Object.entries(given)) {
    const parts = path.split('/');
    for (let i = 1; i < parts.length; i++) {
      const parent = parts.slice(0, i).join('/');
      if (!things.has(parent)) things.set(parent, given[parent] ?? dir());
    }
    things.set(path, thing);
  }
  const list = [...things].map(([path, thing]) => ({ path, thing }));
  const isLink = ({ thing }: Placed) => thing.kind === 'link';
  return [...list.filter((each) => !isLink(each)), ...list.filter(isLink)];
}

const inside = (root: string, path: string) => (path === '.' ? root : `${root}/${path}`);

/** Makes things below `root`, which is made too if it is among them. */
export function build(root: string, things: readonly Placed[]): void {
  for (const { path, thing } of things) make(root, inside(root, path), thing);
  // What is made in a directory changes its times, and may need a mode that it does not keep.
  for (const { path, thing } of [...things].reverse()) dress(inside(root, path), thing);
}

function make(root: string, at: string, thing: Thing): void {
  const path = bytesOf(at);
  const sure = (result: number) => {
    if (result < 0) throw new Error(`cannot be laid out: ${at}: ${errnoName(result)}`);
    return result;
  };
  switch (thing.kind) {
    case 'dir':
      sure(mkdirat(AT_FDCWD, path, 0o700));
      break;
    case 'file': {
      const fd = sure(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600));
      if (thing.content.length > 0) sure(write(fd, dataOf(thing.content), thing.content.length));
      if (thing.size !== undefined) sure(ftruncate(fd, thing.size));
      sure(close(fd));
      break;
    }
    case 'symlink':
      sure(symlinkat(bytesOf(thing.target), AT_FDCWD, path));
      break;
    case 'link':
      sure(linkat(AT_FDCWD, bytesOf(`${root}/${thing.to}`), AT_FDCWD, path, 0));
      break;
    case 'char':
    case 'block': {
      const type = thing.kind === 'char' ? S_IFCHR : S_IFBLK;
      sure(mknodat(AT_FDCWD, path, type | 0o600, deviceNumber(thing.major, thing.minor)));
      break;
    }
    default:
      sure(mknodat(AT_FDCWD, path, (thing.kind === 'fifo' ? S_IFIFO : S_IFSOCK) | 0o600, 0));
  }
}

const times = new TimeSpecs();

function dress(at: string, thing: Thing): void {
  if (thing.kind === 'link') return;
  const path = bytesOf(at);
  const sure = (result: number) => {
    if (result < 0) throw new Error(`cannot be given its attributes: ${at}: ${errnoName(result)}`);
  };
  const { uid, gid, mode, mtime = LONG_AGO } = thing;
  if (uid !== undefined || gid !== undefined) {
    sure(fchownat(AT_FDCWD, path, (uid ?? -1) >>> 0, (gid ?? -1) >>> 0, AT_SYMLINK_NOFOLLOW));
  }
  if (mode !== undefined && thing.kind !== 'symlink') sure(chmod(path, mode));
  for (const [name, value] of Object.entries(thing.xattrs ?? {})) {
    sure(lsetxattr(path, bytesOf(name), dataOf(value), value.length, 0));
  }
  const [sec, nsec] = [mtime / 1_000_000_000n, Number(mtime % 1_000_000_000n)];
  times.set(ATIME, sec, nsec).set(MTIME, sec, nsec);
  sure(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW));
}
