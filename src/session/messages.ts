// What the main thread and the workers say to one another. A worker blocked in read(2) takes no messages: everything
// that it must know is in its setup or in shared memory, so after the setup messages go from the workers only.

import type { CString, Int64, NodeId } from '../../protocol/index.ts';
import type { FileSystemSetup } from '../layers/setup.ts';
import type { PoolMemory } from './memory.ts';

/** The owner of locks that a worker is in the inode table. */
export function ownerOf(worker: number): number {
  return worker + 1;
}

/** Plain data that a worker is started with. */
export interface WorkerSetup {
  /** Its slot in `RequestSlots`, and its name in the log. */
  readonly index: number;
  /** The /dev/fuse descriptor, the same for all workers. */
  readonly device: number;
  /** What makes the dialect: a posted object would come without its class. */
  readonly dialect: { readonly minor: number; readonly flags: bigint };
  readonly fs: FileSystemSetup;
  readonly memory: PoolMemory;
  /** Directory descriptors in the inode table from which on workers report `descriptors-short`; undefined: never. */
  readonly descriptorBudget?: number | undefined;
  /** Milliseconds without a request after which it ends; undefined: never. */
  readonly patience?: number | undefined;
  /** Print every message to the log. */
  readonly debug: boolean;
}

/** A request for the kernel to forget something, sent by the main thread. */
export type Notification =
  | { readonly kind: 'inval-entry'; readonly parent: NodeId; readonly name: CString }
  | { readonly kind: 'inval-inode'; readonly node: NodeId; readonly offset: Int64; readonly length: Int64 };

/** What a worker tells the main thread. */
export type WorkerMessage =
  | { readonly kind: 'ready' }
  /** It took a request while no worker was left waiting. */
  | { readonly kind: 'busy' }
  /** `exhausted`: there was none for a request. */
  | { readonly kind: 'descriptors-short'; readonly exhausted: boolean }
  /** A request waits for a file lock, or for a descriptor. */
  | { readonly kind: 'waiting' }
  /** A signal has come for a request that waits for room on the lower layers. */
  | { readonly kind: 'signalled' }
  /** It ends, since others have done all the work for a while. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'ended' }
  /** The device can't be read any more: the session is over. */
  | { readonly kind: 'failed'; readonly errno: number }
  | Notification;
