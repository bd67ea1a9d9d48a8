// Requests that wait for a file lock (`locks=cluster`) without a worker, for as long as its holder likes, or a moment for a descriptor. Nobody tells of what another
// host lets go, so each is tried again when its time has come, first after 5 ms and then ever more rarely; what this mount lets go is
// told by `released`, and the first of those who wait for it are due at once.
//
// Of requests that want the same of a node (`want`), one is tried at once; the next when that one is done. So a thousand who wait for one
// exclusive lock do not all try for each that gets it.

import type { NodeId } from '../../protocol/index.ts';
import { KIND, OWN, OWN_HEAD, PARKED, Places } from './places.ts';

/** Places. For requests beyond these there is no lock to be had (ENOLCK). */
const PLACES = 4096;

/** Bytes of one place: a SETLKW, or what names something; the longest is a SYMLINK. */
const PLACE_BYTES = 4608;

// Milliseconds between two tries. As many requests as wait, so many milliseconds may lie between the tries of one: a try takes some 20 µs.
const FIRST_MS = 5;
const LAST_MS = 250;

const NEXT = OWN_HEAD; // when the next one is due, or earlier
const KNOCKED = OWN_HEAD + 1; // a message is under way that wakes a worker

const WATCHED = OWN_HEAD + 2; // until when workers look after the time themselves

const DUE = OWN;
const DELAY = OWN + 1;
const WANT = OWN + 2;
const SINCE = OWN + 3;

/** What they want who wait for a descriptor, beside what layers/locks.ts has them want. */
export const WANTS_DESCRIPTOR = 8;

/** Milliseconds of a clock that all threads share, 32 bits of them. */
function now(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return (seconds * 1000 + Math.floor(nanoseconds / 1e6)) | 0;
}

export class LockWaits extends Places {
  /** @param memory what `LockWaits.allocate` gave, the same in every thread */
  constructor(memory: SharedArrayBuffer) {
    super(memory, PLACE_BYTES);
  }

  static allocate(places: number = PLACES): SharedArrayBuffer {
    return Places.memory(places, PLACE_BYTES);
  }

  /** What a place that this worker has reserved waits for, from now on. */
  start(place: number, node: NodeId, want: number): void {
    const time = now();
    this.setNode(place, node);
    this.set(place, WANT, want);
    this.set(place, SINCE, time);
    this.set(place, DELAY, FIRST_MS);
    this.set(place, DUE, (time + FIRST_MS) | 0);
  }

  /** A place that this worker has taken waits on. */
  again(place: number): void {
    const delay = Math.min(Math.ceil(this.get(place, DELAY) * 1.5), Math.max(LAST_MS, this.count));
    this.set(place, DELAY, delay);
    this.set(place, DUE, (now() + delay) | 0);
  }

  override publish(place: number): void {
    const due = this.get(place, DUE);
    // What is left from the last time may be so old that it seems to lie in the future.
    if (this.count === 0) Atomics.store(this.words, NEXT, due);
    super.publish(place);
    this.#lower(due);
  }

  /** How long the request has waited, in milliseconds. */
  waited(place: number): number {
    return (now() - this.get(place, SINCE)) | 0;
  }

  /** Milliseconds until a request is due, 0 or less when one may be; undefined when none lies here. Cheap. */
  get dueIn(): number | undefined {
    return this.count === 0 ? undefined : (Atomics.load(this.words, NEXT) - now()) | 0;
  }

  /** For so many milliseconds no worker waits for the kernel's next message longer than until a request is due. */
  watch(milliseconds: number): void {
    Atomics.store(this.words, WATCHED, (now() + milliseconds) | 0);
  }

  /** Whether they do. Cheap while no request lies here. */
  get isWatched(): boolean {
    return this.count > 0 && ((Atomics.load(this.words, WATCHED) - now()) | 0) > 0;
  }

  /** Takes the due request that has waited longest. @returns the place, -1 when none is due */
  takeDue(worker: number): number {
    for (;;) {
      const time = now();
      // Before the look, so that what is published meanwhile lowers it again.
      Atomics.store(this.words, NEXT, (time + LAST_MS) | 0);
      let best = -1;
      let seen = 0;
      for (let place = 0; place < this.high; place++) {
        const state = this.state(place);
        if ((state & KIND) !== PARKED) continue;
        const due = Atomics.load(this.words, this.at(place, DUE));
        this.#lower(due);
        if (((due - time) | 0) > 0 || (best >= 0 && !this.isBefore(place, best))) continue;
        best = place;
        seen = state;
      }
      if (best < 0 || this.claim(best, seen, worker)) return best;
    }
  }

  /** Locks of the node were let go: of those who want the same, the first is due. */
  released(node: NodeId): void {
    if (this.count === 0) return;
    const first = new Map<number, number>();
    this.#each(node, (place, want) => {
      const other = first.get(want);
      if (other === undefined || this.isBefore(place, other)) first.set(want, place);
    });
    for (const place of first.values()) this.#hasten(place);
  }

  /** A request has got what it waited for: the next that wants the same is due. */
  served(place: number): void {
    if (this.count === 0) return;
    const wanted = this.get(place, WANT);
    let next = -1;
    this.#each(this.nodeOf(place), (other, want) => {
      if (want === wanted && (next < 0 || this.isBefore(other, next))) next = other;
    });
    if (next >= 0) this.#hasten(next);
  }

  /** A file whose lock somebody waits for; the kernel knows it as long as he does. */
  get file(): NodeId | undefined {
    for (let place = 0; place < this.high; place++) {
      const isFile = this.get(place, WANT) !== WANTS_DESCRIPTOR;
      if (isFile && (this.state(place) & KIND) === PARKED) return this.nodeOf(place);
    }
    return undefined;
  }

  /** @returns whether this thread is to send the message that wakes a worker: none is under way */
  knock(): boolean {
    return Atomics.compareExchange(this.words, KNOCKED, 0, 1) === 0;
  }

  /** The message has come, or could not be sent. */
  knocked(): void {
    Atomics.store(this.words, KNOCKED, 0);
  }

  #each(node: NodeId, visit: (place: number, want: number) => void): void {
    for (let place = 0; place < this.high; place++) {
      if ((this.state(place) & KIND) === PARKED && this.nodeOf(place) === node)
        visit(place, this.get(place, WANT));
    }
  }

  // The place may be another request's by now, which is then tried early, and no more.
  #hasten(place: number): void {
    const time = now();
    Atomics.store(this.words, this.at(place, DELAY), FIRST_MS);
    Atomics.store(this.words, this.at(place, DUE), time);
    this.#lower(time);
  }

  #lower(due: number): void {
    for (let next = Atomics.load(this.words, NEXT); ((due - next) | 0) < 0; ) {
      const was = Atomics.compareExchange(this.words, NEXT, next, due);
      if (was === next) return;
      next = was;
    }
  }
}
