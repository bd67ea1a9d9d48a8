// How many workers are at work on lower layers, on each and on all together, in memory that all threads share. A word for each worker and
// each thing that is counted tells whether it is counted there, so that a dead one's place is given back.

import { type LowerSet, MOST_SETS } from '../layers/lowerbound.ts';

/** What is counted: workers on one layer (numbered as the layers are; 0: on any), and those of them that may change something. */
const ANY_LAYER = 0;
const KINDS = 2;

/** Of what is counted, by its number: what a request lacks room in. */
export type Queue = number;

/** The request has the room that it needs. */
export const ENTERED = -1;

/** There are no more queues than these. */
export const QUEUES = KINDS * MOST_SETS;

export class LowerPlaces {
  readonly #words: Int32Array;
  readonly #queues: number;
  /** By queue. */
  readonly #most: readonly number[];

  /**
   * @param memory what `LowerPlaces.allocate` gave, the same in every thread
   * @param lowers how many lower layers there are
   */
  constructor(memory: SharedArrayBuffer, lowers: number) {
    this.#words = new Int32Array(memory);
    this.#queues = queuesFor(lowers);
    const workers = this.#words.length / this.#queues - 1;
    // A quarter of the workers is never there, and another quarter never with what may take hours. One worker alone has to do everything.
    const kept = Math.ceil(workers / 4);
    const all = [workers - kept, workers - 2 * kept];
    // Of several layers, each leaves a quarter of that to the others.
    const each = lowers > 1 ? all.map((most) => most - Math.ceil(most / 4)) : all;
    this.#most = Array.from({ length: this.#queues / KINDS }, (_, layer) =>
      layer === ANY_LAYER ? all : each,
    )
      .flat()
      .map((most) => Math.max(1, most));
  }

  static allocate(workers: number, lowers: number): SharedArrayBuffer {
    return new SharedArrayBuffer((workers + 1) * queuesFor(lowers) * Int32Array.BYTES_PER_ELEMENT);
  }

  /** Whether there is room for one more in what this queue waits for. */
  hasRoom(queue: Queue): boolean {
    return Atomics.load(this.#words, queue) < this.#limit(queue);
  }

  /** @returns `ENTERED`: this worker is one of those at work on these layers now, until `leave`; or what it lacks, and nothing is changed */
  enter(worker: number, layers: LowerSet, changes: boolean): Queue {
    const wanted = layers | (1 << ANY_LAYER);
    let entered = 0;
    for (let queue = 0; queue < this.#queues; queue++) {
      if (((wanted >> (queue / KINDS)) & 1) === 0 || (!changes && queue % KINDS !== 0)) continue;
      if (Atomics.load(this.#words, this.#at(worker, queue)) === 1) continue;
      if (!this.#claim(queue)) {
        for (let other = 0; other < queue; other++) if ((entered >> other) & 1) this.#leave(worker, other);
        return queue;
      }
      Atomics.store(this.#words, this.#at(worker, queue), 1);
      entered |= 1 << queue;
    }
    return ENTERED;
  }

  /** Also for a worker that is dead, or was not there. */
  leave(worker: number): void {
    for (let queue = 0; queue < this.#queues; queue++) this.#leave(worker, queue);
  }

  #leave(worker: number, queue: Queue): void {
    if (Atomics.exchange(this.#words, this.#at(worker, queue), 0) === 1) Atomics.sub(this.#words, queue, 1);
  }

  #claim(queue: Queue): boolean {
    const limit = this.#limit(queue);
    for (let count = Atomics.load(this.#words, queue); count < limit; ) {
      const was = Atomics.compareExchange(this.#words, queue, count, count + 1);
      if (was === count) return true;
      count = was;
    }
    return false;
  }

  #limit(queue: Queue): number {
    return this.#most[queue] ?? 0;
  }

  /** The first row holds the counts. */
  #at(worker: number, queue: Queue): number {
    return (worker + 1) * this.#queues + queue;
  }
}

function queuesFor(lowers: number): number {
  return KINDS * Math.min(lowers + 1, MOST_SETS);
}
