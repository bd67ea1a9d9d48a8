// What all threads of a pool share, a piece of memory for each concern. Its views are made by each thread for itself.

import { RequestSlots } from './interrupt.ts';
import { LockWaits } from './lockwaits.ts';
import { LowerPlaces } from './lowerplaces.ts';
import { LowerWaits } from './lowerwaits.ts';
import { Occupancy } from './occupancy.ts';
import { Parking } from './parking.ts';
import { ReadTurn } from './readturn.ts';

export type PoolMemory = ReturnType<typeof allocateMemory>;

/**
 * @param threads at most so many workers
 * @param lowers how many lower layers there are
 */
export function allocateMemory(threads: number, lowers: number) {
  return {
    slots: RequestSlots.allocate(threads),
    parking: Parking.allocate(),
    lockWaits: LockWaits.allocate(),
    lowerPlaces: LowerPlaces.allocate(threads, lowers),
    lowerWaits: LowerWaits.allocate(),
    occupancy: Occupancy.allocate(),
    readTurn: ReadTurn.allocate(),
  };
}
