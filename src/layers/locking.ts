// How a request gets the long lock of a node, which a copy-up may hold for hours. Who waits for it holds a worker, and a few such
// waiters would leave none for anybody else: the session may have the request put aside instead, to be handled from its beginning when
// the lock is free. So these locks come before anything is changed.

import { ESTALE } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import type { FileSystem } from './filesystem.ts';

/** Given up through the handlers like an errno, far from all of them: the request is to be put aside. Never an answer. */
export const PARKED = -10_000;

/** Whether the request in hand may wait for this node's lock; if not, it is put aside, and its handler returns `PARKED`. */
export type MayWait = (node: NodeId) => boolean;

export const MAY_WAIT: MayWait = () => true;

/** Where requests wait for file locks (`locks=cluster`), which other hosts may hold for as long as they like. */
export interface LockQueue {
  /** Whether there is room for the request in hand: its handler returns `PARKED` then. @param want equal for those who want the same */
  waitForLock(node: NodeId, want: number): boolean;
  /** Milliseconds that the request in hand has waited here; undefined at its first try. */
  readonly waited: number | undefined;
  /** Locks of the node were let go. */
  released(node: NodeId): void;
}

export const NO_QUEUE: LockQueue = {
  waitForLock: () => false,
  waited: undefined,
  released: () => {},
};

/** @returns 0 when the lock is held, `PARKED`, or a negative errno as of the table's `lockNode`. */
export function lockNode(fs: FileSystem, node: NodeId): number {
  const { table, worker } = fs;
  if (table.tryLockNode(node, worker)) return 0;
  if (!table.exists(node) || fs.mayWait(node)) return table.lockNode(node, worker, fs.interrupted);
  return PARKED;
}

/**
 * Waits until the change of a node that is under way in this mount has ended: what a layer shows under its name is another object from
 * before the inode table knows that. @returns 0, `PARKED`, -EINTR, or -ESTALE when this very request holds the lock: then another host has
 * made the change, and waiting would be for ever.
 */
export function settle(fs: FileSystem, node: NodeId): number {
  if (fs.table.lockOwner(node) === fs.worker) return -ESTALE;
  const locked = lockNode(fs, node);
  if (locked === 0) fs.table.unlockNode(node, fs.worker);
  return locked === -ESTALE ? 0 : locked;
}

/** Either may be 0, both may be the same. @returns as `lockNode`; only for 0 are they held. */
export function lockTwo(fs: FileSystem, a: NodeId, b: NodeId): number {
  const { table, worker } = fs;
  const busy = table.tryLockTwo(a, b, worker);
  if (busy === 0) return 0;
  if (!table.exists(busy) || fs.mayWait(busy)) return table.lockTwo(a, b, worker, fs.interrupted);
  return PARKED;
}
