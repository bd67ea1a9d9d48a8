// One worker's way to the lower layers: the request in hand takes room there, or is put aside until there is some.

import { EBUSY } from '../../protocol/errno.ts';
import { PARKED } from '../layers/locking.ts';
import { type LowerBound, type LowerSet, lowerSet } from '../layers/lowerbound.ts';
import { ENTERED, type LowerPlaces } from './lowerplaces.ts';
import type { Parker } from './parker.ts';

export class LowerWork implements LowerBound {
  readonly #places: LowerPlaces;
  readonly #parker: Parker;
  readonly #worker: number;
  #entered: LowerSet = 0;
  #mayNeed = false;

  constructor(places: LowerPlaces, parker: Parker, worker: number) {
    this.#places = places;
    this.#parker = parker;
    this.#worker = worker;
  }

  enter(layers: LowerSet, changes: boolean): number {
    if ((layers & ~this.#entered) === 0) return 0;
    const lacks = this.#places.enter(this.#worker, layers, changes);
    if (lacks !== ENTERED) return this.#parker.waitForRoom(lacks) ? PARKED : -EBUSY;
    this.#entered |= layers;
    return 0;
  }

  mayNeed(): void {
    this.#mayNeed = true;
  }

  need(layer: number): number {
    return this.#mayNeed ? this.enter(lowerSet(layer), false) : 0;
  }

  leave(): void {
    this.#mayNeed = false;
    if (this.#entered === 0) return;
    this.#entered = 0;
    this.#places.leave(this.#worker);
  }
}
