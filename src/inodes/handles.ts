// Open handles, indexed by descriptor number: a file handle of the kernel is a descriptor of this process. Each is
// in its node's list, so that whoever changes what a node shows finds what is open on it.

import { EBUSY, EINVAL, EMFILE, ESTALE } from '../../protocol/errno.ts';
import { Contents } from './contents.ts';
import { type NodeId, S_IFDIR } from './ids.ts';
import type { Lifetime } from './lifetime.ts';
import { Mutex } from './mutex.ts';
import { NODE, type Nodes } from './nodes.ts';
import { Records } from './records.ts';
import { HANDLE_WORDS, HEADER, type Region } from './region.ts';
import { reservedOf } from './reserve.ts';

// Words of a record; links hold descriptor + 1.
const KIND = 0; // 0: no handle
const SLOT = 1;
const AFTER = 2;
const BEFORE = 3;
const FLAGS = 4;
const POSITION_LO = 5;
const POSITION_HI = 6;
const EXTRA = 7;

const ALL = 0;

export class Handles {
  readonly contents: Contents;
  readonly #header: Int32Array;
  readonly #mutex: Mutex;
  readonly #listMutex: Mutex;
  readonly #nodes: Nodes;
  readonly #lifetime: Lifetime;
  readonly #records: Records;

  constructor(region: Region, mutex: Mutex, nodes: Nodes, lifetime: Lifetime) {
    this.#header = region.header;
    this.#mutex = mutex;
    this.#listMutex = new Mutex(region.header, HEADER.handleMutex);
    this.#nodes = nodes;
    this.contents = new Contents(nodes);
    this.#lifetime = lifetime;
    this.#records = new Records(region.words('handles'), HANDLE_WORDS);
  }

  /**
   * Whether so many descriptors are kept already that no more files are to be opened, and (`directories` counted too) no more directories:
   * what an operation needs in passing is always to be had, for it may stand in the way of those who would let one go.
   */
  isFull(directories?: number): boolean {
    const { capacity } = this.#records;
    const left = capacity - reservedOf(capacity);
    // 50 are for directories, however many files are open.
    const most =
      directories === undefined ? Math.max(capacity / 4, left - 50) : Math.max(capacity * 0.4, left);
    return this.count + (directories ?? 0) >= most;
  }

  get count(): number {
    return Atomics.load(this.#header, HEADER.openHandles);
  }

  /**
   * Records an open descriptor. `kind` is the owner's, from 1; so are `flags`, which for files are those of open(2).
   * Returns 0, -ESTALE, -EMFILE for a descriptor beyond the region's limit, -EBUSY when that number is a handle already.
   */
  openHandle(fd: number, node: NodeId, flags: number, kind: number): number {
    if (kind <= 0) return -EINVAL;
    if (!this.#inRange(fd)) return -EMFILE;
    const records = this.#records;
    this.#mutex.lock();
    try {
      const slot = this.#nodes.slot(node);
      if (slot === 0) return -ESTALE;
      if (records.get(fd, KIND) !== 0) return -EBUSY;
      const first = this.#nodes.get(slot, NODE.firstHandle);
      records.set(fd, SLOT, slot);
      records.set(fd, AFTER, first);
      records.set(fd, BEFORE, 0);
      records.set(fd, FLAGS, flags);
      records.set(fd, POSITION_LO, 0);
      records.set(fd, POSITION_HI, 0);
      records.set(fd, EXTRA, 0);
      if (first !== 0) records.set(first - 1, BEFORE, fd + 1);
      this.#nodes.set(slot, NODE.firstHandle, fd + 1);
      this.#nodes.add(slot, NODE.handles, 1);
      Atomics.add(this.#header, HEADER.openHandles, 1);
      records.store(fd, KIND, kind);
      return 0;
    } finally {
      this.#mutex.unlock();
    }
  }

  /** Forgets a handle, before its descriptor is closed. False when it is not one. */
  closeHandle(fd: number, closing?: number[]): boolean {
    if (!this.#inRange(fd)) return false;
    const records = this.#records;
    this.#mutex.lock();
    try {
      if (records.get(fd, KIND) === 0) return false;
      const slot = records.get(fd, SLOT);
      const after = records.get(fd, AFTER);
      const before = records.get(fd, BEFORE);
      if (before === 0) this.#nodes.set(slot, NODE.firstHandle, after);
      else records.set(before - 1, AFTER, after);
      if (after !== 0) records.set(after - 1, BEFORE, before);
      records.store(fd, KIND, 0);
      this.#nodes.add(slot, NODE.handles, -1);
      Atomics.sub(this.#header, HEADER.openHandles, 1);
      this.#lifetime.settle(slot);
      if (closing) this.#lifetime.reap(closing);
      return true;
    } finally {
      this.#mutex.unlock();
    }
  }

  /** The node that the handle is open on, 0 when the number is no handle. */
  handleNode(fd: number): NodeId {
    if (this.handleKind(fd) === 0) return 0 as NodeId;
    const id = this.#nodes.id(this.#records.load(fd, SLOT));
    return this.handleKind(fd) === 0 ? (0 as NodeId) : id;
  }

  /** As of `openHandle`, 0 no handle. */
  handleKind(fd: number): number {
    return this.#inRange(fd) ? this.#records.load(fd, KIND) : 0;
  }

  handleFlags(fd: number): number {
    return this.handleKind(fd) === 0 ? 0 : this.#records.get(fd, FLAGS);
  }

  setHandleFlags(fd: number, flags: number): void {
    if (this.handleKind(fd) !== 0) this.#records.set(fd, FLAGS, flags);
  }

  /** The owner's 64-bit position, as two u32 words; both 0 at first. */
  handlePositionLo(fd: number): number {
    return this.handleKind(fd) === 0 ? 0 : this.#records.get(fd, POSITION_LO) >>> 0;
  }

  handlePositionHi(fd: number): number {
    return this.handleKind(fd) === 0 ? 0 : this.#records.get(fd, POSITION_HI) >>> 0;
  }

  setHandlePosition(fd: number, lo: number, hi: number): void {
    if (this.handleKind(fd) === 0) return;
    this.#records.set(fd, POSITION_LO, lo);
    this.#records.set(fd, POSITION_HI, hi);
  }

  /** A signed 32-bit word for the owner's use, 0 at first. */
  handleExtra(fd: number): number {
    return this.handleKind(fd) === 0 ? 0 : this.#records.load(fd, EXTRA);
  }

  setHandleExtra(fd: number, value: number): void {
    if (this.handleKind(fd) !== 0) this.#records.store(fd, EXTRA, value);
  }

  /** Copies the node's open handles (of one kind) into `out`, as many as fit, the latest first. Returns how many were copied. */
  handles(node: NodeId, out: Int32Array, kind = ALL): number {
    this.#mutex.lock();
    try {
      const slot = this.#nodes.slot(node);
      if (slot === 0) return 0;
      let count = 0;
      for (
        let at = this.#nodes.get(slot, NODE.firstHandle);
        at !== 0;
        at = this.#records.get(at - 1, AFTER)
      ) {
        if (count === out.length) break;
        if (kind === ALL || this.#records.get(at - 1, KIND) === kind) out[count++] = at - 1;
      }
      return count;
    } finally {
      this.#mutex.unlock();
    }
  }

  /** The node's backing id, 0 for none. Read and set under the handle lock, or by who has a handle that passes. */
  backing(node: NodeId): number {
    const slot = this.#nodes.slot(node);
    return slot === 0 || this.#nodes.type(slot) === S_IFDIR ? 0 : this.#nodes.load(slot, NODE.backing);
  }

  setBacking(node: NodeId, id: number): void {
    const slot = this.#nodes.slot(node);
    if (slot !== 0) this.#nodes.store(slot, NODE.backing, id);
  }

  openCount(node: NodeId): number {
    const slot = this.#nodes.slot(node);
    return slot === 0 ? 0 : this.#nodes.load(slot, NODE.handles);
  }

  /** Excludes "forget a handle and close it" from "replace every listed descriptor". Not recursive; taken before the mutex. */
  lockHandles(): void {
    this.#listMutex.lock();
  }

  unlockHandles(): void {
    this.#listMutex.unlock();
  }

  #inRange(fd: number): boolean {
    return Number.isInteger(fd) && fd >= 0 && fd < this.#records.capacity;
  }
}
