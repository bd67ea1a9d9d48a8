// Which request each worker is handling, in memory that all workers share. The kernel's INTERRUPT names a request that
// another worker has in hand (the one that reads it is idle by definition), so the mark travels through this memory. A
// slot has one state word: a counter that changes with every request, with two low bits. An interrupter compares the
// unique number and then marks the state by compare-and-exchange, so a mark can never hit the slot's next request.

const SLOT_WORDS = 16; // one cache line for each worker: no false sharing on the hot path
const STATE = 0;
const LO = 1;
const HI = 2;

const INTERRUPTED = 1;
const IDLE = 2;
const STEP = 4;

/** The requests in hand, one slot for each worker; safe for concurrent use by all of them and the main thread. */
export class RequestSlots {
  readonly #words: Int32Array;

  /** @param memory what `RequestSlots.allocate` gave, the same in every thread */
  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** Memory for `workers` slots, all idle. */
  static allocate(workers: number): SharedArrayBuffer {
    const memory = new SharedArrayBuffer(workers * SLOT_WORDS * Int32Array.BYTES_PER_ELEMENT);
    const words = new Int32Array(memory);
    for (let at = 0; at < words.length; at += SLOT_WORDS) words[at + STATE] = IDLE;
    return memory;
  }

  /** Publishes the request that `worker` begins to handle. Call `end` before the next `begin`. */
  begin(worker: number, uniqueLo: number, uniqueHi: number): void {
    const words = this.#words;
    const at = worker * SLOT_WORDS;
    // The slot is idle: nobody reads these two words until the state says otherwise.
    words[at + LO] = uniqueLo;
    words[at + HI] = uniqueHi;
    const state = words[at + STATE] as number;
    Atomics.store(words, at + STATE, ((state | 3) + 1) | 0);
  }

  /** The request is done: an interrupt for it finds nothing from here on. @returns whether one had found it */
  end(worker: number): boolean {
    const at = worker * SLOT_WORDS;
    const state = Atomics.load(this.#words, at + STATE);
    const was = Atomics.exchange(this.#words, at + STATE, ((state & ~(STEP - 1)) + STEP) | IDLE);
    return (was & INTERRUPTED) !== 0;
  }

  /** Has the request that `worker` is handling been interrupted? Cheap: for every turn of a loop that may take long. */
  interrupted(worker: number): boolean {
    return (Atomics.load(this.#words, worker * SLOT_WORDS + STATE) & INTERRUPTED) !== 0;
  }

  /** Marks the request with this unique number. @returns whether a worker has it in hand */
  interrupt(uniqueLo: number, uniqueHi: number): boolean {
    const words = this.#words;
    for (let at = 0; at < words.length; at += SLOT_WORDS) {
      const state = Atomics.load(words, at + STATE);
      if ((state & IDLE) !== 0) continue;
      if (words[at + LO] !== (uniqueLo | 0) || words[at + HI] !== (uniqueHi | 0)) continue;
      if (Atomics.compareExchange(words, at + STATE, state, state | INTERRUPTED) === state) return true;
    }
    return false;
  }

  /** The unique number (two unsigned words) of the request that `worker` has in hand, or undefined when it has none. */
  inHand(worker: number): { uniqueLo: number; uniqueHi: number } | undefined {
    const words = this.#words;
    const at = worker * SLOT_WORDS;
    if ((Atomics.load(words, at + STATE) & IDLE) !== 0) return undefined;
    return { uniqueLo: (words[at + LO] as number) >>> 0, uniqueHi: (words[at + HI] as number) >>> 0 };
  }
}
