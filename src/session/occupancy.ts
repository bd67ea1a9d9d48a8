// What the workers of a pool know of one another, in memory that all threads share: how many wait for a request, so that the
// worker that takes one while none is left waiting tells the main thread, which looks whether one more is needed (growth.ts); and whether a shortage has been reported
// already. However many workers see a shortage, one report is under way: its flag is taken by compare-and-exchange, and
// given back by the main thread.

const WAITING = 0;
const GROWING = 1;
const REPORTED = 2;
const WORDS = 3;

/** The state of a pool of workers. */
export class Occupancy {
  readonly #words: Int32Array;

  /** @param memory what `Occupancy.allocate` gave, the same in every thread */
  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** Memory for one pool; growth is not allowed until `allowGrowth`. */
  static allocate(): SharedArrayBuffer {
    const memory = new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT);
    new Int32Array(memory)[GROWING] = 1;
    return memory;
  }

  /** This worker is about to wait for a request. */
  wait(): void {
    Atomics.add(this.#words, WAITING, 1);
  }

  /** This worker got a request (or the end). @returns whether it has to tell the main thread that all are busy */
  take(): boolean {
    if (Atomics.sub(this.#words, WAITING, 1) > 1) return false;
    return this.claimGrowth();
  }

  /** @returns whether this thread is the one that tells, or looks after, a shortage of workers */
  claimGrowth(): boolean {
    return Atomics.compareExchange(this.#words, GROWING, 0, 1) === 0;
  }

  /** Main thread: the next worker that sees all busy may tell it again. */
  allowGrowth(): void {
    Atomics.store(this.#words, GROWING, 0);
  }

  /** This worker sees too many descriptors. @returns whether it is the one to report it */
  report(): boolean {
    return Atomics.compareExchange(this.#words, REPORTED, 0, 1) === 0;
  }

  /** Main thread: the next worker that sees too many descriptors may report it again. */
  allowReports(): void {
    Atomics.store(this.#words, REPORTED, 0);
  }

  /** How many workers wait at this moment. */
  get waiting(): number {
    return Atomics.load(this.#words, WAITING);
  }
}
