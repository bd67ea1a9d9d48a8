// Ends what killed processes wait for. The kernel tells of a signal once; of one that did not kill, and was followed by one that does, it
// tells nothing more. So who has had a signal while his request waits for room on the lower layers is looked at by time.

import { isDying } from './dying.ts';
import type { LowerWaits } from './lowerwaits.ts';
import type { Unique } from './places.ts';

const TURN_MS = 250;

export class Reaper {
  readonly #waits: LowerWaits;
  readonly #answer: (request: Unique) => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param answer with any error: nobody sees it, the caller only has to be let go */
  constructor(waits: LowerWaits, answer: (request: Unique) => void) {
    this.#waits = waits;
    this.#answer = answer;
  }

  /** Somebody who waits has had a signal. */
  look(): void {
    this.stop();
    let left = 0;
    for (const { request, pid } of this.#waits.signalled()) {
      if (!isDying(pid)) left++;
      else if (this.#waits.remove(request.uniqueLo, request.uniqueHi)) this.#answer(request);
    }
    if (left > 0) this.#timer = setTimeout(() => this.look(), TURN_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
