// Locks: flock(2), those of an open file (OFD), and the traditional ones of fcntl(2), which belong to the process.

import { F_UNLCK } from '../../../src/sys/constants.ts';
import * as locks from '../../../src/sys/locks.ts';
import { bind, outcome, type Wide } from './support.ts';

const c_fcntl = bind<(fd: number, command: number, lock: Uint8Array) => number>('int fcntl(int, int, void*)');

const F_GETLK = 5;
const F_SETLK = 6;
const F_SETLKW = 7;

const lock = new locks.FileLock();

function posix(fd: number, command: number, type: number, start: Wide, length: Wide): number {
  return outcome(c_fcntl(fd, command, lock.set(type, start, length).bytes));
}

/** What stands in the way of a lock: `type start length`, with the process for a traditional one, or `free`. */
function inTheWay(result: number): string | number {
  if (result < 0) return result;
  if (lock.type === F_UNLCK) return 'free';
  return `${lock.type} ${lock.start} ${lock.length}`;
}

/** `type`: F_RDLCK, F_WRLCK, F_UNLCK; `length` 0: to the end. */
export const lockCalls = {
  flock: (fd: number, operation: number) => locks.flock(fd, operation),
  ofdSet: (fd: number, type: number, start: Wide = 0, length: Wide = 0) =>
    locks.setLock(fd, lock.set(type, start, length)),
  ofdWait: (fd: number, type: number, start: Wide = 0, length: Wide = 0) =>
    locks.waitLock(fd, lock.set(type, start, length)),
  ofdGet: (fd: number, type: number, start: Wide = 0, length: Wide = 0) =>
    inTheWay(locks.getLock(fd, lock.set(type, start, length))),
  lockSet: (fd: number, type: number, start: Wide = 0, length: Wide = 0) =>
    posix(fd, F_SETLK, type, start, length),
  lockWait: (fd: number, type: number, start: Wide = 0, length: Wide = 0) =>
    posix(fd, F_SETLKW, type, start, length),
  lockGet: (fd: number, type: number, start: Wide = 0, length: Wide = 0) =>
    inTheWay(posix(fd, F_GETLK, type, start, length)),
  /** The process that {@link lockCalls.lockGet} has found; -1 for an OFD lock. */
  lockHolder: () => lock.pid,
};
