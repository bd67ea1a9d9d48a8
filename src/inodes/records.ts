// Records of a fixed number of words in one area, and a pool that hands them out: a bump pointer for records
// never used, a free list for the others. Index 0 is never handed out and means "none" in every link.

export class Records {
  readonly words: Int32Array;
  readonly stride: number;
  readonly capacity: number;

  constructor(words: Int32Array, stride: number) {
    this.words = words;
    this.stride = stride;
    this.capacity = Math.floor(words.length / stride);
  }

  get(index: number, field: number): number {
    return this.words[index * this.stride + field] as number;
  }

  set(index: number, field: number, value: number): void {
    this.words[index * this.stride + field] = value;
  }

  add(index: number, field: number, delta: number): number {
    const at = index * this.stride + field;
    const sum = (this.words[at] as number) + delta;
    this.words[at] = sum;
    return sum;
  }

  /** For readers outside the mutex: never reordered with the reads around it. */
  load(index: number, field: number): number {
    return Atomics.load(this.words, index * this.stride + field);
  }

  store(index: number, field: number, value: number): void {
    Atomics.store(this.words, index * this.stride + field, value);
  }

  /** Sets bits, or clears them, and leaves to other threads what they do to the other bits meanwhile. */
  flag(index: number, field: number, bits: number, on: boolean): void {
    const at = index * this.stride + field;
    if (on) Atomics.or(this.words, at, bits);
    else Atomics.and(this.words, at, ~bits);
  }
}

const HIGH = 0; // the highest index handed out so far
const FREE = 1; // the first free record
const USED = 2;

export class Pool extends Records {
  readonly #header: Int32Array;
  readonly #at: number;
  readonly #link: number;

  /** `link` is the field that a free record uses for its list; `at` are three words of the header. */
  constructor(words: Int32Array, stride: number, link: number, header: Int32Array, at: number) {
    super(words, stride);
    this.#header = header;
    this.#at = at;
    this.#link = link;
  }

  get high(): number {
    return Atomics.load(this.#header, this.#at + HIGH);
  }

  get used(): number {
    return Atomics.load(this.#header, this.#at + USED);
  }

  /** The bytes that were ever touched. */
  get bytes(): number {
    return this.high * this.stride * 4;
  }

  /** The index of a record with arbitrary content, 0 when the area is full. */
  take(): number {
    const header = this.#header;
    let index = header[this.#at + FREE] as number;
    if (index !== 0) {
      header[this.#at + FREE] = this.get(index, this.#link);
    } else {
      index = (header[this.#at + HIGH] as number) + 1;
      if (index >= this.capacity) return 0;
      Atomics.store(header, this.#at + HIGH, index);
    }
    header[this.#at + USED] = (header[this.#at + USED] as number) + 1;
    return index;
  }

  give(index: number): void {
    const header = this.#header;
    this.set(index, this.#link, header[this.#at + FREE] as number);
    header[this.#at + FREE] = index;
    header[this.#at + USED] = (header[this.#at + USED] as number) - 1;
  }
}
