// The lock of the mount's structure: a rename of a directory holds it alone, whoever mirrors parents shares it. A
// waiting writer keeps new readers out; when a writer leaves, the readers that waited for it go first. So neither
// side starves. Waiters sleep in slices, so that an interrupt reaches them.

import { EINTR } from '../../protocol/errno.ts';
import { Mutex } from './mutex.ts';
import type { Owners } from './owners.ts';
import { HEADER, type Region } from './region.ts';

const MUTEX = HEADER.structure;
const HOLDERS = MUTEX + 1; // readers, or -1: a writer
const WRITERS_WAITING = MUTEX + 2;
const READERS_WAITING = MUTEX + 3;
const ADMITTED = MUTEX + 4; // waiting readers that go before the waiting writers
const EVENTS = MUTEX + 5; // counts releases; what waiters sleep on

// An owner's part in it.
const NONE = 0;
const READS = 1;
const WRITES = 2;
const WAITS_TO_READ = 3;
const WAITS_TO_WRITE = 4;

const SLICE_MS = 50;

export class StructureLock {
  readonly #words: Int32Array;
  readonly #mutex: Mutex;
  readonly #owners: Owners;

  constructor(region: Region, owners: Owners) {
    this.#words = region.header;
    this.#mutex = new Mutex(region.header, MUTEX);
    this.#owners = owners;
  }

  /** 0, or -EINTR when `interrupted` said so while waiting. Not recursive: a writer may have come between. */
  shared(owner: number, interrupted: () => boolean): number {
    return this.#enter(owner, READERS_WAITING, () => this.#enterShared(), interrupted);
  }

  exclusive(owner: number, interrupted: () => boolean): number {
    return this.#enter(owner, WRITERS_WAITING, () => this.#enterExclusive(), interrupted);
  }

  releaseShared(owner: number): void {
    this.#mutex.lock();
    const left = this.#add(HOLDERS, -1);
    this.#owners.setStructure(owner, NONE);
    this.#mutex.unlock();
    if (left === 0) this.#wake();
  }

  releaseExclusive(owner: number): void {
    this.#mutex.lock();
    this.#owners.setStructure(owner, NONE);
    this.#words[HOLDERS] = 0;
    this.#words[ADMITTED] = this.#words[READERS_WAITING] as number;
    this.#mutex.unlock();
    this.#wake();
  }

  /** Takes a dead owner out. False for a writer: the structure that it was changing may be torn. */
  releaseOwner(owner: number): boolean {
    this.#mutex.lock();
    const state = this.#owners.structure(owner);
    if (state === READS) this.#add(HOLDERS, -1);
    if (state === WAITS_TO_READ) this.#leaveQueue(READERS_WAITING);
    if (state === WAITS_TO_WRITE) this.#leaveQueue(WRITERS_WAITING);
    if (state !== WRITES) this.#owners.setStructure(owner, NONE);
    this.#mutex.unlock();
    this.#wake();
    return state !== WRITES;
  }

  #enterShared(): boolean {
    const words = this.#words;
    if ((words[HOLDERS] as number) < 0) return false;
    if ((words[WRITERS_WAITING] as number) > 0) return false;
    this.#add(HOLDERS, 1);
    return true;
  }

  #enterExclusive(): boolean {
    const words = this.#words;
    if (words[HOLDERS] !== 0 || (words[ADMITTED] as number) > 0) return false;
    words[HOLDERS] = -1;
    return true;
  }

  #enterAdmitted(): boolean {
    const words = this.#words;
    if ((words[HOLDERS] as number) < 0 || (words[ADMITTED] as number) === 0) return false;
    this.#add(ADMITTED, -1);
    this.#add(HOLDERS, 1);
    return true;
  }

  #enter(owner: number, queue: number, enter: () => boolean, interrupted: () => boolean): number {
    const words = this.#words;
    const reads = queue === READERS_WAITING;
    this.#mutex.lock();
    if (enter()) {
      this.#owners.setStructure(owner, reads ? READS : WRITES);
      this.#mutex.unlock();
      return 0;
    }
    this.#add(queue, 1);
    this.#owners.setStructure(owner, reads ? WAITS_TO_READ : WAITS_TO_WRITE);
    for (;;) {
      const events = Atomics.load(words, EVENTS);
      this.#mutex.unlock();
      Atomics.wait(words, EVENTS, events, SLICE_MS);
      const giveUp = interrupted();
      this.#mutex.lock();
      const entered = !giveUp && ((reads && this.#enterAdmitted()) || enter());
      if (entered || giveUp) {
        this.#leaveQueue(queue);
        this.#owners.setStructure(owner, giveUp ? NONE : reads ? READS : WRITES);
        this.#mutex.unlock();
        // Those behind may go now: readers after the last writer gave up, a writer after the last admitted reader did.
        if (giveUp) this.#wake();
        return entered ? 0 : -EINTR;
      }
    }
  }

  #leaveQueue(queue: number): void {
    const left = this.#add(queue, -1);
    if (queue === READERS_WAITING && (this.#words[ADMITTED] as number) > left) this.#words[ADMITTED] = left;
  }

  #wake(): void {
    Atomics.add(this.#words, EVENTS, 1);
    Atomics.notify(this.#words, EVENTS);
  }

  #add(word: number, delta: number): number {
    const sum = (this.#words[word] as number) + delta;
    this.#words[word] = sum;
    return sum;
  }
}
