// Open directories. One that a single layer has is that layer's own descriptor, with the layer's own offsets; a merged one is a memfd
// that holds the finished listing in wire format, so that offsets stay what they were whatever happens to the directory meanwhile.

import { EINVAL, EIO, ENOENT, ESTALE } from '../../protocol/errno.ts';
import type { Int64, NodeId } from '../../protocol/types.ts';
import { highWord, lowWord } from '../../protocol/types.ts';
import { newIdentity, newNameRef, ROOT_ID } from '../inodes/table.ts';
import { DT_DIR, O_CLOEXEC, O_DIRECTORY, O_RDONLY, SEEK_SET } from '../sys/constants.ts';
import { type CString, cstring } from '../sys/cstring.ts';
import { DirentCursor } from '../sys/dirents.ts';
import { close, dup3, ftruncate, getdents, lseek, memfd, open, pread, pwrite } from '../sys/fd.ts';
import { procPath } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { syncSides } from './durable.ts';
import { asEither } from './either.ts';
import { reach } from './faultpoint.ts';
import type { FileSystem } from './filesystem.ts';
import { DIRECTORY_HANDLE } from './handlekinds.ts';
import { copiesOf, type FindCopy } from './linklisting.ts';
import { Listing, type Present } from './listing.ts';
import { allSides, liveSide } from './livesides.ts';
import { anyDescriptor } from './locate.ts';
import { isPrivate } from './private.ts';
import { isExclusive, UPPER } from './setup.ts';
import { refreshAbove, side } from './sides.ts';

const DOT = cstring('.');
const DOT_DOT = cstring('..');
const MEMFD_NAME = cstring('migratefs-directory');
/** Opened by the path in /proc: `.` of a directory would ask for leave to pass through it, which who may only list it has not. */
const READ = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

/** What a directory handle's spare word in the inode table says. */
const SINGLE = 1;
const MERGED = 2;

/** OPENDIR, by the caller in every layer that has the directory. @returns the handle or a negative errno. */
export function openDirectory(fs: FileSystem, node: NodeId): number {
  const sides = allSides(fs, node);
  if (typeof sides === 'number') return sides;
  // A lower layer's own offsets would not do: files leave it while they are listed, and the kernel asks for what comes after them.
  if (sides.length > 1 || (sides[0] !== undefined && sides[0] !== UPPER) || node === ROOT_ID)
    return openMerged(fs, node, sides);
  const only = sides.length === 1 ? side(fs, node, sides[0] as number) : anyDescriptor(fs, node);
  const fd = only < 0 ? only : open(procPath(only), READ);
  return fd < 0 ? fd : enter(fs, node, fd, SINGLE);
}

// The listing is made by the first read, not here: who rewinds before he reads must see what has changed since.
function openMerged(fs: FileSystem, node: NodeId, sides: readonly number[]): number {
  for (const layer of sides) {
    const dir = side(fs, node, layer);
    const allowed = dir < 0 ? dir : open(procPath(dir), READ);
    if (allowed < 0) return allowed;
    close(allowed);
  }
  const fd = memfd(MEMFD_NAME);
  return fd < 0 ? fd : enter(fs, node, fd, MERGED);
}

function enter(fs: FileSystem, node: NodeId, fd: number, kind: number): number {
  const result = fs.table.openHandle(fd, node, 0, DIRECTORY_HANDLE);
  if (result < 0) {
    close(fd);
    return result;
  }
  fs.table.setHandleExtra(fd, kind);
  return fd;
}

/**
 * Reads all sides, the lowest first: what comes up meanwhile has its name further up before it loses the one below, so it is met. A side that
 * cannot be read fails the listing: it is never silently short.
 */
function list(fs: FileSystem, node: NodeId, sides: readonly number[]): Listing | number {
  const listing = new Listing();
  fs.table.presented(node, own);
  listing.add(DOT, own.lo, own.hi, DT_DIR);
  presentParent(fs, node, own);
  listing.add(DOT_DOT, own.lo, own.hi, DT_DIR);
  reach('listing.begun');
  for (const layer of [...sides].reverse()) {
    const result = listSide(fs, node, layer, side(fs, node, layer), listing);
    if (result < 0) return result;
    reach('listing.read');
  }
  if (sides.includes(UPPER)) return listing;
  // The upper layer may have got the directory meanwhile, with what has come up.
  if (!isExclusive(fs.policy)) refreshAbove(fs, node);
  const upper = liveSide(fs, node, UPPER);
  const result = upper === -ENOENT ? 0 : listSide(fs, node, UPPER, upper, listing);
  return result < 0 ? result : listing;
}

/** Adds what one layer has. @param dir its side, or why there is none */
function listSide(fs: FileSystem, node: NodeId, layer: number, dir: number, listing: Listing): number {
  const skip = (name: CString) => isPrivate(node, name);
  const findCopy = dir < 0 ? dir : copiesOf(fs, layer);
  if (typeof findCopy === 'number') return findCopy;
  const present = presentIn(fs, node, layer, dir, findCopy);
  const result = asEither(fs, () => {
    const fd = open(procPath(dir), READ);
    if (fd < 0) return fd;
    const added = listing.addDirectory(fd, skip, present);
    close(fd);
    return added;
  });
  return result === -ENOENT ? -ESTALE : result;
}

const own = { lo: 0, hi: 0 };
const identity = newIdentity();

/** Entries lie on their directory's device: what is mounted in a layer shows its mount point's number, as on any file system. */
function presentIn(fs: FileSystem, node: NodeId, layer: number, dir: number, findCopy: FindCopy): Present {
  const device = fs.table.dirIdentity(node, layer, identity) ? identity.device : 0;
  return (lo, hi, out, name) => {
    // A name whose copy cannot be found says so when it is looked up; it is listed all the same.
    const found = findCopy(dir, lo, hi, name, copy);
    const on = found < 0 ? found : fs.table.deviceIndex(copy.devMajor, copy.devMinor, UPPER);
    if (on < 0) fs.table.presentedOf(device, lo, hi, out);
    else fs.table.presentedOf(on, copy.inoLo, copy.inoHi, out);
  };
}

const copy = new Stat();
const NO_COPIES: FindCopy = () => -ENOENT;

function presentParent(fs: FileSystem, node: NodeId, out: { lo: number; hi: number }): void {
  const ref = newNameRef();
  fs.table.presented(fs.table.nameOf(node, ref) ? ref.parent : node, out);
}

function writeListing(fd: number, listing: Listing): number {
  const cut = ftruncate(fd, 0);
  if (cut < 0) return cut;
  const { bytes } = listing;
  let done = 0;
  while (done < bytes.length) {
    const put = pwrite(fd, bytes.subarray(done), bytes.length - done, done);
    if (put <= 0) return put < 0 ? put : -EIO;
    done += put;
  }
  return 0;
}

/** Takes one entry. @param offset where to go on after it. @returns false when there is no room for it. */
export type Take = (inoLo: number, inoHi: number, offset: Int64, type: number, name: CString) => boolean;

/**
 * Reads on in an open directory at an offset that it gave (0: from the start, as the directory is now).
 * @param budget bytes that are worth reading from the layer at a time. @returns 0 or a negative errno.
 */
export function readDirectory(
  fs: FileSystem,
  handle: number,
  offset: Int64,
  budget: number,
  take: Take,
): number {
  if (offset === 0) {
    const ready = startOver(fs, handle);
    if (ready < 0) return ready;
  }
  return fs.table.handleExtra(handle) === SINGLE
    ? readSingle(fs, handle, offset, budget, take)
    : readMerged(handle, offset, budget, take);
}

/** The first read, or rewinddir: a merged listing is made again, and a directory that has got a second side becomes a merged one. */
function startOver(fs: FileSystem, handle: number): number {
  const { table } = fs;
  const kind = table.handleExtra(handle);
  const node = table.handleNode(handle);
  const sides = allSides(fs, node);
  if (typeof sides === 'number') return sides;
  if (sides.length === 0 || (kind === SINGLE && sides.length === 1 && sides[0] === UPPER)) return 0; // removed meanwhile, or read from the layer itself
  // Who could open the directory may go on reading it, whatever he may now, so the daemon reads for him.
  const listing = fs.caller.asDaemon(() => list(fs, node, sides));
  if (typeof listing === 'number') return listing;
  return kind === SINGLE ? becomeMerged(fs, handle, listing) : writeListing(handle, listing);
}

function becomeMerged(fs: FileSystem, handle: number, listing: Listing): number {
  const fd = memfd(MEMFD_NAME);
  if (fd < 0) return fd;
  const written = writeListing(fd, listing);
  const replaced = written < 0 ? written : dup3(fd, handle, O_CLOEXEC);
  close(fd);
  if (replaced >= 0) fs.table.setHandleExtra(handle, MERGED);
  return Math.min(replaced, 0);
}

const buffer = new Uint8Array(1 << 17);
const view = new DataView(buffer.buffer);
const cursor = new DirentCursor(buffer);

function readMerged(handle: number, offset: Int64, budget: number, take: Take): number {
  const got = pread(handle, buffer, Math.min(Math.max(budget, 512), buffer.length), offset);
  if (got <= 0) return got;
  let at = 0;
  while (at + 24 <= got) {
    const length = view.getUint32(at + 16, true);
    if (length > NAME_MAX) return -EINVAL; // an offset that this directory never gave
    const end = at + ((24 + length + 7) & ~7);
    if (end > got) break;
    // The record's padding, or the next record, follows the name: the NUL that a name needs is put into a copy.
    const name = named.subarray(0, length + 1);
    for (let i = 0; i < length; i++) name[i] = buffer[at + 24 + i] as number;
    name[length] = 0;
    const next = Number(offset) + end;
    const more = take(
      view.getUint32(at, true),
      view.getUint32(at + 4, true),
      next,
      view.getUint32(at + 20, true),
      name,
    );
    if (!more) break;
    at = end;
  }
  return 0;
}

const NAME_MAX = 255;
const named = new Uint8Array(NAME_MAX + 1);

function readSingle(fs: FileSystem, handle: number, offset: Int64, budget: number, take: Take): number {
  const { table } = fs;
  const lo = lowWord(offset);
  const hi = highWord(offset);
  if (offset === 0 || table.handlePositionLo(handle) !== lo || table.handlePositionHi(handle) !== hi) {
    const moved = lseek(handle, offset, SEEK_SET);
    if (typeof moved === 'number' && moved < 0) return moved;
  }
  const size = Math.min(Math.max(budget, 512), buffer.length);
  const count = getdents(handle, size === buffer.length ? buffer : buffer.subarray(0, size));
  if (count <= 0) return count === -ENOENT ? 0 : count;
  const node = table.handleNode(handle);
  const present = presentIn(fs, node, UPPER, handle, NO_COPIES);
  let position = offset;
  cursor.load(count);
  while (cursor.next()) {
    const { name } = cursor;
    if (cursor.isDot) {
      if (name.length === 2) table.presented(node, own);
      else presentParent(fs, node, own);
    } else present(cursor.inoLo, cursor.inoHi, own, name);
    if (!take(own.lo, own.hi, cursor.offset, cursor.type, name)) {
      position = -1; // the rest of what was read is read again, from the last entry that was taken
      break;
    }
    position = cursor.offset;
  }
  table.setHandlePosition(handle, lowWord(position), highWord(position));
  return 0;
}

/** FSYNCDIR: in each layer that has the directory, since names are removed and renamed in any. @returns 0 or the first layer's negative errno */
export function syncOpenDirectory(fs: FileSystem, node: NodeId): number {
  const sides = allSides(fs, node);
  return typeof sides === 'number' ? sides : syncSides(fs, [node], sides);
}
