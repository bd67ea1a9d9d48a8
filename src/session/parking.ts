// Requests that wait for a node's lock without a worker, in memory that all threads share. A copy-up may hold a lock for hours; the
// requests that want it lie here as whole messages, and whoever has finished a request looks whether one of them can go on.
//
// Each place has one state word: a counter that changes with every step, with two low bits. A step is a compare-and-exchange, so
// nothing here can be left locked. Who publishes a parked request looks afterwards, and who unlocks looks afterwards: since both
// orders are total (Atomics), one of the two sees the other, and no request stays while its lock is free.

import type { NodeId } from '../../protocol/index.ts';

/** Places. Requests beyond these wait with a worker each. */
const PLACES = 1024;

/** Bytes of one place: any message that changes a file and carries no data of it; the longest is a SETXATTR of 64 KiB. */
export const PLACE_BYTES = 68 * 1024;

// Words of the head, then those of each place.
const COUNT = 0;
const TICKETS = 1;
const HIGH = 2; // places ever used: nobody looks further
const HEAD_WORDS = 16;

const STATE = 0;
const WORKER = 1;
const TICKET = 2;
const NODE_LO = 3;
const NODE_HI = 4;
const LENGTH = 5;
const UNIQUE_LO = 6;
const UNIQUE_HI = 7;
const PLACE_WORDS = 8;

// The low bits of a state.
const FREE = 0;
const RESERVED = 1; // by the worker that handles it for the first time
const PARKED = 2;
const TAKEN = 3; // by the worker that handles it again
const KIND = 3;
const STEP = 4;

const TWO_32 = 2 ** 32;

/** A request's number: two unsigned words. */
export interface Unique {
  readonly uniqueLo: number;
  readonly uniqueHi: number;
}

export class Parking {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #places: number;

  /** @param memory what `Parking.allocate` gave, the same in every thread */
  constructor(memory: SharedArrayBuffer) {
    this.#places = Math.floor((memory.byteLength - HEAD_WORDS * 4) / (PLACE_WORDS * 4 + PLACE_BYTES));
    const words = HEAD_WORDS + this.#places * PLACE_WORDS;
    this.#words = new Int32Array(memory, 0, words);
    this.#bytes = new Uint8Array(memory, words * 4);
  }

  /** Memory for so many places, resident only where it has been used. */
  static allocate(places: number = PLACES): SharedArrayBuffer {
    return new SharedArrayBuffer(HEAD_WORDS * 4 + places * (PLACE_WORDS * 4 + PLACE_BYTES));
  }

  /** How many requests are parked. */
  get count(): number {
    return Atomics.load(this.#words, COUNT);
  }

  /** A place for the request that `worker` has in hand. @returns the place, -1 when there is none */
  reserve(worker: number, { uniqueLo, uniqueHi }: Unique, length: number): number {
    if (length > PLACE_BYTES) return -1;
    for (let place = 0; place < this.#places; place++) {
      const state = this.#state(place);
      if ((state & KIND) !== FREE || !this.#step(place, state, RESERVED)) continue;
      this.#set(place, WORKER, worker);
      this.#set(place, TICKET, Atomics.add(this.#words, TICKETS, 1));
      this.#set(place, LENGTH, length);
      this.#set(place, UNIQUE_LO, uniqueLo);
      this.#set(place, UNIQUE_HI, uniqueHi);
      this.#raiseHigh(place + 1);
      return place;
    }
    return -1;
  }

  /** What a place that this worker has reserved or taken waits for. */
  setNode(place: number, node: NodeId): void {
    this.#set(place, NODE_LO, node % TWO_32);
    this.#set(place, NODE_HI, Math.floor(node / TWO_32));
  }

  /** Puts the message in a place that this worker has reserved. */
  fill(place: number, message: Uint8Array): void {
    this.#bytes.set(message.subarray(0, this.#get(place, LENGTH)), place * PLACE_BYTES);
  }

  /** From here on anybody may take it; look afterwards. */
  publish(place: number): void {
    this.#step(place, this.#state(place), PARKED);
    Atomics.add(this.#words, COUNT, 1);
  }

  /** Gives a place that this worker has reserved or taken back. */
  release(place: number): void {
    this.#step(place, this.#state(place), FREE);
  }

  /**
   * Takes the request that has waited longest for a lock that is free. While one is taken, others for the same node stay: it is their
   * turn after it. @returns the place, -1 when there is none
   */
  take(worker: number, isFree: (node: NodeId) => boolean): number {
    for (;;) {
      const place = this.#first(isFree);
      if (place < 0) return -1;
      const state = this.#seen;
      if (!this.#step(place, state, TAKEN)) continue;
      this.#set(place, WORKER, worker);
      Atomics.sub(this.#words, COUNT, 1);
      return place;
    }
  }

  /** Copies a taken request out. @returns its length */
  copyTo(place: number, buffer: Uint8Array): number {
    const length = this.#get(place, LENGTH);
    const start = place * PLACE_BYTES;
    buffer.set(this.#bytes.subarray(start, start + length));
    return length;
  }

  /** Takes the parked request with this number out. @returns whether there was one: its answer is the caller's then */
  remove(uniqueLo: number, uniqueHi: number): boolean {
    for (let place = 0; place < this.#high; place++) {
      const state = this.#state(place);
      if ((state & KIND) !== PARKED) continue;
      if (this.#get(place, UNIQUE_LO) !== (uniqueLo | 0) || this.#get(place, UNIQUE_HI) !== (uniqueHi | 0))
        continue;
      if (this.#drop(place, state)) return true;
    }
    return false;
  }

  /** Empties the places that a dead worker has reserved or taken. @returns the requests, which are the caller's to answer */
  abandon(worker: number): Unique[] {
    const found: Unique[] = [];
    for (let place = 0; place < this.#high; place++) {
      const state = this.#state(place);
      const mine = (state & KIND) === RESERVED || (state & KIND) === TAKEN;
      if (!mine || this.#get(place, WORKER) !== worker) continue;
      found.push(this.#uniqueOf(place));
      this.#step(place, state, FREE);
    }
    return found;
  }

  /** Takes all parked requests out. @returns them: the caller answers */
  drain(): Unique[] {
    const found: Unique[] = [];
    for (let place = 0; place < this.#high; place++) {
      const state = this.#state(place);
      if ((state & KIND) !== PARKED) continue;
      const unique = this.#uniqueOf(place);
      if (this.#drop(place, state)) found.push(unique);
    }
    return found;
  }

  /** The state of the place that `#first` has found. */
  #seen = 0;

  #first(isFree: (node: NodeId) => boolean): number {
    const busy = new Set<NodeId>();
    for (let place = 0; place < this.#high; place++) {
      if ((this.#state(place) & KIND) === TAKEN) busy.add(this.#nodeOf(place));
    }
    let best = -1;
    for (let place = 0; place < this.#high; place++) {
      const state = this.#state(place);
      const kind = state & KIND;
      if (kind !== PARKED && kind !== TAKEN) continue;
      const node = this.#nodeOf(place);
      if (busy.has(node)) continue;
      // Taken since the first round: the best so far may be one that comes after it.
      if (kind === TAKEN) return this.#first(isFree);
      if (!isFree(node)) busy.add(node);
      else if (best < 0 || this.#isBefore(place, best)) {
        best = place;
        this.#seen = state;
      }
    }
    return best;
  }

  #isBefore(place: number, other: number): boolean {
    return ((this.#get(place, TICKET) - this.#get(other, TICKET)) | 0) < 0;
  }

  #drop(place: number, state: number): boolean {
    if (!this.#step(place, state, FREE)) return false;
    Atomics.sub(this.#words, COUNT, 1);
    return true;
  }

  #uniqueOf(place: number): Unique {
    return { uniqueLo: this.#get(place, UNIQUE_LO) >>> 0, uniqueHi: this.#get(place, UNIQUE_HI) >>> 0 };
  }

  #nodeOf(place: number): NodeId {
    return ((this.#get(place, NODE_HI) >>> 0) * TWO_32 + (this.#get(place, NODE_LO) >>> 0)) as NodeId;
  }

  get #high(): number {
    return Atomics.load(this.#words, HIGH);
  }

  #raiseHigh(to: number): void {
    for (let high = this.#high; high < to; high = this.#high) {
      Atomics.compareExchange(this.#words, HIGH, high, to);
    }
  }

  #state(place: number): number {
    return Atomics.load(this.#words, HEAD_WORDS + place * PLACE_WORDS + STATE);
  }

  #step(place: number, state: number, kind: number): boolean {
    const at = HEAD_WORDS + place * PLACE_WORDS + STATE;
    const next = ((state & ~KIND) + STEP) | kind;
    return Atomics.compareExchange(this.#words, at, state, next) === state;
  }

  #get(place: number, word: number): number {
    return this.#words[HEAD_WORDS + place * PLACE_WORDS + word] as number;
  }

  #set(place: number, word: number, value: number): void {
    this.#words[HEAD_WORDS + place * PLACE_WORDS + word] = value;
  }
}
