// Opening files. A file handle is the backing descriptor itself; what is opened for writing is on the upper layer, copied up if need be
// after the layer has said that the caller may write.

import { EBUSY, EEXIST, EIO, EISDIR, ELOOP, EMFILE, ENOENT, EROFS, ESTALE } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { newIdentity } from '../inodes/table.ts';
import {
  AT_EMPTY_PATH,
  O_ACCMODE,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECT,
  O_DSYNC,
  O_EXCL,
  O_NOATIME,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_SYNC,
  O_TRUNC,
  S_IFDIR,
  S_IFREG,
  STATX_BASIC_STATS,
  STATX_BTIME,
} from '../sys/constants.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { close, open, openat } from '../sys/fd.ts';
import { procPath, statx } from '../sys/path.ts';
import type { Stat } from '../sys/stat.ts';
import { MOVED } from './again.ts';
import { copyUp } from './copyup.ts';
import type { FileSystem } from './filesystem.ts';
import { awaitForeign } from './foreignlocks.ts';
import { forget } from './forget.ts';
import { FILE_HANDLE } from './handlekinds.ts';
import { isLinked } from './linkindex.ts';
import { anyDescriptor, isSameObject, newPlace, type Place, placeItself, placeKnown } from './locate.ts';
import { lockNode } from './locking.ts';
import { lookup } from './lookup.ts';
import { internMade, roomFor } from './make.ts';
import { openFound } from './openfound.ts';
import { noteContent } from './pagecache.ts';
import { lastToPass, letPass } from './passthrough.ts';
import { mayOpen } from './permission.ts';
import { UPPER } from './setup.ts';

/** The caller's flags that mean something to the layer. O_NONBLOCK is ours: a FIFO put in a file's place must not hold a worker. */
export const PASSED = O_ACCMODE | O_APPEND | O_DIRECT | O_DSYNC | O_SYNC | O_NOATIME | O_TRUNC;
export const OURS = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

/** How often an object that moves between being found and being opened is looked for again. */
const ATTEMPTS = 8;

const at = newPlace();

/** Whether an open needs the file on the upper layer. */
export function wantsWrite(flags: number): boolean {
  return (flags & O_ACCMODE) !== O_RDONLY || (flags & O_TRUNC) !== 0;
}

/** OPEN of a regular file. @returns the handle, which is a descriptor that the inode table knows, or a negative errno. */
export function openFile(fs: FileSystem, node: NodeId, flags: number): number {
  if (fs.table.type(node) !== S_IFREG) return fs.table.exists(node) ? -EIO : -ESTALE;
  if (fs.table.openHandles.isFull()) return -EMFILE;
  if (wantsWrite(flags)) return openForWriting(fs, node, flags);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const fd = openVisible(fs, node, flags);
    if (fd === -ESTALE) break;
    if (fd < 0) return fd;
    const kept = keepHandle(fs, node, fd, flags, at.layer, fs.stat);
    if (kept !== -EBUSY) return kept;
  }
  return openSettled(fs, node, flags);
}

/** Its name has gone or become another object's: under its lock, which whoever does that holds, it is certain what it is now. */
function openSettled(fs: FileSystem, node: NodeId, flags: number): number {
  const locked = lockNode(fs, node);
  if (locked < 0) return locked;
  try {
    const fd = openVisible(fs, node, flags);
    if (fd >= 0) return keepHandle(fs, node, fd, flags, at.layer, fs.stat);
    return fd === -ESTALE ? keepNameless(fs, node, flags) : fd;
  } finally {
    fs.table.unlockNode(node, fs.worker);
  }
}

// Where another host has given the name to another file, the kernel is told to look it up again: what is written goes to that one, not to
// what was replaced, nor into the pages that the kernel has of it.
function openForWriting(fs: FileSystem, node: NodeId, flags: number): number {
  if (fs.policy.readOnly) return -EROFS;
  const locked = lockNode(fs, node);
  if (locked < 0) return locked;
  try {
    const found = placeItself(fs, node, at);
    if (found === -ESTALE && fs.table.names(node) === 0) return keepNameless(fs, node, flags);
    if (found < 0) return found;
    if (at.layer !== UPPER) {
      const allowed = mayOpen(fs, at.dir, at.name, flags);
      if (allowed < 0) return allowed;
      const alone = awaitForeign(fs, node, at, flags);
      if (alone < 0) return alone;
      const copied = copyUp(fs, node, at, (flags & O_TRUNC) !== 0 ? 0 : undefined);
      if (copied < 0) return copied;
    }
    const fd = openItself(fs, node, at, (flags & PASSED) | OURS);
    return fd < 0 ? fd : keepHandle(fs, node, fd, flags, UPPER, fs.stat);
  } finally {
    fs.table.unlockNode(node, fs.worker);
  }
}

function openVisible(fs: FileSystem, node: NodeId, flags: number): number {
  const known = placeKnown(fs, node, at) ? openItself(fs, node, at, (flags & PASSED) | OURS) : -ESTALE;
  if (known >= 0) {
    if (at.layer === UPPER || !isLinked(fs.stat)) return known;
    close(known); // its content may have come up under another name
  }
  const found = placeItself(fs, node, at);
  return found < 0 ? found : openItself(fs, node, at, (flags & PASSED) | OURS);
}

/**
 * Opens what has the node's name, if that is the node's object still: a rename over it may come in between.
 * @param flags with O_NONBLOCK. @returns a descriptor, -ESTALE, or a negative errno.
 */
export function openItself(fs: FileSystem, node: NodeId, at: Place, flags: number): number {
  const fd = openFound(fs, at.dir, at.name, flags);
  if (fd < 0) return gone(fd);
  const seen = statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, fs.stat);
  const same =
    seen === 0 && fs.stat.type === fs.table.type(node) && isSameObject(fs, node, at.layer, fs.stat);
  if (same) return fd;
  close(fd);
  return seen < 0 ? seen : -ESTALE;
}

/** An unlinked file that is still open can be opened again through /proc/PID/fd. @returns a handle or a negative errno. */
function keepNameless(fs: FileSystem, node: NodeId, flags: number): number {
  const known = anyDescriptor(fs, node);
  const fd = known < 0 ? known : open(procPath(known), (flags & PASSED) | O_CLOEXEC | O_NONBLOCK);
  return fd < 0 ? fd : keepHandle(fs, node, fd, flags, UPPER);
}

/** What was just found has gone or become something else: the kernel shall look it up again. */
function gone(result: number): number {
  return result === -ENOENT || result === -ELOOP ? -ESTALE : result;
}

/**
 * Enters a descriptor that was opened on `layer` as a handle of the node. A reader that found the lower file while another thread
 * finished its copy-up would read stale data for ever: then -EBUSY, to open again.
 * @param seen the file as it was after it was opened, if that is known
 */
function keepHandle(
  fs: FileSystem,
  node: NodeId,
  fd: number,
  flags: number,
  layer: number,
  seen?: Stat,
): number {
  const { table } = fs;
  table.lockHandles();
  const copied = layer !== UPPER && table.identity(node, identity) && identity.layer === UPPER;
  const result = copied ? -EBUSY : table.openHandle(fd, node, flags, FILE_HANDLE);
  if (result === 0 && layer === UPPER) letPass(fs, node, fd);
  if (result === 0 && seen !== undefined) noteContent(fs, node, fd, seen);
  table.unlockHandles();
  if (result === 0) return fd;
  close(fd);
  return result;
}

const identity = newIdentity();

/** What CREATE gives: a node with one lookup counted, its attributes in `fs.stat`, and a handle. */
export interface Created {
  node: NodeId;
  handle: number;
}

/** CREATE: makes and opens a file, or opens the one that another host has made since the kernel looked. @returns 0 or a negative errno. */
export function createFile(
  fs: FileSystem,
  parent: NodeId,
  name: CString,
  flags: number,
  mode: number,
  umask: number,
  out: Created,
): number {
  if (fs.table.openHandles.isFull()) return -EMFILE;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const dir = roomFor(fs, parent, name);
    let result = dir;
    if (dir >= 0) {
      fs.caller.mask(umask);
      result = openat(dir, name, (flags & PASSED) | OURS | O_CREAT | O_EXCL, mode & 0o7777);
    }
    if (result >= 0) result = enterCreated(fs, result, flags, out, () => internMade(fs, parent, name, dir));
    if (result === MOVED) continue;
    if (result !== -EEXIST || (flags & O_EXCL) !== 0) return result;
    const opened = openExisting(fs, parent, name, flags, out);
    if (opened !== -ENOENT) return opened;
  }
  return -ESTALE;
}

/** Enters a file that was just made: its node (by `intern`, from the attributes in `fs.stat`) and its handle. @returns 0 or a negative errno. */
export function enterCreated(
  fs: FileSystem,
  fd: number,
  flags: number,
  out: Created,
  intern: () => number,
): number {
  let result = statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, fs.stat);
  if (result === 0) {
    const node = intern();
    result = node < 0 ? node : keepNew(fs, node as NodeId, fd, flags);
    if (node > 0) out.node = node as NodeId;
    if (node > 0 && result < 0) forget(fs, out.node, 1);
  }
  if (result < 0) close(fd);
  else out.handle = fd;
  return result;
}

function keepNew(fs: FileSystem, node: NodeId, fd: number, flags: number): number {
  fs.table.lockHandles();
  const result = fs.table.openHandle(fd, node, flags, FILE_HANDLE);
  if (result === 0) letPass(fs, node, fd);
  fs.table.unlockHandles();
  return result;
}

function openExisting(fs: FileSystem, parent: NodeId, name: CString, flags: number, out: Created): number {
  const node = lookup(fs, parent, name);
  if (node < 0) return node;
  let handle = openKind(fs, node as NodeId, flags);
  if (handle >= 0) {
    // What the open did to the file (O_TRUNC, copy-up) is to be seen at once.
    const seen = statx(handle, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, fs.stat);
    if (seen === 0) {
      out.node = node as NodeId;
      out.handle = handle;
      return 0;
    }
    closeHandle(fs, handle);
    handle = seen;
  }
  forget(fs, node as NodeId, 1);
  return handle;
}

/** Anything but a file has come there since the kernel looked: it shall look again. */
function openKind(fs: FileSystem, node: NodeId, flags: number): number {
  const type = fs.table.type(node);
  if (type === S_IFDIR) return -EISDIR;
  return type === S_IFREG ? openFile(fs, node, flags) : -ESTALE;
}

/** RELEASE and RELEASEDIR: the handle leaves the table first, so that nothing replaces its descriptor while it is closed. */
export function closeHandle(fs: FileSystem, handle: number): number {
  const closing: number[] = [];
  fs.table.lockHandles();
  const backing = lastToPass(fs, handle);
  const known = fs.table.closeHandle(handle, closing);
  if (backing !== 0) fs.backing?.close(backing);
  fs.table.unlockHandles();
  for (const fd of closing) close(fd);
  return known ? close(handle) : -EIO;
}
