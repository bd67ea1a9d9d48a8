// When a node ends: nothing keeps it any more (no lookup, child, handle or lock). Its names go with it, which may
// end parents that only waited for them. Descriptors cannot be closed under the mutex nor by whoever happened to
// drop the last reference: dead nodes that hold some wait in a list until a caller takes them for closing.

import { DENTRY, type Dentries } from './dentries.ts';
import type { Directories } from './directories.ts';
import { NODE, type Nodes } from './nodes.ts';
import { HEADER, type Region } from './region.ts';

export class Lifetime {
  readonly #header: Int32Array;
  readonly #nodes: Nodes;
  readonly #dentries: Dentries;
  readonly #directories: Directories;

  constructor(region: Region, nodes: Nodes, dentries: Dentries, directories: Directories) {
    this.#header = region.header;
    this.#nodes = nodes;
    this.#dentries = dentries;
    this.#directories = directories;
  }

  /** Ends the node if nothing keeps it, and then its parents if nothing keeps them. @param letGo names keep none */
  settle(slot: number, letGo = false): void {
    const nodes = this.#nodes;
    let dead = this.#kill(slot, 0, letGo);
    while (dead !== 0) {
      const node = dead;
      dead = nodes.get(node, NODE.next);
      for (let name = nodes.get(node, NODE.firstName); name !== 0; name = nodes.get(node, NODE.firstName)) {
        dead = this.#kill(this.#dentries.drop(name), dead, letGo);
      }
      this.#bury(node);
    }
  }

  /** Ends a name, and its parent and its node if they only waited for that. */
  drop(dentry: number): void {
    const node = this.#dentries.get(dentry, DENTRY.node);
    this.settle(this.#dentries.drop(dentry));
    this.settle(node);
  }

  /** Ends the nodes from slot `from` up to `end` that names alone keep. @returns how many ended, with their parents */
  letGo(from: number, end: number, closing: number[]): number {
    const before = this.#nodes.used;
    const last = Math.min(end - 1, this.#nodes.high);
    for (let slot = from; slot <= last; slot++) this.settle(slot, true);
    this.reap(closing);
    return before - this.#nodes.used;
  }

  /** Hands out the descriptors of dead nodes that no thread uses any more: the caller closes them. */
  reap(closing: number[]): void {
    let kept = 0;
    let next = 0;
    for (let slot = this.#header[HEADER.doomed] as number; slot !== 0; slot = next) {
      next = this.#nodes.get(slot, NODE.next);
      if (this.#directories.release(slot, closing)) this.#recycle(slot);
      else {
        this.#nodes.set(slot, NODE.next, kept);
        kept = slot;
      }
    }
    Atomics.store(this.#header, HEADER.doomed, kept);
  }

  /** Whether there are descriptors of dead nodes. Takes no lock. */
  get hasDoomed(): boolean {
    return Atomics.load(this.#header, HEADER.doomed) !== 0;
  }

  // Dead nodes are linked through the field that their identity chain no longer needs.
  #kill(slot: number, stack: number, letGo: boolean): number {
    if (!this.#nodes.idle(slot, letGo)) return stack;
    this.#nodes.kill(slot);
    this.#nodes.set(slot, NODE.next, stack);
    return slot;
  }

  #bury(slot: number): void {
    if (!this.#directories.holds(slot)) {
      this.#recycle(slot);
      return;
    }
    this.#nodes.set(slot, NODE.next, this.#header[HEADER.doomed] as number);
    Atomics.store(this.#header, HEADER.doomed, slot);
  }

  #recycle(slot: number): void {
    if (this.#nodes.reusable(slot)) this.#nodes.give(slot);
    else this.#header[HEADER.retired] = (this.#header[HEADER.retired] as number) + 1;
  }
}
