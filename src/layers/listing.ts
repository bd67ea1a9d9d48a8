// The merged listing of a directory: each name once, from the topmost layer that has it, as wire-format dirents in one stretch of
// memory. Names are told apart by a hash table of positions in that stretch, so a million entries make no JavaScript objects.

import { fuse_dirent } from '../../protocol/structs.ts';
import { DirentCursor } from '../sys/dirents.ts';
import { getdents } from '../sys/fd.ts';

const NAME_AT = fuse_dirent.size;
const { ino, off, namelen, type } = fuse_dirent.offsets;
const FIRST_BYTES = 1 << 16;
const FIRST_BUCKETS = 1 << 10;

/** Turns the inode number that a layer lists for a name into the one that the mount shows. */
export type Present = (
  inoLo: number,
  inoHi: number,
  out: { lo: number; hi: number },
  name: Uint8Array,
) => void;

const cursor = new DirentCursor(new Uint8Array(1 << 16));
const number = { lo: 0, hi: 0 };

export class Listing {
  #bytes = new Uint8Array(FIRST_BYTES);
  #view = new DataView(this.#bytes.buffer);
  /** Position + 1 of the record in each bucket; 0 is empty. */
  #buckets = new Int32Array(FIRST_BUCKETS);
  #count = 0;
  #length = 0;

  /** The records so far: each one's `off` is the position after it, so that a directory offset is a position in here. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Adds what is left to read of an open directory, which hides what is there already of its names. @returns 0 or a negative errno. */
  addDirectory(fd: number, skip: (name: Uint8Array) => boolean, present: Present): number {
    for (;;) {
      const count = getdents(fd, cursor.bytes);
      if (count <= 0) return count;
      cursor.load(count);
      while (cursor.next()) {
        if (cursor.isDot) continue;
        const { name } = cursor;
        if (skip(name)) continue;
        present(cursor.inoLo, cursor.inoHi, number, name);
        this.add(name, number.lo, number.hi, cursor.type);
      }
    }
  }

  /** Adds one entry, or puts it in the place of the one of its name. @param name with its NUL. */
  add(name: Uint8Array, inoLo: number, inoHi: number, kind: number): void {
    const length = name.length - 1;
    const bucket = this.#find(name, length);
    const position = this.#buckets[bucket] as number;
    if (position !== 0) {
      this.#put(position - 1, inoLo, inoHi, kind);
      return;
    }
    const at = this.#length;
    const end = at + ((NAME_AT + length + 7) & ~7);
    this.#reserve(end + 1); // the name's NUL may lie behind the record
    this.#put(at, inoLo, inoHi, kind);
    const view = this.#view;
    view.setUint32(at + off, end, true);
    view.setUint32(at + off + 4, 0, true);
    view.setUint32(at + namelen, length, true);
    this.#bytes.set(name, at + NAME_AT);
    this.#bytes.fill(0, at + NAME_AT + length, end);
    this.#length = end;
    this.#buckets[bucket] = at + 1;
    this.#count++;
    if (this.#count * 2 > this.#buckets.length) this.#rehash();
  }

  /** What the object of a record is. */
  #put(at: number, inoLo: number, inoHi: number, kind: number): void {
    const view = this.#view;
    view.setUint32(at + ino, inoLo, true);
    view.setUint32(at + ino + 4, inoHi, true);
    view.setUint32(at + type, kind, true);
  }

  /** The bucket that has the name, or the empty one where it belongs. */
  #find(name: Uint8Array, length: number): number {
    const mask = this.#buckets.length - 1;
    let bucket = hash(name, 0, length) & mask;
    for (;;) {
      const position = this.#buckets[bucket] as number;
      if (position === 0 || this.#isNamed(position - 1, name, length)) return bucket;
      bucket = (bucket + 1) & mask;
    }
  }

  #isNamed(at: number, name: Uint8Array, length: number): boolean {
    if (this.#view.getUint32(at + namelen, true) !== length) return false;
    const start = at + NAME_AT;
    for (let i = 0; i < length; i++) if (this.#bytes[start + i] !== name[i]) return false;
    return true;
  }

  #rehash(): void {
    const buckets = new Int32Array(this.#buckets.length * 4);
    const mask = buckets.length - 1;
    for (let at = 0; at < this.#length; at = this.#view.getUint32(at + off, true)) {
      const start = at + NAME_AT;
      let bucket = hash(this.#bytes, start, start + this.#view.getUint32(at + namelen, true)) & mask;
      while (buckets[bucket] !== 0) bucket = (bucket + 1) & mask;
      buckets[bucket] = at + 1;
    }
    this.#buckets = buckets;
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(length, this.#bytes.length * 2));
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

// Seeded, since users choose names.
const seed = Math.floor(Math.random() * 2 ** 32);

function hash(bytes: Uint8Array, from: number, to: number): number {
  let h = seed;
  for (let i = from; i < to; i++) h = Math.imul(h ^ (bytes[i] as number), 0x01000193);
  h ^= h >>> 15;
  h = Math.imul(h, 0x2c1b3c6d);
  return (h ^ (h >>> 12)) >>> 0;
}
