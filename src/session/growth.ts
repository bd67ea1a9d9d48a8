// When a pool needs one more worker: all are busy while requests wait on the device, and not for a moment only. A worker that takes a
// request while none is left waiting says so; nobody in the pool may be free to look from then on, so the main thread does, in turns of
// some milliseconds, until a worker waits again.

import { POLLIN } from '../sys/constants.ts';
import { close, dupCloexec, poll } from '../sys/fd.ts';
import type { Occupancy } from './occupancy.ts';

/** Between two looks: one costs a poll of the device, less than a microsecond. */
const TURN_MS = 5;

/** Looks in succession that must find a shortage. One client's requests overlap for microseconds only. */
const LOOKS = 2;

/** Descriptors that the start of a worker takes, for its event loop and for what it loads, and of each that is started with it. */
const OF_ONE = 64;
const OF_ANOTHER = 16;
/** Workers that are started at a time, at most. */
const AT_ONCE = 12;

export interface GrowthOptions {
  readonly occupancy: Occupancy;
  readonly device: number;
  /** Whether one more worker would have something to do: not when all cores are busy with those that there are. */
  readonly isOfUse: () => boolean;
  /** @param most workers that may be added at once, at least 1: there are descriptors for so many */
  readonly grow: (most: number) => void;
}

export class Growth {
  readonly #options: GrowthOptions;
  #timer: NodeJS.Timeout | undefined;
  #short = 0;

  constructor(options: GrowthOptions) {
    this.#options = options;
  }

  /** All workers are busy, or may be. */
  watch(): void {
    if (this.#timer !== undefined) return;
    this.#short = 0;
    this.#next();
  }

  /** For good, or until the next `watch`. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #next(): void {
    this.#timer = setTimeout(() => this.#look(), TURN_MS);
  }

  #look(): void {
    const { occupancy, device, isOfUse, grow } = this.#options;
    this.#timer = undefined;
    // After the permission to tell, a worker tells of the next time; what came just before it is seen here.
    if (occupancy.waiting > 0) {
      occupancy.allowGrowth();
      if (occupancy.waiting > 0 || !occupancy.claimGrowth()) return;
      this.#short = 0;
    }
    this.#short = poll(device, POLLIN, 0) === POLLIN ? this.#short + 1 : 0;
    const most = this.#short >= LOOKS && isOfUse() ? workersFor(device) : 0;
    if (most > 0) grow(most);
    else this.#next();
  }
}

/** How many workers could be started: one that lacks a descriptor for it would die, and be taken for a bug. */
function workersFor(device: number): number {
  const copies: number[] = [];
  while (copies.length < OF_ONE + (AT_ONCE - 1) * OF_ANOTHER) {
    const copy = dupCloexec(device);
    if (copy < 0) break;
    copies.push(copy);
  }
  for (const copy of copies) close(copy);
  return Math.max(0, Math.floor((copies.length - OF_ONE) / OF_ANOTHER) + 1);
}
