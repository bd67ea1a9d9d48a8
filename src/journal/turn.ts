// Whose turn it is to write to the journal: one thread at a time, so that a record that was cut short is known to who writes next. Under it
// is a write(2) to a storage, which may hang; so, other than with the inode table's mutex, whoever waits gives up after a while, and
// the main thread takes the turn away from a thread that has died.

import { threadId } from 'node:worker_threads';
import { WORD } from './setup.ts';

const FREE = 0;
const CONTENDED = 1;

const heldBy = (thread: number) => (thread + 1) << 1;
const ME = heldBy(threadId);

/** @returns whether it is this thread's turn now. */
export function takeTurn(words: Int32Array, patienceMs: number): boolean {
  if (Atomics.compareExchange(words, WORD.turn, FREE, ME) === FREE) return true;
  return patienceMs > 0 && waitForTurn(words, patienceMs);
}

function waitForTurn(words: Int32Array, patienceMs: number): boolean {
  const end = performance.now() + patienceMs;
  for (;;) {
    const seen = Atomics.load(words, WORD.turn);
    if (seen === FREE) {
      // From here on the word says CONTENDED while this thread holds it: others may sleep still.
      if (Atomics.compareExchange(words, WORD.turn, FREE, ME | CONTENDED) === FREE) return true;
      continue;
    }
    const left = end - performance.now();
    if (left <= 0) return false;
    const marked = seen | CONTENDED;
    if (Atomics.compareExchange(words, WORD.turn, seen, marked) === seen) {
      Atomics.wait(words, WORD.turn, marked, left);
    }
  }
}

export function endTurn(words: Int32Array): void {
  free(words);
}

/** After the death of a thread: nobody waits for it, and whatever it was writing may have been cut short. */
export function endTurnOf(words: Int32Array, thread: number): void {
  if ((Atomics.load(words, WORD.turn) & ~CONTENDED) !== heldBy(thread)) return;
  Atomics.store(words, WORD.end, -1);
  free(words);
}

function free(words: Int32Array): void {
  if ((Atomics.exchange(words, WORD.turn, FREE) & CONTENDED) !== 0) Atomics.notify(words, WORD.turn, 1);
}
