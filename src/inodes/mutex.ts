// A futex mutex on one shared word: 0 free, else the thread that holds it, and in the lowest bit whether somebody may
// sleep. About 75 ns when nobody else wants it. Sections under it are short (a few hash steps); nothing under it may
// block or call the system. The holder is named so that the death of a thread in a section can be told from any other.

import { threadId } from 'node:worker_threads';

const FREE = 0;
const CONTENDED = 1;

/** What the word says while a thread holds it; the main thread has the number 0. */
const heldByThread = (thread: number) => (thread + 1) << 1;
const ME = heldByThread(threadId);

// Long enough for a section on another core to end, short enough not to matter when its thread lost the core.
const SPINS = 100;

export class Mutex {
  readonly #words: Int32Array;
  readonly #at: number;

  constructor(words: Int32Array, at: number) {
    this.#words = words;
    this.#at = at;
  }

  lock(): void {
    if (Atomics.compareExchange(this.#words, this.#at, FREE, ME) !== FREE) this.#contend();
  }

  unlock(): void {
    const was = Atomics.exchange(this.#words, this.#at, FREE);
    if ((was & CONTENDED) !== 0) Atomics.notify(this.#words, this.#at, 1);
  }

  /** Whether this thread (`threadId`) holds it. */
  heldBy(thread: number): boolean {
    return (Atomics.load(this.#words, this.#at) & ~CONTENDED) === heldByThread(thread);
  }

  /** After the death of a thread that may have slept here: a wake-up that it took with it is given to all others. */
  wakeAll(): void {
    Atomics.notify(this.#words, this.#at);
  }

  #contend(): void {
    const words = this.#words;
    const at = this.#at;
    for (let spin = 0; spin < SPINS; spin++) {
      if (Atomics.load(words, at) === FREE && Atomics.compareExchange(words, at, FREE, ME) === FREE) return;
    }
    for (;;) {
      const seen = Atomics.load(words, at);
      if (seen === FREE) {
        // The word says CONTENDED from here on while this thread holds it, which costs at most one needless notify.
        if (Atomics.compareExchange(words, at, FREE, ME | CONTENDED) === FREE) return;
      } else if (Atomics.compareExchange(words, at, seen, seen | CONTENDED) === seen) {
        Atomics.wait(words, at, seen | CONTENDED);
      }
    }
  }
}
