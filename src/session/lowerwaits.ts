// Requests that wait for room on the lower layers, without a worker (lowerplaces.ts). Whoever has finished a request there takes the one up
// that has waited longest. As in parking.ts, both who publishes and who leaves look afterwards, so none stays while there is room.

import { QUEUES, type Queue } from './lowerplaces.ts';
import { KIND, OWN, OWN_HEAD, PARKED, Places, type Unique } from './places.ts';

/** Places. What comes beyond these is refused (EBUSY): a worker that waits for a layer that hangs is what must not be. */
const PLACES = 4096;

/** Bytes of one place, as in parking.ts: any message but a WRITE's, and those are of the upper layer. */
const PLACE_BYTES = 68 * 1024;

const QUEUE = OWN;
const PID = OWN + 1;
const SIGNALLED = OWN + 2;

export class LowerWaits extends Places {
  /** @param memory what `LowerWaits.allocate` gave, the same in every thread */
  constructor(memory: SharedArrayBuffer) {
    super(memory, PLACE_BYTES);
  }

  static allocate(places: number = PLACES): SharedArrayBuffer {
    return Places.memory(places, PLACE_BYTES);
  }

  /** What is known of the request in a place that this worker has reserved. */
  describe(place: number, pid: number): void {
    this.set(place, PID, pid);
    this.set(place, SIGNALLED, 0);
  }

  /** What the request in a place that this worker has reserved or taken lacks now. */
  queue(place: number, queue: Queue): void {
    this.set(place, QUEUE, queue);
  }

  /** Whether a request that waits may go on. @param hasRoom for a queue */
  mayGoOn(hasRoom: (queue: Queue) => boolean): boolean {
    if (this.count === 0) return false;
    for (let queue = 0; queue < QUEUES; queue++) {
      if (Atomics.load(this.words, OWN_HEAD + queue) > 0 && hasRoom(queue)) return true;
    }
    return false;
  }

  /** Takes the request that has waited longest, of the queues for which there is room. @returns the place, -1 for none */
  take(worker: number, hasRoom: (queue: Queue) => boolean): number {
    for (;;) {
      let best = -1;
      let seen = 0;
      for (let place = 0; place < this.high; place++) {
        const state = this.state(place);
        if ((state & KIND) !== PARKED || !hasRoom(this.get(place, QUEUE))) continue;
        if (best >= 0 && !this.isBefore(place, best)) continue;
        best = place;
        seen = state;
      }
      if (best < 0 || this.claim(best, seen, worker)) return best;
    }
  }

  protected override counterOf(place: number): number {
    return OWN_HEAD + this.get(place, QUEUE);
  }

  /** A signal has come for the parked request with this number. @returns whether there is one */
  signal(uniqueLo: number, uniqueHi: number): boolean {
    const place = this.find(uniqueLo, uniqueHi);
    if (place >= 0) Atomics.store(this.words, this.at(place, SIGNALLED), 1);
    return place >= 0;
  }

  /** The parked requests for which a signal has come, and their processes. */
  signalled(): { request: Unique; pid: number }[] {
    const found: { request: Unique; pid: number }[] = [];
    for (let place = 0; place < this.high; place++) {
      const waits = (this.state(place) & KIND) === PARKED;
      if (waits && Atomics.load(this.words, this.at(place, SIGNALLED)) === 1)
        found.push({ request: this.uniqueOf(place), pid: this.get(place, PID) });
    }
    return found;
  }
}
