// How many workers are at work on lower layers, in memory that all threads share. A word for each worker tells whether it is one of them, so
// that a dead one's place is given back.

const COUNT = 0;
const FIRST = 1;

export class LowerPlaces {
  readonly #words: Int32Array;
  readonly #most: number;
  readonly #mostChanging: number;

  /** @param memory what `LowerPlaces.allocate` gave, the same in every thread */
  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
    const workers = this.#words.length - FIRST;
    // A quarter of the workers is never there, and another quarter never with what may take hours. One worker alone has to do everything.
    const kept = Math.ceil(workers / 4);
    this.#most = Math.max(1, workers - kept);
    this.#mostChanging = Math.max(1, workers - 2 * kept);
  }

  static allocate(workers: number): SharedArrayBuffer {
    return new SharedArrayBuffer((FIRST + workers) * Int32Array.BYTES_PER_ELEMENT);
  }

  /** Whether there is room for one more. */
  hasRoom(changes: boolean): boolean {
    return Atomics.load(this.#words, COUNT) < this.#limit(changes);
  }

  /** @returns whether this worker is one of those at work on lower layers now, until `leave` */
  enter(worker: number, changes: boolean): boolean {
    const limit = this.#limit(changes);
    for (let count = Atomics.load(this.#words, COUNT); count < limit; ) {
      const was = Atomics.compareExchange(this.#words, COUNT, count, count + 1);
      if (was === count) {
        Atomics.store(this.#words, FIRST + worker, 1);
        return true;
      }
      count = was;
    }
    return false;
  }

  /** Also for a worker that is dead, or was not there. */
  leave(worker: number): void {
    if (Atomics.exchange(this.#words, FIRST + worker, 0) === 1) Atomics.sub(this.#words, COUNT, 1);
  }

  #limit(changes: boolean): number {
    return changes ? this.#mostChanging : this.#most;
  }
}
