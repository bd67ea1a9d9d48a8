// One worker's way to the lower layers: the request in hand takes room there, or is put aside until there is some.

import { EBUSY } from '../../protocol/errno.ts';
import { PARKED } from '../layers/locking.ts';
import type { LowerBound } from '../layers/lowerbound.ts';
import type { LowerPlaces } from './lowerplaces.ts';
import type { Parker } from './parker.ts';

export class LowerWork implements LowerBound {
  readonly #places: LowerPlaces;
  readonly #parker: Parker;
  readonly #worker: number;
  #entered = false;
  #mayNeed = false;

  constructor(places: LowerPlaces, parker: Parker, worker: number) {
    this.#places = places;
    this.#parker = parker;
    this.#worker = worker;
  }

  enter(changes: boolean): number {
    if (this.#entered) return 0;
    this.#entered = this.#places.enter(this.#worker, changes);
    if (this.#entered) return 0;
    return this.#parker.waitForRoom(changes) ? PARKED : -EBUSY;
  }

  mayNeed(): void {
    this.#mayNeed = true;
  }

  need(): number {
    return this.#mayNeed ? this.enter(false) : 0;
  }

  leave(): void {
    this.#mayNeed = false;
    if (!this.#entered) return;
    this.#entered = false;
    this.#places.leave(this.#worker);
  }
}
