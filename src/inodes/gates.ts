// Which files hold a node's file locks is changed by one thread at a time: the gate of a node is held for the system calls that lock,
// unlock, or carry the locks over to a copy. Sixteen mutexes serve all nodes.

import type { NodeId } from './ids.ts';
import { Mutex } from './mutex.ts';
import { HEADER, type Region } from './region.ts';

const GATES = 16;
const WORDS = 16; // 64 bytes: no false sharing

/** Their places in the header. */
export const GATE_MUTEXES = Array.from({ length: GATES }, (_, gate) => HEADER.lockGates + gate * WORDS);

export class Gates {
  readonly #mutexes: readonly Mutex[];

  constructor(region: Region) {
    this.#mutexes = GATE_MUTEXES.map((at) => new Mutex(region.header, at));
  }

  enter(node: NodeId): void {
    this.#of(node).lock();
  }

  leave(node: NodeId): void {
    this.#of(node).unlock();
  }

  #of(node: NodeId): Mutex {
    return this.#mutexes[node % GATES] as Mutex;
  }
}
