// Places for whole messages in memory that all threads share: where requests lie that wait without a worker (parking.ts, lockwaits.ts).
//
// Each place has one state word: a counter that changes with every step, with two low bits. A step is a compare-and-exchange, so
// nothing here can be left locked.

import type { NodeId } from '../../protocol/index.ts';

// Words of the head, then those of each place.
const COUNT = 0;
const TICKETS = 1;
const HIGH = 2; // places ever used: nobody looks further
/** Words of the head from this one on are the derived class's. */
export const OWN_HEAD = 3;
const HEAD_WORDS = 32;

const STATE = 0;
const WORKER = 1;
const TICKET = 2;
const NODE_LO = 3;
const NODE_HI = 4;
const LENGTH = 5;
const UNIQUE_LO = 6;
const UNIQUE_HI = 7;
/** Words of a place from this one on are the derived class's. */
export const OWN = 8;
const PLACE_WORDS = 12;

// The low bits of a state.
export const FREE = 0;
export const RESERVED = 1; // by the worker that handles it for the first time
export const PARKED = 2;
export const TAKEN = 3; // by the worker that handles it again
export const KIND = 3;
const STEP = 4;

const TWO_32 = 2 ** 32;

/** A request's number: two unsigned words. */
export interface Unique {
  readonly uniqueLo: number;
  readonly uniqueHi: number;
}

export class Places {
  protected readonly words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #size: number;
  readonly #places: number;

  /** @param size the longest message that a place holds, in bytes */
  protected constructor(memory: SharedArrayBuffer, size: number) {
    this.#size = size;
    this.#places = Math.floor((memory.byteLength - HEAD_WORDS * 4) / (PLACE_WORDS * 4 + size));
    const words = HEAD_WORDS + this.#places * PLACE_WORDS;
    this.words = new Int32Array(memory, 0, words);
    this.#bytes = new Uint8Array(memory, words * 4);
  }

  /** Memory for so many places, resident only where it has been used. */
  protected static memory(places: number, size: number): SharedArrayBuffer {
    return new SharedArrayBuffer(HEAD_WORDS * 4 + places * (PLACE_WORDS * 4 + size));
  }

  /** How many requests lie here. */
  get count(): number {
    return Atomics.load(this.words, COUNT);
  }

  /** A place for the request that `worker` has in hand. @returns the place, -1 when there is none */
  reserve(worker: number, { uniqueLo, uniqueHi }: Unique, length: number): number {
    if (length > this.#size) return -1;
    for (let place = 0; place < this.#places; place++) {
      const state = this.state(place);
      if ((state & KIND) !== FREE || !this.step(place, state, RESERVED)) continue;
      this.set(place, WORKER, worker);
      this.set(place, TICKET, Atomics.add(this.words, TICKETS, 1));
      this.set(place, LENGTH, length);
      this.set(place, UNIQUE_LO, uniqueLo);
      this.set(place, UNIQUE_HI, uniqueHi);
      this.#raiseHigh(place + 1);
      return place;
    }
    return -1;
  }

  /** What a place that this worker has reserved or taken waits for. */
  setNode(place: number, node: NodeId): void {
    this.set(place, NODE_LO, node % TWO_32);
    this.set(place, NODE_HI, Math.floor(node / TWO_32));
  }

  /** Puts the message in a place that this worker has reserved. */
  fill(place: number, message: Uint8Array): void {
    this.#bytes.set(message.subarray(0, this.get(place, LENGTH)), place * this.#size);
  }

  /** From here on anybody may take it; look afterwards. */
  publish(place: number): void {
    const counter = this.counterOf(place);
    this.step(place, this.state(place), PARKED);
    this.#count(counter, 1);
  }

  /** Gives a place that this worker has reserved or taken back. */
  release(place: number): void {
    this.step(place, this.state(place), FREE);
  }

  /** Copies a taken request out. @returns its length */
  copyTo(place: number, buffer: Uint8Array): number {
    const length = this.get(place, LENGTH);
    const start = place * this.#size;
    buffer.set(this.#bytes.subarray(start, start + length));
    return length;
  }

  /** Takes the parked request with this number out. @returns whether there was one: its answer is the caller's then */
  remove(uniqueLo: number, uniqueHi: number): boolean {
    const place = this.find(uniqueLo, uniqueHi);
    return place >= 0 && this.#drop(place, this.#found);
  }

  /** The state of the place that `find` has found. */
  #found = 0;

  /** The place of the parked request with this number, -1 for none. */
  protected find(uniqueLo: number, uniqueHi: number): number {
    for (let place = 0; place < this.high; place++) {
      this.#found = this.state(place);
      if ((this.#found & KIND) !== PARKED) continue;
      const [lo, hi] = [this.get(place, UNIQUE_LO), this.get(place, UNIQUE_HI)];
      if (lo === (uniqueLo | 0) && hi === (uniqueHi | 0)) return place;
    }
    return -1;
  }

  /** Empties the places that a dead worker has reserved or taken. @returns the requests, which are the caller's to answer */
  abandon(worker: number): Unique[] {
    const found: Unique[] = [];
    for (let place = 0; place < this.high; place++) {
      const state = this.state(place);
      const mine = (state & KIND) === RESERVED || (state & KIND) === TAKEN;
      if (!mine || this.get(place, WORKER) !== worker) continue;
      found.push(this.uniqueOf(place));
      this.step(place, state, FREE);
    }
    return found;
  }

  /** Takes all parked requests out. @returns them: the caller answers */
  drain(): Unique[] {
    const found: Unique[] = [];
    for (let place = 0; place < this.high; place++) {
      const state = this.state(place);
      if ((state & KIND) !== PARKED) continue;
      const unique = this.uniqueOf(place);
      if (this.#drop(place, state)) found.push(unique);
    }
    return found;
  }

  /** Takes what was parked when its state was this. @returns false when somebody else was first */
  protected claim(place: number, state: number, worker: number): boolean {
    const counter = this.counterOf(place);
    if (!this.step(place, state, TAKEN)) return false;
    this.set(place, WORKER, worker);
    this.#count(counter, -1);
    return true;
  }

  /** Whether the request came before the other one. */
  protected isBefore(place: number, other: number): boolean {
    return ((this.get(place, TICKET) - this.get(other, TICKET)) | 0) < 0;
  }

  protected nodeOf(place: number): NodeId {
    return ((this.get(place, NODE_HI) >>> 0) * TWO_32 + (this.get(place, NODE_LO) >>> 0)) as NodeId;
  }

  protected get high(): number {
    return Atomics.load(this.words, HIGH);
  }

  protected state(place: number): number {
    return Atomics.load(this.words, this.at(place, STATE));
  }

  protected step(place: number, state: number, kind: number): boolean {
    const next = ((state & ~KIND) + STEP) | kind;
    return Atomics.compareExchange(this.words, this.at(place, STATE), state, next) === state;
  }

  protected get(place: number, word: number): number {
    return this.words[this.at(place, word)] as number;
  }

  protected set(place: number, word: number, value: number): void {
    this.words[this.at(place, word)] = value;
  }

  protected at(place: number, word: number): number {
    return HEAD_WORDS + place * PLACE_WORDS + word;
  }

  /** The word of the head that counts requests such as the one in this place, besides the count of all. */
  protected counterOf(_place: number): number | undefined {
    return undefined;
  }

  #count(counter: number | undefined, by: 1 | -1): void {
    Atomics.add(this.words, COUNT, by);
    if (counter !== undefined) Atomics.add(this.words, counter, by);
  }

  #drop(place: number, state: number): boolean {
    const counter = this.counterOf(place);
    if (!this.step(place, state, FREE)) return false;
    this.#count(counter, -1);
    return true;
  }

  protected uniqueOf(place: number): Unique {
    return { uniqueLo: this.get(place, UNIQUE_LO) >>> 0, uniqueHi: this.get(place, UNIQUE_HI) >>> 0 };
  }

  #raiseHigh(to: number): void {
    for (let high = this.high; high < to; high = this.high) {
      Atomics.compareExchange(this.words, HIGH, high, to);
    }
  }
}
