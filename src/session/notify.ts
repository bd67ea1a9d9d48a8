// What this side tells the kernel unasked: to forget names, attributes and data. The main thread sends, never a worker: the kernel
// may take a directory's lock to carry a notification out, and wait there for a request that a worker has yet to answer.

import { ENODEV, ENOENT, errnoName } from '../../protocol/errno.ts';
import {
  type CString,
  type Int64,
  type NodeId,
  notifyInvalEntry,
  notifyInvalInode,
  notifyRetrieve,
  printNotification,
} from '../../protocol/index.ts';
import type { Log } from '../log/index.ts';
import { write } from '../sys/fd.ts';

/** More than a name needs. */
const BUFFER_SIZE = 1024;

/** Sends notifications on one device. */
export class Notifier {
  readonly #fd: number;
  readonly #log: Log;
  readonly #bytes = new Uint8Array(BUFFER_SIZE);

  constructor(fd: number, log: Log) {
    this.#fd = fd;
    this.#log = log;
  }

  /** Drop a name in a directory, also while it is in use. */
  invalidateEntry(parent: NodeId, name: CString): void {
    this.#send(notifyInvalEntry(this.#bytes, parent, name));
  }

  /** Drop a node's attributes: the kernel waits for nobody then, so any thread may send this. */
  invalidateAttributes(node: NodeId): void {
    this.invalidateInode(node, -1, 0);
  }

  /** Drop a node's attributes, and its cached data from `offset` for `length` bytes: `offset` -1 for none, `length` 0 to the end. */
  invalidateInode(node: NodeId, offset: Int64, length: Int64): void {
    this.#send(notifyInvalInode(this.#bytes, node, offset, length));
  }

  /**
   * Has the kernel send a message that wakes a worker: a NOTIFY_REPLY with no data of a file that it knows.
   * @returns whether it will come
   */
  knock(file: NodeId): boolean {
    return this.#send(notifyRetrieve(this.#bytes, 0, file, 0, 0));
  }

  #send(length: number): boolean {
    const result = write(this.#fd, this.#bytes, length);
    // ENOENT: the kernel has forgotten it already. ENODEV: the mount is gone.
    if (result >= 0 || result === -ENOENT || result === -ENODEV) return result >= 0;
    const message = printNotification(this.#bytes.subarray(0, length));
    this.#log.warn('notification_refused', { message, error: errnoName(result) });
    return false;
  }
}
