// Hash chains over records that grow by linear hashing: each insertion past one record a bucket splits one
// bucket, so there is no long pause at any size. The buckets never shrink; an emptied one costs four bytes.

import type { Records } from './records.ts';

const ENTRIES = 0;
const BUCKETS = 1;
const FIRST_BUCKETS = 16;

export class Buckets {
  readonly #heads: Int32Array;
  readonly #header: Int32Array;
  readonly #at: number;
  readonly #records: Records;
  readonly #next: number;
  readonly #hashOf: (index: number) => number;

  /** `next` is the chain's field in the records; `hashOf` gives a record's hash; `at` are two words of the header. */
  constructor(
    heads: Int32Array,
    header: Int32Array,
    at: number,
    records: Records,
    next: number,
    hashOf: (index: number) => number,
  ) {
    this.#heads = heads;
    this.#header = header;
    this.#at = at;
    this.#records = records;
    this.#next = next;
    this.#hashOf = hashOf;
  }

  get entries(): number {
    return Atomics.load(this.#header, this.#at + ENTRIES);
  }

  get bytes(): number {
    return this.#size() * 4;
  }

  /** The first record of the hash's chain, 0 for none; follow the records' chain field. */
  first(hash: number): number {
    return this.#heads[this.#bucket(hash)] as number;
  }

  /** Which of two records with equal keys is found first is not said: a split turns a chain round. */
  insert(index: number, hash: number): void {
    const bucket = this.#bucket(hash);
    this.#records.set(index, this.#next, this.#heads[bucket] as number);
    this.#heads[bucket] = index;
    const entries = (this.#header[this.#at + ENTRIES] as number) + 1;
    this.#header[this.#at + ENTRIES] = entries;
    const size = this.#size();
    if (entries > size && size < this.#heads.length) this.#split(size);
  }

  /** Whether the record was in the chain. */
  remove(index: number, hash: number): boolean {
    const bucket = this.#bucket(hash);
    let previous = 0;
    for (let at = this.#heads[bucket] as number; at !== 0; at = this.#records.get(at, this.#next)) {
      if (at === index) {
        const next = this.#records.get(at, this.#next);
        if (previous === 0) this.#heads[bucket] = next;
        else this.#records.set(previous, this.#next, next);
        this.#header[this.#at + ENTRIES] = (this.#header[this.#at + ENTRIES] as number) - 1;
        return true;
      }
      previous = at;
    }
    return false;
  }

  // Zero in fresh memory stands for the first size.
  #size(): number {
    const size = this.#header[this.#at + BUCKETS] as number;
    return size === 0 ? Math.min(FIRST_BUCKETS, this.#heads.length) : size;
  }

  #bucket(hash: number): number {
    const size = this.#size();
    const power = 1 << (31 - Math.clz32(size)); // the largest power of two not above the size
    const bucket = hash & (power * 2 - 1);
    return bucket < size ? bucket : hash & (power - 1);
  }

  #split(size: number): void {
    const power = 1 << (31 - Math.clz32(size));
    const from = size - power;
    let kept = 0;
    let moved = 0;
    let next = 0;
    for (let at = this.#heads[from] as number; at !== 0; at = next) {
      next = this.#records.get(at, this.#next);
      if ((this.#hashOf(at) & (power * 2 - 1)) === size) {
        this.#records.set(at, this.#next, moved);
        moved = at;
      } else {
        this.#records.set(at, this.#next, kept);
        kept = at;
      }
    }
    this.#heads[from] = kept;
    this.#heads[size] = moved;
    this.#header[this.#at + BUCKETS] = size + 1;
  }
}
