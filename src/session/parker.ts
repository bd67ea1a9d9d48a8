// One worker's use of the places where requests wait: the one that it has in hand is put aside instead of holding the worker, and others
// are taken up into the same buffer. A request that is taken up again and has to wait for the same keeps its place and its turn.

import type { NodeId } from '../../protocol/types.ts';
import { type LockWaits, WANTS_DESCRIPTOR } from './lockwaits.ts';
import type { LowerPlaces, Queue } from './lowerplaces.ts';
import type { LowerWaits } from './lowerwaits.ts';
import type { Parking } from './parking.ts';
import type { Places, Unique } from './places.ts';

const NONE = -1;

/** File locks that are tried for between two messages from the kernel: who waits must not keep others from being served. */
const MOST_TRIES = 32;

/** Milliseconds that a request waits for a descriptor. */
const DESCRIPTOR_PATIENCE_MS = 1000;

export interface ParkerHooks {
  /** A request has begun to wait for a file lock: somebody must look after the time. */
  readonly waiting: () => void;
  /** A signal has come for a request that waits for room on the lower layers: somebody must see whether its process ends. */
  readonly signalled?: () => void;
}

/** Where requests wait for room on the lower layers, and what there is of it. */
export interface LowerRoom {
  readonly waits: LowerWaits;
  readonly places: LowerPlaces;
}

export class Parker {
  readonly #parking: Parking;
  readonly #waits: LockWaits;
  readonly #worker: number;
  readonly #request: Uint8Array;
  readonly #hooks: ParkerHooks;
  readonly #lower: LowerRoom | undefined;
  #unique: Unique = { uniqueLo: 0, uniqueHi: 0 };
  #length = 0;
  #pid = 0;
  /** The place of the request in hand, and where it is. */
  #place = NONE;
  #where: Places;
  #tries = 0;

  /**
   * @param request the buffer in which the worker's messages lie while they are handled
   */
  constructor(
    parking: Parking,
    waits: LockWaits,
    worker: number,
    request: Uint8Array,
    hooks: ParkerHooks = { waiting: () => {} },
    lower?: LowerRoom,
  ) {
    this.#parking = parking;
    this.#waits = waits;
    this.#where = parking;
    this.#worker = worker;
    this.#request = request;
    this.#hooks = hooks;
    this.#lower = lower;
  }

  /** The message in the first `length` bytes of the buffer is in hand from here on, until `park` or `done`. */
  begin(length: number, unique: Unique, pid = 0): void {
    this.#length = length;
    this.#pid = pid;
    this.#unique = unique;
  }

  /** Whether the request in hand has to wait with its worker for the node's lock: only if there is no place for it. */
  mayWait(node: NodeId): boolean {
    if (!this.#settleIn(this.#parking)) return true;
    this.#parking.setNode(this.#place, node);
    return false;
  }

  /** Whether there is a place for the request in hand to wait for a file lock; `park` it then. @param want equal for those who want the same */
  waitForLock(node: NodeId, want: number): boolean {
    const waits = this.#waits;
    if (this.#place !== NONE && this.#where === waits) waits.again(this.#place);
    else if (this.#settleIn(waits)) waits.start(this.#place, node, want);
    return this.#place !== NONE;
  }

  /** Whether there is a place for the request in hand to wait for the room that it lacks on lower layers; `park` it then. */
  waitForRoom(lacks: Queue): boolean {
    const waits = this.#lower?.waits;
    if (waits === undefined) return false;
    if (this.#place === NONE || this.#where !== waits) {
      if (!this.#settleIn(waits)) return false;
      waits.describe(this.#place, this.#pid);
    }
    waits.queue(this.#place, lacks);
    return true;
  }

  /**
   * Whether the request in hand is to be put aside until there may be a descriptor for it; not when it has waited long enough. The workers
   * look after the time: the main thread may be waiting for the kernel, which may wait for this very request.
   */
  waitForDescriptor(node: NodeId): boolean {
    if ((this.waited ?? 0) > DESCRIPTOR_PATIENCE_MS || !this.waitForLock(node, WANTS_DESCRIPTOR))
      return false;
    this.#waits.watch(2 * DESCRIPTOR_PATIENCE_MS);
    return true;
  }

  /** Milliseconds after which a worker must look again whether a request may go on; undefined while the kernel's next message will do. */
  get dueIn(): number | undefined {
    const due = this.#waits.isWatched ? this.#waits.dueIn : undefined;
    return due === undefined ? undefined : Math.max(due, 1);
  }

  /** Milliseconds that the request in hand has waited for a file lock; undefined at its first try. */
  get waited(): number | undefined {
    return this.#place !== NONE && this.#where === this.#waits ? this.#waits.waited(this.#place) : undefined;
  }

  /** File locks of the node were let go. */
  released(node: NodeId): void {
    this.#waits.released(node);
  }

  /** Puts the request in hand aside, after it was found a place. */
  park(): void {
    const place = this.#place;
    this.#place = NONE;
    this.#where.fill(place, this.#request);
    this.#where.publish(place);
    if (this.#where === this.#waits) this.#hooks.waiting();
  }

  /** The request in hand is done. */
  done(): void {
    if (this.#place === NONE) return;
    if (this.#where === this.#waits) this.#waits.served(this.#place);
    this.#leave();
  }

  /** Whether a request may go on. Cheap. */
  get hasParked(): boolean {
    return this.#parking.count > 0 || this.#mayGoBelow || this.#isDue;
  }

  /** A message has come from the kernel: file locks may be tried for again. */
  refresh(): void {
    this.#tries = 0;
  }

  /** It was the one that only wakes a worker. */
  knocked(): void {
    this.#waits.knocked();
  }

  /** Takes up a parked request whose lock is free, or one whose time has come. @returns its length in the buffer, 0 when there is none */
  takeUp(isFree: (node: NodeId) => boolean): number {
    if (this.#parking.count > 0) {
      this.#where = this.#parking;
      this.#place = this.#parking.take(this.#worker, isFree);
    }
    if (this.#place === NONE && this.#mayGoBelow && this.#lower !== undefined) {
      this.#where = this.#lower.waits;
      this.#place = this.#lower.waits.take(this.#worker, this.#hasRoom);
    }
    if (this.#place === NONE && this.#isDue) {
      this.#tries++;
      this.#where = this.#waits;
      this.#place = this.#waits.takeDue(this.#worker);
    }
    return this.#place === NONE ? 0 : this.#where.copyTo(this.#place, this.#request);
  }

  /** Takes a parked request out. @returns whether there was one, which is to be answered then */
  interrupt(uniqueLo: number, uniqueHi: number): boolean {
    return [this.#parking, this.#waits].some((where) => where.count > 0 && where.remove(uniqueLo, uniqueHi));
  }

  /** Whether the request waits for room on the lower layers: it waits on, unless the signal kills its process. */
  signal(uniqueLo: number, uniqueHi: number): boolean {
    const waits = this.#lower?.waits;
    if (waits === undefined || waits.count === 0 || !waits.signal(uniqueLo, uniqueHi)) return false;
    this.#hooks.signalled?.();
    return true;
  }

  get #mayGoBelow(): boolean {
    return this.#lower?.waits.mayGoOn(this.#hasRoom) ?? false;
  }

  readonly #hasRoom = (queue: Queue): boolean => this.#lower?.places.hasRoom(queue) ?? false;

  get #isDue(): boolean {
    return this.#tries < MOST_TRIES && (this.#waits.dueIn ?? 1) <= 0;
  }

  #settleIn(where: Places): boolean {
    if (this.#place !== NONE && this.#where === where) return true;
    if (this.#place !== NONE) this.#leave();
    this.#where = where;
    this.#place = where.reserve(this.#worker, this.#unique, this.#length);
    return this.#place !== NONE;
  }

  #leave(): void {
    this.#where.release(this.#place);
    this.#place = NONE;
  }
}
