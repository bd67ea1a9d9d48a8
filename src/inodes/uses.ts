// Which descriptors of the table a worker may still work with. It takes no lock to have one, and the node that it belongs to can end
// meanwhile (a parent that only the name of the request's own node has kept, say), or give it up (clock.ts). Closed at once, its number could be another directory's
// before the worker has used it. So each worker tells what it has been given until its request is done, and who wants to close looks there.
// Whoever takes a descriptor tells first and then looks whether the node still has it; whoever takes it from the node does so first and then looks
// here: one of the two sees the other, since Atomics have one order.

import { HEADER, MAX_OWNERS, type Region, USE_WORDS } from './region.ts';

/** Descriptors that one worker can tell of; with more of them it is taken to use all. */
const MOST = USE_WORDS - 1;
const ALL = -1;

export class Uses {
  readonly #header: Int32Array;
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #told = new Int32Array(MOST);
  #count = 0;

  /** @param owner this thread, as of owners.ts; 0 for one that works with no descriptors */
  constructor(region: Region, owner: number) {
    this.#header = region.header;
    this.#words = region.words('uses');
    this.#at = owner > 0 && owner <= MAX_OWNERS ? owner * USE_WORDS : -1;
    if (this.#at < 0) return;
    for (;;) {
      const high = Atomics.load(this.#header, HEADER.users);
      if (high >= owner || Atomics.compareExchange(this.#header, HEADER.users, high, owner) === high) break;
    }
  }

  /** This thread is about to use a descriptor of the table. */
  add(fd: number): void {
    if (this.#at < 0) return;
    for (let i = 0; i < this.#count; i++) if (this.#told[i] === fd) return;
    if (this.#count === MOST) {
      Atomics.store(this.#words, this.#at, ALL);
      return;
    }
    this.#told[this.#count] = fd;
    Atomics.store(this.#words, this.#at + 1 + this.#count, fd);
    this.#count++;
    Atomics.store(this.#words, this.#at, this.#count);
  }

  /** This thread uses none any more. */
  end(): void {
    if (this.#count === 0) return;
    this.#count = 0;
    Atomics.store(this.#words, this.#at, 0);
  }

  /** A thread that died uses none. */
  endOf(owner: number): void {
    if (owner > 0 && owner <= MAX_OWNERS) Atomics.store(this.#words, owner * USE_WORDS, 0);
  }

  /** Whether any thread may use the descriptor. */
  has(fd: number): boolean {
    const last = Atomics.load(this.#header, HEADER.users) * USE_WORDS;
    for (let at = USE_WORDS; at <= last; at += USE_WORDS) {
      const count = Atomics.load(this.#words, at);
      if (count === ALL) return true;
      for (let i = 1; i <= count; i++) if (Atomics.load(this.#words, at + i) === fd) return true;
    }
    return false;
  }
}
