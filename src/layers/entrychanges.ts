// Which directories have entries made, removed or renamed in them at the moment, in memory that all workers share. A copy-up enters a name
// in a directory in which nothing changes for its users, so it gives the directory its time of modification back (quietly.ts); that
// must not undo what a user's own change has just set.

import type { NodeId } from '../../protocol/types.ts';

/** Directories share this many records; one that shares is taken to be changing more often than it is. A power of two. */
const RECORDS = 1 << 16;

/** Above every count, which is a signed word. */
export const UNSETTLED = 2 ** 32;

const BEGUN = 0;
const ENDED = 1;
const HOLDER = 2;
const WORDS = 4;

/** Longer than entering a name takes on a slow network file system. */
const PATIENCE_MS = 2000;

export class EntryChanges {
  readonly #words: Int32Array;
  readonly #worker: number;
  /** What the request in hand changes itself. */
  readonly #own: NodeId[] = [];

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(RECORDS * WORDS * 4);
  }

  /** @param worker number from 1, unique among the threads of the mount. */
  constructor(memory: SharedArrayBuffer, worker: number) {
    this.#words = new Int32Array(memory);
    this.#worker = worker;
  }

  /** Before a user's change of the directory's entries. */
  begin(directory: NodeId): void {
    this.#own.push(directory);
    Atomics.add(this.#words, at(directory) + BEGUN, 1);
  }

  /** After it, whether it was done or refused. */
  end(directory: NodeId): void {
    this.#own.splice(this.#own.lastIndexOf(directory), 1);
    Atomics.add(this.#words, at(directory) + ENDED, 1);
  }

  /** How many changes have begun, or `UNSETTLED` while one is under way. */
  settled(directory: NodeId): number {
    const ended = Atomics.load(this.#words, at(directory) + ENDED);
    const begun = Atomics.load(this.#words, at(directory) + BEGUN);
    // A link copies its source up in another directory than its own, which may share the record.
    const sharing = this.#own.filter((own) => own !== directory && at(own) === at(directory)).length;
    return ((begun - ended) | 0) === sharing ? begun : UNSETTLED;
  }

  /** How many changes have begun: compared with `settled`, whether there was one meanwhile. */
  begun(directory: NodeId): number {
    return Atomics.load(this.#words, at(directory) + BEGUN);
  }

  /** Waits for others who keep this directory's times. A holder that has died is passed over after a while. */
  hold(directory: NodeId): void {
    const word = at(directory) + HOLDER;
    for (;;) {
      const holder = Atomics.compareExchange(this.#words, word, 0, this.#worker);
      if (holder === 0) return;
      const waited = Atomics.wait(this.#words, word, holder, PATIENCE_MS);
      if (waited !== 'timed-out') continue;
      if (Atomics.compareExchange(this.#words, word, holder, this.#worker) === holder) return;
    }
  }

  release(directory: NodeId): void {
    const word = at(directory) + HOLDER;
    if (Atomics.compareExchange(this.#words, word, this.#worker, 0) === this.#worker) {
      Atomics.notify(this.#words, word, 1);
    }
  }
}

/** Node ids count up from small numbers, with their generation above 32 bits. */
function at(directory: NodeId): number {
  return (directory % RECORDS) * WORDS;
}
