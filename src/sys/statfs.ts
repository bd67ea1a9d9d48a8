// What a file system has and has left: struct statfs of the 64-bit architectures, in fuse_kstatfs's terms.

import { EINTR } from '../../protocol/errno.ts';
import { type Int64, int64 } from '../../protocol/types.ts';
import { bind, outcome } from './libc.ts';

const c_fstatfs = bind<(fd: number, out: Uint8Array) => number>('int fstatfs(int, void*)');

/** statfs(2)'s answer. Block counts are in units of `frsize` bytes. */
export class StatFs {
  readonly bytes = new Uint8Array(new ArrayBuffer(120));
  readonly #words = new Uint32Array(this.bytes.buffer);

  #int64(offset: number): Int64 {
    return int64(this.#words[offset >> 2] as number, this.#words[(offset >> 2) + 1] as number);
  }

  /** The file system's magic number, e.g. 0x65735546 for FUSE. */
  get type(): number {
    return this.#words[0] as number;
  }
  /** Best transfer size in bytes. */
  get bsize(): number {
    return this.#words[2] as number;
  }
  get blocks(): Int64 {
    return this.#int64(16);
  }
  get bfree(): Int64 {
    return this.#int64(24);
  }
  /** Free for users without privilege. */
  get bavail(): Int64 {
    return this.#int64(32);
  }
  /** Inodes in all. */
  get files(): Int64 {
    return this.#int64(40);
  }
  get ffree(): Int64 {
    return this.#int64(48);
  }
  /** The longest name in bytes. */
  get namelen(): number {
    return this.#words[16] as number;
  }
  /** The unit of the block counts; `bsize` where the file system gives none. */
  get frsize(): number {
    return (this.#words[18] as number) || this.bsize;
  }
  /** ST_* bits: 1 read-only, 2 nosuid… */
  get flags(): number {
    return this.#words[20] as number;
  }
}

/** Fills `out` for the file system that holds `fd` (O_PATH is enough): 0 or a negative errno. */
export function fstatfs(fd: number, out: StatFs): number {
  let result: number;
  do result = outcome(c_fstatfs(fd, out.bytes));
  while (result === -EINTR);
  return result;
}
