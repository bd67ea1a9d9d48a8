// What locks.ts and movinglocks.ts share: the descriptors that hold locks of a file.

import { EACCES, EPERM } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { O_APPEND, O_CLOEXEC, O_NONBLOCK } from '../sys/constants.ts';
import { open } from '../sys/fd.ts';
import { FileLock, setLock } from '../sys/locks.ts';
import { procPath } from '../sys/path.ts';
import type { FileSystem } from './filesystem.ts';
import { LOCK_HANDLE } from './handlekinds.ts';
import { type HeldRange, NO_END } from './heldlocks.ts';

const found = new Int32Array(1 << 20);
const whole = new FileLock();

/** The extra word of a file's handle: flock(2) was asked of it. */
export const HAS_FLOCK = 1;

/** The descriptors that hold the node's fcntl locks. To be asked, and its answer used, within the node's gate. */
export function descriptors(fs: FileSystem, node: NodeId): Int32Array {
  return found.subarray(0, fs.table.handles(node, found, LOCK_HANDLE));
}

/**
 * As the daemon: who asks may have opened the file while he might. A server that squashes root is asked as the caller. Nothing is ever
 * written through it, so O_APPEND does no harm: an append-only file is not to be opened for writing without.
 */
export function openAgain(fs: FileSystem, fd: number, access: number): number {
  const work = () => open(procPath(fd), access | O_APPEND | O_NONBLOCK | O_CLOEXEC);
  const opened = fs.caller.asDaemon(work);
  return opened === -EACCES || opened === -EPERM ? work() : opened;
}

/** Takes locks that are held elsewhere, or were. @returns 0 or the errno of the first that is not to be had. */
export function takeRanges(fd: number, ranges: readonly HeldRange[]): number {
  for (const { type, start, end } of ranges) {
    const result = setLock(fd, whole.set(type, start, end === NO_END ? 0 : end - start + 1n));
    if (result < 0) return result;
  }
  return 0;
}
