// The two times that utimensat(2) and futimens(2) take: last access and last modification.
import { type Int64, putInt64 } from './int64.ts';

/** As nanoseconds: the current time, which needs write permission only, not ownership. */
export const UTIME_NOW = 0x3fff_ffff;
/** As nanoseconds: leave this time as it is. */
export const UTIME_OMIT = 0x3fff_fffe;

/** Index of the access time. */
export const ATIME = 0;
/** Index of the modification time. */
export const MTIME = 1;

/** struct timespec[2]. */
export class TimeSpecs {
  readonly bytes = new Uint8Array(new ArrayBuffer(32));
  readonly #words = new Uint32Array(this.bytes.buffer);

  /** `sec` since 1970, rounded down; `nsec` 0 … 999,999,999, or UTIME_NOW or UTIME_OMIT (then `sec` means nothing). */
  set(index: 0 | 1, sec: Int64, nsec: number): this {
    putInt64(this.#words, index * 4, sec);
    putInt64(this.#words, index * 4 + 2, nsec);
    return this;
  }
}
