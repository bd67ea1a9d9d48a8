// Two whole trees, compared: names, types, owners, modes, sizes, links, contents, xattrs, link targets, times that were set, and that
// the numbers of the merged tree are as good as a plain file system's: one object, one number, the same for ever, in listings too.

import { errnoName } from '../../protocol/errno.ts';
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  DT_DIR,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  S_IFLNK,
  S_IFREG,
  STATX_BASIC_STATS,
  STATX_BTIME,
} from '../../src/sys/constants.ts';
import { DirentCursor } from '../../src/sys/dirents.ts';
import { close, getdents, open, pread } from '../../src/sys/fd.ts';
import { readlinkat, statx } from '../../src/sys/path.ts';
import { Stat } from '../../src/sys/stat.ts';
import { lgetxattr, llistxattr } from '../../src/sys/xattr.ts';
import { digest } from './calls-files.ts';
import { xattrNames } from './calls-metadata.ts';
import { bytes, inside, quoted, text } from './names.ts';
import { tell } from './side.ts';

interface Seen {
  /** All that must be the same, and of directories the count of links, which need not be. */
  readonly what: string;
  /** DT_*. */
  readonly type: number;
  readonly links: number;
  /** Inode number, and with the time of birth, which tells an object from a later one of the same number. */
  readonly ino: string;
  readonly born: string;
}

export type Tree = Map<string, Seen>;

const stat = new Stat();
const buffer = new Uint8Array(1 << 18);
const names = new Uint8Array(65536);

/** Everything below `root`, which is '' itself. @throws where a listing is not what a directory's listing must be */
export function look(root: string): Tree {
  const tree: Tree = new Map();
  see(tree, root, '', -1, '');
  return tree;
}

function see(tree: Tree, root: string, path: string, type: number, listed: string): void {
  const full = path === '' ? root : `${root}/${path}`;
  const name = bytes(full);
  sure(
    statx(AT_FDCWD, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, stat),
    `stat ${quoted(path)}`,
  );
  const ino = `${stat.inoHi}:${stat.inoLo}`;
  if (type >= 0 && type !== stat.type >> 12)
    fault(path, `is listed as type ${type}, and is ${stat.type >> 12}`);
  if (listed !== '' && listed !== ino) fault(path, `is listed as inode ${listed}, and is ${ino}`);
  const { isDirectory, nlink: links } = stat;
  const kind = stat.type >> 12;
  const isFile = stat.type === S_IFREG;
  const size = Number(stat.size);
  const born = `${ino} ${stat.btimeSec}.${stat.btimeNsec}`;
  let what = `type ${stat.type >> 12} ${tell(stat)}`;
  if (stat.type === S_IFLNK) what += ` to ${quoted(linkTarget(name, path))}`;
  if (isFile) what += ` content ${content(name, path, size)}`;
  what += xattrs(name);
  tree.set(path, { what, type: kind, links, ino, born });
  if (isDirectory)
    for (const [child, as] of list(name, path, ino)) see(tree, root, inside(path, child), as.type, as.ino);
}

function linkTarget(name: Uint8Array, path: string): string {
  return text(buffer.subarray(0, sure(readlinkat(AT_FDCWD, name, buffer, 8192), `readlink ${quoted(path)}`)));
}

function content(name: Uint8Array, path: string, size: number): string {
  const fd = sure(open(name, O_RDONLY | O_NOFOLLOW), `open ${quoted(path)}`);
  const count = sure(pread(fd, buffer, Math.min(size + 1, buffer.length), 0), `read ${quoted(path)}`);
  close(fd);
  return digest(buffer, count);
}

function xattrs(name: Uint8Array): string {
  const list = xattrNames(llistxattr(name, names, names.length), names);
  if (!list.includes('.')) return list === '' ? '' : ` xattrs ${list}`;
  return list.split(' ').reduce((all, each) => {
    return `${all} ${each}=${digest(buffer, lgetxattr(name, bytes(each), buffer, buffer.length))}`;
  }, '');
}

function list(name: Uint8Array, path: string, own: string): Map<string, { type: number; ino: string }> {
  const cursor = new DirentCursor(new Uint8Array(4096));
  const fd = sure(open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), `open ${quoted(path)}`);
  const found = new Map<string, { type: number; ino: string }>();
  for (;;) {
    const count = sure(getdents(fd, cursor.bytes), `list ${quoted(path)}`);
    if (count === 0) break;
    cursor.load(count);
    while (cursor.next()) {
      const entry = text(cursor.name.subarray(0, -1));
      if (found.has(entry)) fault(path, `lists ${quoted(entry)} twice`);
      found.set(entry, { type: cursor.type, ino: `${cursor.inoHi}:${cursor.inoLo}` });
    }
  }
  close(fd);
  for (const dots of ['.', '..'])
    if (found.get(dots)?.type !== 4) fault(path, `does not list ${dots} as a directory`);
  if (found.get('.')?.ino !== own) fault(path, `lists . as inode ${found.get('.')?.ino}, and is ${own}`);
  found.delete('.');
  found.delete('..');
  return found;
}

/** Something that is wrong with one tree by itself. */
export class TreeFault extends Error {}

function fault(path: string, what: string): never {
  throw new TreeFault(`${quoted(path)} ${what}`);
}

function sure(result: number, what: string): number {
  return result >= 0 ? result : fault('', `${what}: ${errnoName(result)}`);
}

/** Which object of the plain tree has which number in the merged one, since the start. */
export type Numbers = Map<string, string>;

/** @returns the first difference, or undefined. */
export function compareTrees(plain: Tree, merged: Tree, numbers: Numbers): string | undefined {
  for (const [path, expected] of plain) {
    const got = merged.get(path);
    if (!got) return `${quoted(path)} is missing: ${expected.what}`;
    const difference = compareObjects(expected, got, numbers);
    if (difference) return `${quoted(path)} ${difference}`;
  }
  for (const [path, got] of merged) if (!plain.has(path)) return `${quoted(path)} should not be: ${got.what}`;
  return oneNumberEach(plain, merged);
}

function compareObjects(expected: Seen, got: Seen, numbers: Numbers): string | undefined {
  if (expected.what !== got.what) return `is ${got.what}\n    not ${expected.what}`;
  // 1 says of a directory that its count means nothing; any other count must be right.
  if (got.type === DT_DIR && got.links !== 1 && got.links !== expected.links) {
    return `links ${got.links}, not ${expected.links} or 1`;
  }
  const known = numbers.get(expected.born);
  numbers.set(expected.born, got.ino);
  return known === undefined || known === got.ino ? undefined : `has inode ${got.ino}, and had ${known}`;
}

/** Names of one file have one number, and other files another. */
function oneNumberEach(plain: Tree, merged: Tree): string | undefined {
  const owners = new Map<string, string>();
  for (const [path, { ino }] of merged) {
    const born = plain.get(path)?.born as string;
    const owner = owners.get(ino);
    if (owner !== undefined && owner !== born)
      return `${quoted(path)} has inode ${ino}, which another object has`;
    owners.set(ino, born);
  }
  return undefined;
}
