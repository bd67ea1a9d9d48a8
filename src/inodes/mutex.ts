// A futex mutex on one shared word: 0 free, 1 held, 2 held and somebody may sleep. About 75 ns when nobody
// else wants it. Sections under it are short (a few hash steps); nothing under it may block or call the system.

const FREE = 0;
const HELD = 1;
const CONTENDED = 2;

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
    if (Atomics.compareExchange(this.#words, this.#at, FREE, HELD) !== FREE) this.#contend();
  }

  unlock(): void {
    if (Atomics.exchange(this.#words, this.#at, FREE) === CONTENDED) Atomics.notify(this.#words, this.#at, 1);
  }

  #contend(): void {
    const words = this.#words;
    const at = this.#at;
    for (let spin = 0; spin < SPINS; spin++) {
      if (Atomics.load(words, at) === FREE && Atomics.compareExchange(words, at, FREE, HELD) === FREE) return;
    }
    // From here on the word says CONTENDED while this thread holds it, which costs at most one needless notify.
    while (Atomics.exchange(words, at, CONTENDED) !== FREE) Atomics.wait(words, at, CONTENDED);
  }
}
