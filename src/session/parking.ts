// Requests that wait for a node's lock without a worker. A copy-up may hold a lock for hours; the requests that want it lie here as
// whole messages, and whoever has finished a request looks whether one of them can go on.
//
// Who publishes a parked request looks afterwards, and who unlocks looks afterwards: since both orders are total (Atomics), one of the
// two sees the other, and no request stays while its lock is free.

import type { NodeId } from '../../protocol/index.ts';
import { KIND, PARKED, Places, TAKEN } from './places.ts';

/** Places. Requests beyond these wait with a worker each. */
const PLACES = 1024;

/** Bytes of one place: any message that changes a file and carries no data of it; the longest is a SETXATTR of 64 KiB. */
export const PLACE_BYTES = 68 * 1024;

export class Parking extends Places {
  /** @param memory what `Parking.allocate` gave, the same in every thread */
  constructor(memory: SharedArrayBuffer) {
    super(memory, PLACE_BYTES);
  }

  static allocate(places: number = PLACES): SharedArrayBuffer {
    return Places.memory(places, PLACE_BYTES);
  }

  /**
   * Takes the request that has waited longest for a lock that is free. While one is taken, others for the same node stay: it is their
   * turn after it. @returns the place, -1 when there is none
   */
  take(worker: number, isFree: (node: NodeId) => boolean): number {
    for (;;) {
      const place = this.#first(isFree);
      if (place < 0 || this.claim(place, this.#seen, worker)) return place;
    }
  }

  /** The state of the place that `#first` has found. */
  #seen = 0;

  #first(isFree: (node: NodeId) => boolean): number {
    const busy = new Set<NodeId>();
    for (let place = 0; place < this.high; place++) {
      if ((this.state(place) & KIND) === TAKEN) busy.add(this.nodeOf(place));
    }
    let best = -1;
    for (let place = 0; place < this.high; place++) {
      const state = this.state(place);
      const kind = state & KIND;
      if (kind !== PARKED && kind !== TAKEN) continue;
      const node = this.nodeOf(place);
      if (busy.has(node)) continue;
      // Taken since the first round: the best so far may be one that comes after it.
      if (kind === TAKEN) return this.#first(isFree);
      if (!isFree(node)) busy.add(node);
      else if (best < 0 || this.isBefore(place, best)) {
        best = place;
        this.#seen = state;
      }
    }
    return best;
  }
}
