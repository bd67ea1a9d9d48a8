// The links of one copied file that wait for its lower names: `.migratefs/links/KEY/1` … `N` on the upper layer, one for each name that
// is still below. So the copy has as many links as its file has names in the merged tree, at every moment, and st_nlink needs no help.

import { EEXIST, EINTR, ENOENT, ENOTEMPTY, ESTALE } from '../../protocol/errno.ts';
import {
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  STATX_BASIC_STATS,
} from '../sys/constants.ts';
import { type CString, cstring } from '../sys/cstring.ts';
import { eachDirent } from '../sys/dirents.ts';
import { close, fsync, openat } from '../sys/fd.ts';
import { linkat, mkdirat, procPath, renameat2, statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { reach } from './faultpoint.ts';
import type { FileSystem } from './filesystem.ts';
import { moveNew } from './movenew.ts';
import { openPrivateOf, privateName } from './private.ts';
import { UPPER } from './setup.ts';
import { syncDirectory } from './sync.ts';
import type { Temporary } from './temporary.ts';

/** Where a key lies, from our directory: on the upper layer its directory of links, on a lower one the file's own kept link. */
export function keyPath(key: string): CString {
  return cstring(`links/${key}`);
}

export function entryPath(key: string, entry: number): CString {
  return cstring(`links/${key}/${entry}`);
}

/** How many links are made between two looks at the interrupt. */
const AT_A_TIME = 256;

/** Links that nobody can find yet: our directory `work`, open, the name of theirs in it, and how many they are. */
export interface Entries {
  readonly work: number;
  readonly name: CString;
  readonly count: number;
}

/**
 * Makes `count` links to the copy, to be published and, whatever becomes of that, dropped. Call it as the daemon.
 * @returns them, -EMLINK when the layer's files cannot have so many names, -EINTR, or another negative errno.
 */
export function makeEntries(fs: FileSystem, copy: Temporary, count: number): Entries | number {
  const work = openPrivateOf(fs, UPPER, 'work');
  if (work < 0) return work;
  const entries = { work, name: privateName(fs, LINKS_SUFFIX), count };
  let result = mkdirat(work, entries.name, 0o700);
  if (result === 0) result = fill(fs, work, entries.name, copy, count);
  if (result === 0) return entries;
  dropEntries(entries);
  return result;
}

/**
 * Makes them the directory of `key`, whole or not at all. Call it as the daemon.
 * @returns 0, -EEXIST when the file has its copy already, or a negative errno.
 */
export function publishEntries(fs: FileSystem, ours: number, key: string, entries: Entries): number {
  const links = openPrivateOf(fs, UPPER, 'links');
  if (links < 0) return links;
  // A directory takes the place of an empty one only.
  let result = renameat2(entries.work, entries.name, ours, keyPath(key), 0);
  if (result === 0) {
    result = syncDirectory(links);
    if (result < 0) takeBackEntries(fs, ours, key, entries.count);
  }
  close(links);
  return result === -ENOTEMPTY ? -EEXIST : result;
}

/** Closes what they hold, and removes them where they have not been published. */
export function dropEntries({ work, name }: Entries): void {
  removeLinks(work, name);
  close(work);
}

const LINKS_SUFFIX = '.links';

/** Whether a name in our private directory is of one that was being made. */
export function isUnfinishedLinks(name: CString): boolean {
  return new TextDecoder('latin1').decode(name.subarray(0, -1)).endsWith(LINKS_SUFFIX);
}

function fill(fs: FileSystem, work: number, name: CString, copy: Temporary, count: number): number {
  const dir = openat(work, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (dir < 0) return dir;
  const one = cstring('1');
  let result = copy.named
    ? renameat2(copy.named.dir, copy.named.name, dir, one, 0)
    : linkat(AT_FDCWD, procPath(copy.fd), dir, one, AT_SYMLINK_FOLLOW);
  for (let entry = 2; entry <= count && result === 0; entry++) {
    if (entry % AT_A_TIME === 0 && fs.interrupted()) result = -EINTR;
    else result = linkat(dir, one, dir, cstring(`${entry}`), 0);
  }
  if (result === 0) result = fsync(dir);
  close(dir);
  return result;
}

/**
 * Gives a name to the copy: one of the links that wait becomes it. The last one stays until its name has left the lower layer: a name that
 * somebody takes away meanwhile on both layers themselves must not take the copy along, of which the file's others know.
 * @param left how many names the file has below, this one among them.
 * @returns 0, -EEXIST when something has the name, -ENOENT when no link is left, or a negative errno.
 */
export function takeEntry(ours: number, key: string, left: number, dir: number, name: CString): number {
  const result = left > 1 ? moveNew(ours, entryPath(key, left), dir, name) : -ENOENT;
  return result === -ENOENT ? takeOther(ours, key, dir, name) : result;
}

// The last one, or another name is being taken at this moment, or the lower layer is read-only and counts names that are up.
function takeOther(ours: number, key: string, dir: number, name: CString): number {
  const entries = listEntries(ours, keyPath(key));
  if (typeof entries === 'number') return entries;
  const last = entries.at(-1);
  if (last === undefined) return -ENOENT;
  const path = entryPath(key, last);
  const result = entries.length > 1 ? moveNew(ours, path, dir, name) : linkat(ours, path, dir, name, 0);
  return result === -ENOENT ? -ESTALE : result;
}

/**
 * A name has come up that stays below: the links that wait go if it was the last one.
 * @param left how many names the file had below before. @param kept whether names that came up had left the lower layer by then.
 * @returns 0 or a negative errno.
 */
export function endEntries(ours: number, key: string, left: number, kept: boolean): number {
  const entries = listEntries(ours, keyPath(key));
  if (typeof entries === 'number') return entries === -ENOENT ? 0 : entries;
  const last = entries.at(-1);
  const known =
    last === undefined
      ? -ENOENT
      : statx(ours, entryPath(key, last), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat);
  if (known < 0) return known === -ENOENT ? 0 : known;
  const waiting = kept ? left - 1 : left - (stat.nlink - entries.length);
  return waiting > 0 ? 0 : removeEntries(ours, key);
}

const stat = new Stat();

/** Takes the directory of `key` away with all that is in it. @returns 0 or a negative errno. */
export function removeEntries(ours: number, key: string): number {
  return removeLinks(ours, keyPath(key));
}

/**
 * All names of a file have come up: the index forgets it, on the upper layer first. Others may do the same at this moment.
 * @param upper our directory there. @param lower the directory that has the file's own kept link, `kept` its name or path. @returns 0 or a negative errno
 */
export function forgetKey(upper: number, key: string, lower: number, kept: CString): number {
  const removed = removeEntries(upper, key);
  const result = removed < 0 ? removed : unlinkat(lower, kept, 0);
  return result === -ENOENT ? 0 : result;
}

/** Takes `key` away again if all its links are there: nobody has used them. @returns whether it did */
export function takeBackEntries(fs: FileSystem, ours: number, key: string, count: number): boolean {
  const work = openPrivateOf(fs, UPPER, 'work');
  if (work < 0) return false;
  const name = privateName(fs, LINKS_SUFFIX);
  let unused = false;
  if (renameat2(ours, keyPath(key), work, name, 0) === 0) {
    const entries = listEntries(work, name);
    unused = typeof entries !== 'number' && entries.length === count;
    if (unused) removeLinks(work, name);
    else renameat2(work, name, ours, keyPath(key), 0);
  }
  close(work);
  return unused;
}

/** Removes a directory of links, and what others put in there meanwhile. @returns 0 or a negative errno. */
export function removeLinks(dir: number, path: CString): number {
  let removed = -ENOTEMPTY;
  for (let round = 0; round < ROUNDS && removed === -ENOTEMPTY; round++) {
    const emptied = removeEach(dir, path);
    removed = emptied < 0 ? emptied : unlinkat(dir, path, AT_REMOVEDIR);
  }
  return removed === -ENOENT ? 0 : removed;
}

/** A storage in a network may keep what is open elsewhere under a name of its own. */
const ROUNDS = 4;

function removeEach(dir: number, path: CString): number {
  const fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return fd;
  reach('links.opened');
  const entries = numbersIn(fd);
  let result = 0;
  if (typeof entries === 'number') result = entries;
  else {
    for (const entry of entries) {
      const removed = unlinkat(fd, cstring(`${entry}`), 0);
      if (removed < 0 && removed !== -ENOENT) result = removed;
    }
  }
  close(fd);
  return result;
}

/** The links that wait, in their order. */
function listEntries(dir: number, path: CString): number[] | number {
  const fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return fd;
  const entries = numbersIn(fd);
  close(fd);
  return typeof entries === 'number' ? entries : entries.sort((a, b) => a - b);
}

/** @returns a negative errno when the directory cannot be read to its end. */
function numbersIn(fd: number): number[] | number {
  const numbers: number[] = [];
  const read = eachDirent(fd, ({ name }) => {
    numbers.push(Number(new TextDecoder('latin1').decode(name.subarray(0, -1))));
    return true;
  });
  return read < 0 ? read : numbers;
}
