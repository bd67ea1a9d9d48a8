// What each file's content was when it was last opened, so that a later open knows whether it is still the same. A version is any two
// words that differ for different contents. All is read and set under the handle lock.

import type { NodeId } from './ids.ts';
import { NODE, type Nodes } from './nodes.ts';

const SETTLED = -1; // in place of the second

export class Contents {
  readonly #nodes: Nodes;

  constructor(nodes: Nodes) {
    this.#nodes = nodes;
  }

  /**
   * Notes a version in place of any other.
   * @param now seconds of a clock that all threads share
   * @returns for how many seconds it has been the noted one; Infinity when it is settled, -1 for an unknown node
   */
  note(node: NodeId, lo: number, hi: number, now: number): number {
    const slot = this.#nodes.slot(node);
    if (slot === 0) return -1;
    const noted = this.#nodes.get(slot, NODE.noted);
    if (noted !== 0 && this.#has(slot, lo, hi))
      return noted === SETTLED ? Number.POSITIVE_INFINITY : now - noted;
    this.#nodes.set(slot, NODE.versionLo, lo);
    this.#nodes.set(slot, NODE.versionHi, hi);
    this.#nodes.set(slot, NODE.noted, Math.max(1, now | 0));
    return 0;
  }

  /** The version, if it is still the noted one, is settled from now on. */
  settle(node: NodeId, lo: number, hi: number): void {
    const slot = this.#nodes.slot(node);
    if (slot !== 0 && this.#has(slot, lo, hi)) this.#nodes.set(slot, NODE.noted, SETTLED);
  }

  #has(slot: number, lo: number, hi: number): boolean {
    return (
      this.#nodes.get(slot, NODE.versionLo) === (lo | 0) && this.#nodes.get(slot, NODE.versionHi) === (hi | 0)
    );
  }
}
