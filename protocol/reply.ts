// A cursor for one reply, made once for each worker over its own buffer: the body is filled in place, then the header is
// written before it.
import { EIO, MAX_ERRNO } from './errno.ts';
import { fuse_out_header } from './structs.ts';
import { highWord, type Int64, lowWord } from './types.ts';

/** What a reply answers: a request, or a ProtocolError. */
export interface Answered {
  readonly uniqueLo: number;
  readonly uniqueHi: number;
}

const HEADER = fuse_out_header.offsets;

export class Reply {
  /** The whole buffer: the first `finish(…)` bytes of it are to be written. */
  readonly bytes: Uint8Array;
  /** Everything after the header: where data is read into. */
  readonly body: Uint8Array;
  readonly #head: DataView;
  readonly #body: DataView;

  /** A RangeError when not even a header fits. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.body = bytes.subarray(fuse_out_header.size);
    this.#head = new DataView(bytes.buffer, bytes.byteOffset, fuse_out_header.size);
    this.#body = new DataView(this.body.buffer, this.body.byteOffset, this.body.byteLength);
  }

  /** Clears the first `length` bytes of the body; a reply's buffer still holds the one before. */
  zero(length: number): void {
    this.body.fill(0, 0, length);
  }

  u16(offset: number, value: number): void {
    this.#body.setUint16(offset, value, true);
  }

  u32(offset: number, value: number): void {
    this.#body.setUint32(offset, value, true);
  }

  /** Any 64-bit value, negative ones in two's complement. A number must be an exact integer. */
  u64(offset: number, value: Int64): void {
    this.words(offset, lowWord(value), highWord(value));
  }

  /** A 64-bit value as two u32 words. */
  words(offset: number, lo: number, hi: number): void {
    this.#body.setUint32(offset, lo, true);
    this.#body.setUint32(offset + 4, hi, true);
  }

  /**
   * Writes the header for a body of `result` bytes, or for an error when `result` is a negative errno, and returns the
   * length to write. The kernel refuses numbers from 512 up; they become EIO. A RangeError when the body is too long, or
   * `result` is no whole number.
   */
  finish(to: Answered, result: number): number {
    if (result > this.body.length || !Number.isInteger(result))
      throw new RangeError(`${result} bytes in a body of ${this.body.length}`);
    const length = fuse_out_header.size + Math.max(result, 0);
    this.#head.setUint32(HEADER.len, length, true);
    this.#head.setInt32(HEADER.error, result >= 0 ? 0 : result < -MAX_ERRNO ? -EIO : result, true);
    this.#head.setUint32(HEADER.unique, to.uniqueLo, true);
    this.#head.setUint32(HEADER.unique + 4, to.uniqueHi, true);
    return length;
  }
}
