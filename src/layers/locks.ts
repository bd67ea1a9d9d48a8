// File locks of `locks=cluster`: taken on the layers' own files, so that all hosts see them. flock(2) is taken on the handle's descriptor,
// which is an open file as the application's is. The fcntl locks of one owner (a process, or an open file for OFD locks) on one node are
// OFD locks of a descriptor of their own, which the inode table knows as one more handle of the node: the kernel keeps the ranges, joins
// and cuts them, finds conflicts, and lets everything go when the daemon ends. Nothing here ever waits for a lock.

import { EACCES, EAGAIN, EBADF, EMFILE, ENFILE, ENOLCK, ESTALE } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { newIdentity } from '../inodes/table.ts';
import {
  AT_EMPTY_PATH,
  F_RDLCK,
  F_UNLCK,
  F_WRLCK,
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  O_CLOEXEC,
  O_RDONLY,
  O_RDWR,
  STATX_BASIC_STATS,
  STATX_BTIME,
} from '../sys/constants.ts';
import { EMPTY } from '../sys/cstring.ts';
import { close, dup3 } from '../sys/fd.ts';
import { type FileLock, flock, getLock, setLock } from '../sys/locks.ts';
import { statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { LOCK_HANDLE } from './handlekinds.ts';
import { heldLocks } from './heldlocks.ts';
import { isCopied, isLinked } from './linkindex.ts';
import { descriptors, HAS_FLOCK, openAgain, takeRanges } from './lockdescriptors.ts';
import { PARKED } from './locking.ts';
import { closeHandle } from './open.ts';
import { UPPER } from './setup.ts';

/** Whose a lock is, as the kernel names it, and the process that asks. */
export interface LockOwner {
  readonly lo: number;
  readonly hi: number;
  readonly pid: number;
}

/** What those who wait for a lock want, see `waitForLock`: flock, or a range's hash beyond these. 0 is who opens the file, 8 who lacks a descriptor. */
const WANTS_FLOCK = 1;
const WANTS_RANGE = 16;

const OPERATIONS = { [F_RDLCK]: LOCK_SH, [F_WRLCK]: LOCK_EX, [F_UNLCK]: LOCK_UN };

const stat = new Stat();
const identity = newIdentity();

/** flock(2) on a file's handle. @param type F_RDLCK, F_WRLCK or F_UNLCK. @returns 0, -EAGAIN, `PARKED`, or the layer's errno. */
export function lockHandle(fs: FileSystem, node: NodeId, handle: number, type: number, waits: boolean) {
  const { table } = fs;
  table.gates.enter(node);
  let result: number;
  try {
    table.setHandleExtra(handle, HAS_FLOCK);
    result = flock(handle, (OPERATIONS[type as 0] as number) | LOCK_NB);
    const still = result === 0 && type !== F_UNLCK ? isStillShown(fs, node, handle) : 0;
    if (still < 0) {
      flock(handle, LOCK_UN);
      result = still;
    }
  } finally {
    table.gates.leave(node);
  }
  // A conversion that fails has given up what there was (flock(2)).
  const gaveUp = result === -EAGAIN && fs.lockQueue.waited === undefined;
  // The kernel may know the file as it was before another host changed it under its lock.
  if (result === 0 && type !== F_UNLCK) fs.outdated(node);
  const frees = gaveUp || (result === 0 && type !== F_WRLCK);
  return conclude(fs, node, result, frees, waits ? WANTS_FLOCK + type : undefined);
}

/** fcntl(2) F_SETLK and its like. @param want what the range's waiters have in common. @returns as `lockHandle`. */
export function lockRange(
  fs: FileSystem,
  node: NodeId,
  handle: number,
  owner: LockOwner,
  lock: FileLock,
  waits: boolean,
): number {
  const { table } = fs;
  const { type } = lock;
  table.gates.enter(node);
  let result: number;
  try {
    result = setRange(fs, node, handle, owner, lock);
  } finally {
    table.gates.leave(node);
  }
  if (result === 0 && type !== F_UNLCK) fs.outdated(node);
  return conclude(
    fs,
    node,
    result,
    result === 0 && type !== F_WRLCK,
    waits ? WANTS_RANGE + hashOf(lock) : undefined,
  );
}

function conclude(fs: FileSystem, node: NodeId, result: number, frees: boolean, want: number | undefined) {
  if (frees) fs.lockQueue.released(node);
  if (result === -EMFILE || result === -ENFILE) return -ENOLCK;
  if (result !== -EAGAIN || want === undefined) return result;
  return fs.lockQueue.waitForLock(node, want) ? PARKED : -ENOLCK;
}

function setRange(fs: FileSystem, node: NodeId, handle: number, owner: LockOwner, lock: FileLock): number {
  const { table } = fs;
  const unlocks = lock.type === F_UNLCK;
  const known = descriptorOf(fs, node, owner);
  if (known < 0 && unlocks) return 0;
  const fd = known < 0 ? newDescriptor(fs, node, handle, owner) : known;
  if (fd < 0) return fd;
  let result = setLock(fd, lock);
  if (result === -EBADF) result = makeWritable(fs, handle, fd) || setLock(fd, lock);
  if (result === 0 && !unlocks) {
    result = isStillShown(fs, node, fd);
    if (result === 0) table.setHandleFlags(fd, owner.pid);
  }
  if ((result < 0 && known < 0) || result === -ESTALE) closeHandle(fs, fd);
  return result;
}

/** fcntl(2) F_GETLK: writes the first lock that stands in the way over `lock`, or F_UNLCK. @returns its holder's pid, 0 if not known here. */
export function testRange(fs: FileSystem, node: NodeId, handle: number, owner: LockOwner, lock: FileLock) {
  const { table } = fs;
  table.gates.enter(node);
  try {
    const known = descriptorOf(fs, node, owner);
    const result = getLock(known < 0 ? handle : known, lock);
    return result < 0 || lock.type === F_UNLCK ? result : holderOf(fs, node, known, lock);
  } finally {
    table.gates.leave(node);
  }
}

/** FLUSH: a process has closed a descriptor of the file, and with it all its fcntl locks of the file go. */
export function dropOwner(fs: FileSystem, node: NodeId, owner: LockOwner): void {
  fs.table.gates.enter(node);
  const fd = descriptorOf(fs, node, owner);
  if (fd >= 0) closeHandle(fs, fd);
  fs.table.gates.leave(node);
  if (fd >= 0) fs.lockQueue.released(node);
}

/** RELEASE: closes a file's handle, and what holds locks that were asked for through it. */
export function closeLocked(fs: FileSystem, node: NodeId, handle: number): number {
  const { table } = fs;
  table.gates.enter(node);
  try {
    for (const fd of descriptors(fs, node)) if (table.handleExtra(fd) === handle) closeHandle(fs, fd);
    // The descriptor may have been duplicated for what is open without a name, and its lock with it.
    if (table.handleExtra(handle) === HAS_FLOCK) flock(handle, LOCK_UN);
    return closeHandle(fs, handle);
  } finally {
    table.gates.leave(node);
    fs.lockQueue.released(node);
  }
}

function descriptorOf(fs: FileSystem, node: NodeId, { lo, hi }: LockOwner): number {
  const { table } = fs;
  const fd = descriptors(fs, node).find(
    (fd) => table.handlePositionLo(fd) === lo && table.handlePositionHi(fd) === hi,
  );
  return fd ?? -1;
}

function newDescriptor(fs: FileSystem, node: NodeId, handle: number, owner: LockOwner): number {
  const { table } = fs;
  // As one step with regard to whoever replaces the descriptors of all handles: it would miss one that is opened and not yet entered.
  table.lockHandles();
  let fd: number;
  try {
    // No lower file is ever open for writing, so nobody can ask for more than a shared lock of it.
    const writable = table.identity(node, identity) && identity.layer === UPPER && !fs.policy.readOnly;
    fd = writable ? openAgain(fs, handle, O_RDWR) : -EACCES;
    if (fd < 0) fd = openAgain(fs, handle, O_RDONLY);
    if (fd < 0) return fd;
    const entered = table.openHandle(fd, node, owner.pid, LOCK_HANDLE);
    if (entered < 0) {
      close(fd);
      return entered;
    }
  } finally {
    table.unlockHandles();
  }
  table.setHandlePosition(fd, owner.lo, owner.hi);
  table.setHandleExtra(fd, handle);
  return fd;
}

/** A descriptor that could only be opened for reading, while its file is open for writing now: the locks pass to one that can write. */
function makeWritable(fs: FileSystem, handle: number, fd: number): number {
  const better = openAgain(fs, handle, O_RDWR);
  if (better < 0) return better;
  const held = heldLocks(fs, fd);
  // They are shared ones, so both may hold them.
  let result = typeof held === 'number' ? held : takeRanges(better, held.ranges);
  if (result === 0) result = Math.min(0, dup3(better, fd, O_CLOEXEC));
  close(better);
  return result;
}

/** @returns -ESTALE when another host has moved or deleted the lower file: its last link there has gone, or it has its copy; or an errno. */
function isStillShown(fs: FileSystem, node: NodeId, fd: number): number {
  const { table } = fs;
  if (!table.identity(node, identity) || identity.layer === UPPER || table.isOrphan(node)) return 0;
  const found = statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, stat);
  if (found < 0) return found;
  if (stat.nlink === 0) return -ESTALE;
  const copied = isLinked(stat) ? isCopied(fs, identity.layer, stat) : 0;
  return copied > 0 ? -ESTALE : copied;
}

function holderOf(fs: FileSystem, node: NodeId, asking: number, lock: FileLock): number {
  const start = BigInt(lock.start);
  for (const fd of descriptors(fs, node)) {
    const held = fd === asking ? -EBADF : heldLocks(fs, fd);
    if (typeof held === 'number') continue;
    if (held.ranges.some((range) => range.type === lock.type && range.start <= start && start <= range.end))
      return fs.table.handleFlags(fd);
  }
  return 0;
}

function hashOf(lock: FileLock): number {
  let hash = lock.type;
  for (const byte of lock.bytes.subarray(8, 24)) hash = (Math.imul(hash, 31) + byte) | 0;
  return hash >>> 8;
}
