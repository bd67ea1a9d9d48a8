// One worker's use of the parking: the request that it has in hand is put aside instead of holding the worker, and parked ones are
// taken up into the same buffer. A request that is taken up again and finds its lock busy keeps its place and its turn.

import type { NodeId } from '../../protocol/index.ts';
import type { Parking, Unique } from './parking.ts';

const NONE = -1;

export class Parker {
  readonly #parking: Parking;
  readonly #worker: number;
  readonly #request: Uint8Array;
  #unique: Unique = { uniqueLo: 0, uniqueHi: 0 };
  #length = 0;
  /** The place of the request in hand. */
  #place = NONE;

  /** @param request the buffer in which the worker's messages lie while they are handled */
  constructor(parking: Parking, worker: number, request: Uint8Array) {
    this.#parking = parking;
    this.#worker = worker;
    this.#request = request;
  }

  /** The message in the first `length` bytes of the buffer is in hand from here on, until `park` or `done`. */
  begin(length: number, unique: Unique): void {
    this.#length = length;
    this.#unique = unique;
  }

  /** Whether the request in hand has to wait with its worker for the node's lock: only if there is no place for it. */
  mayWait(node: NodeId): boolean {
    if (this.#place === NONE) this.#place = this.#parking.reserve(this.#worker, this.#unique, this.#length);
    if (this.#place === NONE) return true;
    this.#parking.setNode(this.#place, node);
    return false;
  }

  /** Puts the request in hand aside, after `mayWait` said no. */
  park(): void {
    const place = this.#place;
    this.#place = NONE;
    this.#parking.fill(place, this.#request);
    this.#parking.publish(place);
  }

  /** The request in hand is done. */
  done(): void {
    if (this.#place === NONE) return;
    this.#parking.release(this.#place);
    this.#place = NONE;
  }

  get hasParked(): boolean {
    return this.#parking.count > 0;
  }

  /** Takes up a parked request whose lock is free. @returns its length in the buffer, 0 when there is none */
  takeUp(isFree: (node: NodeId) => boolean): number {
    this.#place = this.#parking.take(this.#worker, isFree);
    return this.#place === NONE ? 0 : this.#parking.copyTo(this.#place, this.#request);
  }

  /** Takes a parked request out. @returns whether there was one, which is to be answered then */
  interrupt(uniqueLo: number, uniqueHi: number): boolean {
    return this.hasParked && this.#parking.remove(uniqueLo, uniqueHi);
  }
}
