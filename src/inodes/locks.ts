// The long lock of each node, which a copy-up may hold for hours. A lock's states change under the table's mutex;
// waiters sleep outside it, on the lock's own word, in slices, so that an interrupt reaches them. A held or awaited
// lock keeps its node alive. Who unlocks while others wait hands the lock over to them, so that a worker that locks
// in a loop cannot starve the others.

import { EINTR, EINVAL, ESTALE } from '../../protocol/errno.ts';
import type { NodeId } from './ids.ts';
import type { Lifetime } from './lifetime.ts';
import type { Mutex } from './mutex.ts';
import { NODE, type Nodes } from './nodes.ts';
import type { Owners } from './owners.ts';

const FREE = 0;
const HANDED_OVER = -1; // free, but only for one of those who wait already
const SLICE_MS = 50;

export class Locks {
  readonly #mutex: Mutex;
  readonly #nodes: Nodes;
  readonly #lifetime: Lifetime;
  readonly #owners: Owners;

  constructor(mutex: Mutex, nodes: Nodes, lifetime: Lifetime, owners: Owners) {
    this.#mutex = mutex;
    this.#nodes = nodes;
    this.#lifetime = lifetime;
    this.#owners = owners;
  }

  /**
   * Locks a node for `owner` (a positive 32-bit number, one for each thread). Not recursive. `interrupted` is asked at
   * least every 50 ms of waiting. Returns 0, -EINTR, -ESTALE for an unknown node, or -EINVAL for an impossible owner.
   */
  lockNode(node: NodeId, owner: number, interrupted: () => boolean): number {
    const result = this.#take(node, owner);
    return result <= 0 ? result : this.#wait(result, owner, interrupted);
  }

  /** Whether the lock was free and is now held. */
  tryLockNode(node: NodeId, owner: number): boolean {
    if (!isOwner(owner)) return false;
    this.#mutex.lock();
    const slot = this.#nodes.slot(node);
    const free = slot !== 0 && this.#nodes.get(slot, NODE.lock) === FREE;
    if (free) this.#nodes.store(slot, NODE.lock, owner);
    this.#mutex.unlock();
    return free;
  }

  /** Whether `owner` held the lock: false, without effect, for everybody else. */
  unlockNode(node: NodeId, owner: number): boolean {
    this.#mutex.lock();
    try {
      const slot = this.#nodes.slot(node);
      if (slot === 0 || owner <= 0 || this.#nodes.get(slot, NODE.lock) !== owner) return false;
      this.#release(slot);
      return true;
    } finally {
      this.#mutex.unlock();
    }
  }

  /** Who holds the lock, 0 for nobody. */
  lockOwner(node: NodeId): number {
    const slot = this.#nodes.slot(node);
    return slot === 0 ? 0 : Math.max(FREE, this.#nodes.load(slot, NODE.lock));
  }

  /** Whether a newcomer would get the lock now: nobody holds it nor is about to. Takes no lock. */
  isFree(node: NodeId): boolean {
    const slot = this.#nodes.slot(node);
    return slot === 0 || this.#nodes.load(slot, NODE.lock) === FREE;
  }

  /** A dead owner's locks go to those who wait, and it waits no longer. */
  releaseOwner(owner: number): void {
    const nodes = this.#nodes;
    this.#mutex.lock();
    try {
      const awaited = this.#owners.awaited(owner);
      if (awaited !== 0) {
        this.#leave(awaited, owner);
        // The lock may have been handed over to the dead one.
        if (nodes.get(awaited, NODE.lock) === HANDED_OVER) this.#release(awaited);
        else this.#lifetime.settle(awaited);
      }
      for (let slot = 1; slot <= nodes.high; slot++) {
        if (nodes.get(slot, NODE.lock) === owner) this.#release(slot);
      }
    } finally {
      this.#mutex.unlock();
    }
  }

  /**
   * Locks two nodes, in the order of their slots so that no two callers wait for each other; either may be 0, both may
   * be the same. On an error neither is held.
   */
  lockTwo(a: NodeId, b: NodeId, owner: number, interrupted: () => boolean): number {
    const [first, second] = inOrder(a, b);
    const result = first === 0 ? 0 : this.lockNode(first, owner, interrupted);
    if (result < 0 || second === 0 || second === first) return result;
    const other = this.lockNode(second, owner, interrupted);
    if (other < 0 && first !== 0) this.unlockNode(first, owner);
    return other;
  }

  /** Locks both without waiting, or neither. Returns 0, or the node whose lock is not to be had now. */
  tryLockTwo(a: NodeId, b: NodeId, owner: number): NodeId {
    const [first, second] = inOrder(a, b);
    if (first !== 0 && !this.tryLockNode(first, owner)) return first;
    if (second === 0 || second === first || this.tryLockNode(second, owner)) return 0 as NodeId;
    if (first !== 0) this.unlockNode(first, owner);
    return second;
  }

  unlockTwo(a: NodeId, b: NodeId, owner: number): void {
    if (b !== 0 && b !== a) this.unlockNode(b, owner);
    if (a !== 0) this.unlockNode(a, owner);
  }

  // 0 when the lock is held now; otherwise the slot that this thread is now registered to wait for, or an errno.
  #take(node: NodeId, owner: number): number {
    if (!isOwner(owner)) return -EINVAL;
    this.#mutex.lock();
    try {
      const slot = this.#nodes.slot(node);
      if (slot === 0) return -ESTALE;
      if (this.#nodes.get(slot, NODE.lock) === FREE) {
        this.#nodes.store(slot, NODE.lock, owner);
        return 0;
      }
      this.#nodes.add(slot, NODE.waiters, 1);
      this.#owners.setAwaited(owner, slot);
      return slot;
    } finally {
      this.#mutex.unlock();
    }
  }

  #wait(slot: number, owner: number, interrupted: () => boolean): number {
    const { words, stride } = this.#nodes;
    const word = slot * stride + NODE.lock;
    for (;;) {
      const seen = Atomics.load(words, word);
      // A newcomer that finds the lock handed over sleeps, too: those who were woken go first.
      if (seen !== FREE) Atomics.wait(words, word, seen, SLICE_MS);
      const giveUp = interrupted();
      this.#mutex.lock();
      try {
        const state = this.#nodes.get(slot, NODE.lock);
        const free = state === FREE || state === HANDED_OVER;
        if (!free && !giveUp) continue;
        this.#leave(slot, owner);
        if (giveUp) {
          // The wake-up that came with the lock may have been this thread's: it is passed on.
          if (free) this.#release(slot);
          return -EINTR;
        }
        this.#nodes.store(slot, NODE.lock, owner);
        return 0;
      } finally {
        this.#mutex.unlock();
      }
    }
  }

  #leave(slot: number, owner: number): void {
    this.#nodes.add(slot, NODE.waiters, -1);
    this.#owners.setAwaited(owner, 0);
  }

  #release(slot: number): void {
    const { words, stride } = this.#nodes;
    const waiting = this.#nodes.get(slot, NODE.waiters) > 0;
    this.#nodes.store(slot, NODE.lock, waiting ? HANDED_OVER : FREE);
    if (waiting) Atomics.notify(words, slot * stride + NODE.lock, 1);
    else this.#lifetime.settle(slot);
  }
}

function isOwner(owner: number): boolean {
  return owner > 0 && owner <= 0x7fffffff && Number.isInteger(owner);
}

function inOrder(a: NodeId, b: NodeId): [NodeId, NodeId] {
  return a >>> 0 <= b >>> 0 ? [a, b] : [b, a];
}
