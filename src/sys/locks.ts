// Advisory locks of the backing file system: flock(2) and open file description locks (F_OFD_* of fcntl(2)), which belong to an open
// file and so suit a service whose threads share a process, unlike the traditional ones, which belong to the process.
// A wait that a signal ends returns -EINTR and is not repeated: an interrupt is how a waiting lock is given up.
import { type Int64, signedInt64 } from '../../protocol/types.ts';
import { putInt64 } from './int64.ts';
import { bind, outcome } from './libc.ts';

const c_flock = bind<(fd: number, operation: number) => number>('int flock(int, int)');
const c_fcntl = bind<(fd: number, command: number, lock: Uint8Array) => number>('int fcntl(int, int, void*)');

const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_OFD_SETLKW = 38;

/** struct flock of the 64-bit architectures, counted from the start of the file. */
export class FileLock {
  readonly bytes = new Uint8Array(new ArrayBuffer(32));
  readonly #words = new Uint32Array(this.bytes.buffer);

  /** `type`: F_RDLCK, F_WRLCK or F_UNLCK. `length` 0: to the end of the file, wherever that will be. */
  set(type: number, start: Int64, length: Int64): this {
    this.#words[0] = type; // l_whence, the upper half, is SEEK_SET
    putInt64(this.#words, 2, start);
    putInt64(this.#words, 4, length);
    this.#words[6] = 0; // l_pid must be 0 for OFD locks
    return this;
  }

  get type(): number {
    return (this.#words[0] as number) & 0xffff;
  }
  get start(): Int64 {
    return signedInt64(this.#words[2] as number, this.#words[3] as number);
  }
  get length(): Int64 {
    return signedInt64(this.#words[4] as number, this.#words[5] as number);
  }
  /** Who holds a traditional lock; -1 for an OFD lock. */
  get pid(): number {
    return (this.#words[6] as number) | 0;
  }
}

/** `operation`: LOCK_SH, LOCK_EX or LOCK_UN, with LOCK_NB to get -EWOULDBLOCK instead of waiting. */
export function flock(fd: number, operation: number): number {
  return outcome(c_flock(fd, operation));
}

/** Writes the first lock that stands in the way over `lock`, or makes its type F_UNLCK when none does. */
export function getLock(fd: number, lock: FileLock): number {
  return outcome(c_fcntl(fd, F_OFD_GETLK, lock.bytes));
}

/** Sets or lifts a lock without waiting: -EAGAIN (or -EACCES) when another stands in the way. */
export function setLock(fd: number, lock: FileLock): number {
  return outcome(c_fcntl(fd, F_OFD_SETLK, lock.bytes));
}

/** {@link setLock}, waiting until the way is free. */
export function waitLock(fd: number, lock: FileLock): number {
  return outcome(c_fcntl(fd, F_OFD_SETLKW, lock.bytes));
}
