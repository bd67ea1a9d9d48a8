// The bytes of names: blocks of eight sizes, a free list for each. A block is named by one 32-bit word: 29 bits
// of 8-byte units (4 GiB) and 3 bits of size class. It keeps its size for good; when the area is full, a larger
// free block serves.

import { HEADER, type Region } from './region.ts';

const UNIT = 8;
const SIZES = [16, 24, 32, 48, 64, 96, 160, 256] as const;
const HIGH = 0; // the next unused unit
const USED = 1; // bytes in blocks that are handed out
const LISTS = 2;

// classes[length] is the smallest class whose block holds that many bytes.
const classes = Uint8Array.from({ length: 256 }, (_, length) => SIZES.findIndex((size) => size >= length));

/** What no block can be (it would lie past the end of the area): the answer when there is no room. */
export const NO_BLOCK = -1;

const makeBlock = (unit: number, size: number): number => (unit << 3) | size;
const blockUnit = (block: number): number => block >>> 3;
const blockClass = (block: number): number => block & 7;

export class Arena {
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #header: Int32Array;

  constructor(region: Region) {
    this.#bytes = region.bytes('names');
    this.#words = region.words('names');
    this.#header = region.header;
  }

  /** The bytes that were ever touched. */
  get bytes(): number {
    return Atomics.load(this.#header, HEADER.arena + HIGH) * UNIT;
  }

  get used(): number {
    return Atomics.load(this.#header, HEADER.arena + USED);
  }

  /**
   * Stores a name of up to 255 bytes and returns its block, `NO_BLOCK` when there is no room.
   */
  store(name: Uint8Array, length: number): number {
    const wanted = classes[length] as number;
    let block = this.#recycle(wanted);
    if (block === NO_BLOCK) block = this.#fresh(wanted);
    for (let larger = wanted + 1; block === NO_BLOCK && larger < SIZES.length; larger++)
      block = this.#recycle(larger);
    if (block === NO_BLOCK) return NO_BLOCK;
    this.#count(SIZES[blockClass(block)] as number);
    const start = blockUnit(block) * UNIT;
    for (let i = 0; i < length; i++) this.#bytes[start + i] = name[i] as number;
    return block;
  }

  free(block: number): void {
    const unit = blockUnit(block);
    const list = HEADER.arena + LISTS + blockClass(block);
    // The list holds unit + 1, so that 0 in fresh memory is the empty list.
    this.#words[unit * 2] = this.#header[list] as number;
    this.#header[list] = unit + 1;
    this.#count(-(SIZES[blockClass(block)] as number));
  }

  equals(block: number, name: Uint8Array, length: number): boolean {
    const start = blockUnit(block) * UNIT;
    for (let i = 0; i < length; i++) if (this.#bytes[start + i] !== name[i]) return false;
    return true;
  }

  copy(block: number, length: number, out: Uint8Array): void {
    const start = blockUnit(block) * UNIT;
    for (let i = 0; i < length; i++) out[i] = this.#bytes[start + i] as number;
  }

  #recycle(size: number): number {
    const list = HEADER.arena + LISTS + size;
    const head = this.#header[list] as number;
    if (head === 0) return NO_BLOCK;
    this.#header[list] = this.#words[(head - 1) * 2] as number;
    return makeBlock(head - 1, size);
  }

  #fresh(size: number): number {
    const unit = this.#header[HEADER.arena + HIGH] as number;
    const end = unit + (SIZES[size] as number) / UNIT;
    if (end * UNIT > this.#bytes.length) return NO_BLOCK;
    Atomics.store(this.#header, HEADER.arena + HIGH, end);
    return makeBlock(unit, size);
  }

  #count(bytes: number): void {
    this.#header[HEADER.arena + USED] = (this.#header[HEADER.arena + USED] as number) + bytes;
  }
}
