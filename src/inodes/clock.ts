// Which directories are to give their descriptors up when there are too many: a walk over the blocks like the hand of a clock, which passes
// over those that were used since its last round.

import type { Directories } from './directories.ts';
import type { NodeId } from './ids.ts';
import type { Mutex } from './mutex.ts';
import { NODE, type Nodes } from './nodes.ts';
import { HEADER, type Region } from './region.ts';

// How many blocks one critical section may look at.
const SCAN = 1024;

export class Clock {
  readonly #header: Int32Array;
  readonly #mutex: Mutex;
  readonly #nodes: Nodes;
  readonly #directories: Directories;

  constructor(region: Region, mutex: Mutex, nodes: Nodes, directories: Directories) {
    this.#header = region.header;
    this.#mutex = mutex;
    this.#nodes = nodes;
    this.#directories = directories;
  }

  /**
   * Up to `max` named directories with descriptors that were not used since the walk last passed them. May return
   * fewer, or none, although there are some: call again, a later walk goes on where this one ended.
   */
  oldest(max: number): NodeId[] {
    const found: NodeId[] = [];
    const rounds = Math.ceil((this.#directories.high * 2) / SCAN);
    for (let round = 0; round < rounds && found.length < max; round++) this.#scan(found, max);
    return found;
  }

  /**
   * Takes the descriptors of directories that live on; of which layers have them nothing is known then, and they are found by name when they
   * are needed. Not of those that a thread may be at work with, or that have no name.
   */
  giveUp(nodes: readonly NodeId[], closing: number[]): void {
    this.#mutex.lock();
    try {
      for (const node of nodes) {
        const slot = this.#nodes.slot(node);
        if (slot !== 0 && this.#nodes.get(slot, NODE.firstName) !== 0)
          this.#directories.giveUp(slot, closing);
      }
    } finally {
      this.#mutex.unlock();
    }
  }

  #scan(found: NodeId[], max: number): void {
    this.#mutex.lock();
    try {
      const { high } = this.#directories;
      let hand = this.#header[HEADER.clockHand] as number;
      for (let step = 0; step < SCAN && found.length < max; step++) {
        hand = hand >= high ? 1 : hand + 1;
        const slot = this.#directories.pass(hand);
        if (slot === 0 || this.#nodes.get(slot, NODE.firstName) === 0) continue;
        const node = this.#nodes.id(slot);
        if (this.#nodes.slot(node) !== 0 && !found.includes(node)) found.push(node);
      }
      this.#header[HEADER.clockHand] = hand;
    } finally {
      this.#mutex.unlock();
    }
  }
}
