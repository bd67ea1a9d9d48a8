// HalfSipHash-1-3 (a keyed hash of 32-bit words by Aumasson and Bernstein). Users choose the names, so a hash
// without a secret key would let them put a million names into one chain. About 50 ns for a 20-byte name.

import { HEADER, type Region } from './region.ts';

const FINAL_ROUNDS = 3;

export class Hash {
  readonly #key0: number;
  readonly #key1: number;
  readonly #message = new Int32Array(68); // the parent, 255 bytes of name, the length

  constructor(region: Region) {
    this.#key0 = region.header[HEADER.seed] as number;
    this.#key1 = region.header[HEADER.seed + 1] as number;
  }

  /** The hash of a name in a directory, as a signed 32-bit number. */
  name(parent: number, bytes: Uint8Array, length: number): number {
    const message = this.#message;
    message[0] = parent;
    let count = 1;
    let i = 0;
    for (; i + 4 <= length; i += 4) {
      message[count++] =
        (bytes[i] as number) |
        ((bytes[i + 1] as number) << 8) |
        ((bytes[i + 2] as number) << 16) |
        ((bytes[i + 3] as number) << 24);
    }
    let last = length << 24;
    for (let shift = 0; i < length; i++, shift += 8) last |= (bytes[i] as number) << shift;
    message[count++] = last;
    return this.#mix(count);
  }

  /** The hash of three words: an inode number and what it belongs to. */
  words(a: number, b: number, c: number): number {
    const message = this.#message;
    message[0] = a;
    message[1] = b;
    message[2] = c;
    return this.#mix(3);
  }

  #mix(count: number): number {
    const message = this.#message;
    let v0 = this.#key0;
    let v1 = this.#key1;
    let v2 = this.#key0 ^ 0x6c796765;
    let v3 = this.#key1 ^ 0x74656462;
    // The finishing rounds are rounds with an empty word, after one bit pattern marks their start.
    for (let i = 0; i < count + FINAL_ROUNDS; i++) {
      const word = i < count ? (message[i] as number) : 0;
      if (i === count) v2 ^= 0xff;
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = (v1 << 5) | (v1 >>> 27);
      v1 ^= v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = (v3 << 8) | (v3 >>> 24);
      v3 ^= v2;
      v0 = (v0 + v3) | 0;
      v3 = (v3 << 7) | (v3 >>> 25);
      v3 ^= v0;
      v2 = (v2 + v1) | 0;
      v1 = (v1 << 13) | (v1 >>> 19);
      v1 ^= v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    return v1 ^ v3;
  }
}
