// What each owner of locks (a worker thread) waits for, and its part in the structure lock, so that what a thread leaves
// behind when it dies can be put right. Each word changes in the same critical section as the lock that it tells of.

import { HEADER, MAX_OWNERS, type Region } from './region.ts';

const WORDS = 2;
const AWAITED = 0; // slot of the node whose lock it waits for
const STRUCTURE = 1; // see rwlock.ts

export class Owners {
  readonly #words: Int32Array;

  constructor(region: Region) {
    this.#words = region.header;
  }

  /** The slot of the node whose lock the owner waits for, 0 for none. */
  awaited(owner: number): number {
    return this.#get(owner, AWAITED);
  }

  setAwaited(owner: number, slot: number): void {
    this.#set(owner, AWAITED, slot);
  }

  structure(owner: number): number {
    return this.#get(owner, STRUCTURE);
  }

  setStructure(owner: number, state: number): void {
    this.#set(owner, STRUCTURE, state);
  }

  #get(owner: number, word: number): number {
    return known(owner) ? (this.#words[HEADER.owners + owner * WORDS + word] as number) : 0;
  }

  #set(owner: number, word: number, value: number): void {
    if (known(owner)) this.#words[HEADER.owners + owner * WORDS + word] = value;
  }
}

function known(owner: number): boolean {
  return owner > 0 && owner <= MAX_OWNERS;
}
