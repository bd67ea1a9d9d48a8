// Who waits for a lock that another host holds is tried again by time, and workers that wait for the kernel know none: they sleep in
// read(2). So the main thread looks when the next one is due, and has the kernel send a message that means nothing but "look".

import type { NodeId } from '../../protocol/types.ts';
import type { LockWaits } from './lockwaits.ts';

/** Between a message and the next look, if it brought nothing: a worker has it by then, or all are busy. */
const TURN_MS = 5;

export class LockClock {
  readonly #waits: LockWaits;
  readonly #knock: (file: NodeId) => boolean;
  #timer: NodeJS.Timeout | undefined;

  /** @param knock asks the kernel for the message; whether it will come */
  constructor(waits: LockWaits, knock: (file: NodeId) => boolean) {
    this.#waits = waits;
    this.#knock = knock;
  }

  /** A request has begun to wait, or waits on. */
  look(): void {
    this.stop();
    const due = this.#waits.dueIn;
    // None lies here now. One that is being tried says so when it waits on.
    if (due === undefined) return;
    if (due <= 0 && this.#waits.knock()) {
      const file = this.#waits.file;
      if (file === undefined || !this.#knock(file)) this.#waits.knocked();
    }
    this.#timer = setTimeout(() => this.look(), Math.max(due, TURN_MS));
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
