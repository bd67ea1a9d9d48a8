// What a directory holds open: for each layer an O_PATH descriptor and the identity of that layer's directory (or the
// mark that the layer has none); and
// for any node the O_PATH descriptor that keeps an unlinked object reachable ("pinned"). A block is taken with the
// first descriptor. Which of them were not used for longest, clock.ts tells.

import { EINVAL, ENOMEM, ESTALE } from '../../protocol/errno.ts';
import type { Identity, NodeId } from './ids.ts';
import { ROOT_ID, ROOT_SLOT } from './ids.ts';
import type { Mutex } from './mutex.ts';
import { NODE, type Nodes } from './nodes.ts';
import { Pool } from './records.ts';
import { BLOCK_WORDS, directoryWords, HEADER, type Region, SIDE_WORDS } from './region.ts';
import type { Uses } from './uses.ts';

// Words of a block, then SIDE_WORDS for each layer: descriptor + 1, device, inode lo, inode hi.
const NODE_SLOT = 0; // 0 in a free block
const USED = 1;
const FREE_LINK = 2;

/** Set in place of a descriptor: the layer is known to have no such directory. */
export const ABSENT = -2;

export class Directories {
  readonly #header: Int32Array;
  readonly #layers: number;
  readonly #mutex: Mutex;
  readonly #nodes: Nodes;
  readonly #blocks: Pool;
  readonly #uses: Uses;

  constructor(region: Region, mutex: Mutex, nodes: Nodes, uses: Uses) {
    this.#header = region.header;
    this.#layers = region.layers;
    this.#mutex = mutex;
    this.#nodes = nodes;
    this.#uses = uses;
    this.#blocks = new Pool(
      region.words('directories'),
      directoryWords(region.layers),
      FREE_LINK,
      region.header,
      HEADER.directoryPool,
    );
  }

  get bytes(): number {
    return this.#blocks.bytes;
  }

  /** The descriptor of the layer's directory, open until this thread's `endUse`, `ABSENT`, or -1 when nobody has looked, or it was given up. Takes no lock. */
  dirFd(node: NodeId, layer: number): number {
    const fd = this.dirState(node, layer);
    if (fd < 0 || node === ROOT_ID) return fd;
    this.#uses.add(fd);
    return this.dirState(node, layer) === fd ? fd : -1;
  }

  /** As `dirFd`, for who asks whether there is one and does not use it: it may be closed at any time. */
  dirState(node: NodeId, layer: number): number {
    const slot = this.#nodes.slot(node);
    if (slot === 0 || !this.#hasLayer(layer)) return -1;
    const block = this.#nodes.load(slot, NODE.directory);
    if (block === 0) return -1;
    const fd = this.#blocks.load(block, side(layer)) - 1;
    if (this.#blocks.get(block, USED) === 0) this.#blocks.set(block, USED, 1);
    // A node that ended meanwhile may have lost its block to another.
    return this.#nodes.slot(node) === slot ? fd : -1;
  }

  /**
   * Sets the layer's descriptor (or `ABSENT`) and the identity of its directory. Returns the descriptor that was there,
   * which is the caller's to close, -1 for none; -ESTALE, -EINVAL (no such layer) or -ENOMEM, and then `fd` remains the
   * caller's.
   */
  setDir(node: NodeId, layer: number, fd: number, device: number, inoLo: number, inoHi: number): number {
    this.#mutex.lock();
    try {
      const block = this.#makeBlock(node, layer, fd);
      return block < 0 ? block : Math.max(-1, this.#put(block, layer, fd, device, inoLo, inoHi));
    } finally {
      this.#mutex.unlock();
    }
  }

  /**
   * As `setDir`, but a descriptor that is there stays. Returns what the table holds now: `fd`, or another thread's
   * descriptor, and then `fd` is the caller's to close, as after an errno.
   */
  adoptDir(node: NodeId, layer: number, fd: number, device: number, inoLo: number, inoHi: number): number {
    this.#mutex.lock();
    try {
      const block = this.#makeBlock(node, layer, fd);
      if (block < 0) return block;
      const old = this.#blocks.get(block, side(layer)) - 1;
      const kept = old >= 0 ? old : fd;
      if (kept >= 0) this.#uses.add(kept);
      if (old < 0) this.#put(block, layer, fd, device, inoLo, inoHi);
      return kept;
    } finally {
      this.#mutex.unlock();
    }
  }

  /** What the layer's directory is; false when the node has none there. */
  dirIdentity(node: NodeId, layer: number, out: Identity): boolean {
    this.#mutex.lock();
    try {
      const block = this.#blockOf(node, layer);
      const at = side(layer);
      if (block === 0 || this.#blocks.get(block, at) <= 0) return false;
      out.layer = layer;
      out.device = this.#blocks.get(block, at + 1);
      out.inoLo = this.#blocks.get(block, at + 2) >>> 0;
      out.inoHi = this.#blocks.get(block, at + 3) >>> 0;
      out.birth = 0;
      return true;
    } finally {
      this.#mutex.unlock();
    }
  }

  /** Forgets which layers were found to have no such directory (`ABSENT`), so that they are asked again; descriptors stay. */
  expireAbsent(node: NodeId): void {
    this.#mutex.lock();
    try {
      const block = this.#blockOf(node, 0);
      if (block === 0) return;
      for (let layer = 0; layer < this.#layers; layer++) {
        if (this.#blocks.get(block, side(layer)) === ABSENT + 1) this.#blocks.store(block, side(layer), 0);
      }
    } finally {
      this.#mutex.unlock();
    }
  }

  /** The caller's 32-bit stamp of when the node was last resolved in the layers, 0 at first and for unknown nodes. */
  checkedAt(node: NodeId): number {
    const slot = this.#nodes.slot(node);
    return slot === 0 ? 0 : this.#nodes.get(slot, NODE.checked) >>> 0;
  }

  setCheckedAt(node: NodeId, milliseconds: number): void {
    this.#mutex.lock();
    const slot = this.#nodes.slot(node);
    if (slot !== 0) this.#nodes.set(slot, NODE.checked, milliseconds);
    this.#mutex.unlock();
  }

  /** Keeps an unlinked node's descriptor. False (and `fd` remains the caller's) when there is one or no such node. */
  pin(node: NodeId, fd: number): boolean {
    if (fd < 0) return false;
    this.#mutex.lock();
    try {
      const slot = this.#nodes.slot(node);
      if (slot === 0 || this.#nodes.get(slot, NODE.pinned) !== 0) return false;
      this.#nodes.store(slot, NODE.pinned, fd + 1);
      this.#count(1);
      return true;
    } finally {
      this.#mutex.unlock();
    }
  }

  /** The pinned descriptor, open until this thread's `endUse`, -1 for none. Takes no lock. */
  pinned(node: NodeId): number {
    const slot = this.#nodes.slot(node);
    if (slot === 0) return -1;
    const fd = this.#nodes.load(slot, NODE.pinned) - 1;
    if (fd >= 0) this.#uses.add(fd);
    return this.#nodes.slot(node) === slot ? fd : -1;
  }

  /** How many descriptors (directories' and pinned ones) the table holds, those of dead nodes included. */
  descriptors(): number {
    return Atomics.load(this.#header, HEADER.descriptors);
  }

  /** Of the blocks the highest that was ever in use; they count from 1. */
  get high(): number {
    return this.#blocks.high;
  }

  /** The walk passes a block; the caller holds the mutex. @returns the slot of a directory with descriptors that was not used since the last time, or 0 */
  pass(block: number): number {
    const slot = this.#blocks.get(block, NODE_SLOT);
    const used = this.#blocks.get(block, USED) !== 0;
    this.#blocks.set(block, USED, 0);
    return used || slot === 0 || slot === ROOT_SLOT || !this.#open(block) ? 0 : slot;
  }

  /**
   * Takes the descriptors of a living directory, which then knows of no side, unless a thread may use one of them. The caller holds the mutex.
   */
  giveUp(slot: number, closing: number[]): void {
    const block = this.#nodes.get(slot, NODE.directory);
    if (block === 0 || slot === ROOT_SLOT) return;
    const sides = Array.from({ length: this.#layers }, (_, layer) => this.#blocks.get(block, side(layer)));
    const held = sides.filter((state) => state > 0).map((state) => state - 1);
    const inUse = () => held.some((fd) => this.#uses.has(fd));
    // What a thread has told of never seems to be missing, not even for a moment.
    if (held.length === 0 || inUse()) return;
    for (let layer = 0; layer < this.#layers; layer++) this.#blocks.store(block, side(layer), 0);
    // Somebody may have taken one up since: he looks again after he has told, and the other way round here.
    if (inUse()) {
      for (const [layer, state] of sides.entries()) this.#blocks.store(block, side(layer), state);
      return;
    }
    closing.push(...held);
    this.#count(-held.length);
  }

  /** Whether a dead node still has something to release. */
  holds(slot: number): boolean {
    return this.#nodes.get(slot, NODE.directory) !== 0 || this.#nodes.get(slot, NODE.pinned) !== 0;
  }

  /** Takes a dead node's descriptors, unless a thread may use one of them. The caller holds the mutex. @returns whether they are taken */
  release(slot: number, closing: number[]): boolean {
    const held = this.#held(slot);
    if (held.some((fd) => this.#uses.has(fd))) return false;
    closing.push(...held);
    const block = this.#nodes.get(slot, NODE.directory);
    if (block !== 0) {
      this.#blocks.set(block, NODE_SLOT, 0);
      this.#blocks.give(block);
    }
    this.#nodes.set(slot, NODE.directory, 0);
    this.#nodes.set(slot, NODE.pinned, 0);
    this.#count(-held.length);
    return true;
  }

  #held(slot: number): number[] {
    const held: number[] = [];
    const pinned = this.#nodes.get(slot, NODE.pinned) - 1;
    if (pinned >= 0) held.push(pinned);
    const block = this.#nodes.get(slot, NODE.directory);
    for (let layer = 0; block !== 0 && layer < this.#layers; layer++) {
      const fd = this.#blocks.get(block, side(layer)) - 1;
      if (fd >= 0) held.push(fd);
    }
    return held;
  }

  #open(block: number): boolean {
    for (let layer = 0; layer < this.#layers; layer++)
      if (this.#blocks.get(block, side(layer)) > 0) return true;
    return false;
  }

  #makeBlock(node: NodeId, layer: number, fd: number): number {
    if (!this.#hasLayer(layer) || fd < ABSENT || fd === -1) return -EINVAL;
    const slot = this.#nodes.slot(node);
    if (slot === 0) return -ESTALE;
    const known = this.#nodes.get(slot, NODE.directory);
    if (known !== 0) return known;
    const block = this.#blocks.take();
    if (block === 0) return -ENOMEM;
    for (let field = 0; field < this.#blocks.stride; field++) this.#blocks.set(block, field, 0);
    this.#blocks.set(block, NODE_SLOT, slot);
    this.#nodes.store(slot, NODE.directory, block);
    return block;
  }

  #put(block: number, layer: number, fd: number, device: number, inoLo: number, inoHi: number): number {
    const at = side(layer);
    const old = this.#blocks.get(block, at) - 1;
    this.#blocks.set(block, at + 1, device);
    this.#blocks.set(block, at + 2, inoLo);
    this.#blocks.set(block, at + 3, inoHi);
    this.#blocks.set(block, USED, 1);
    this.#blocks.store(block, at, fd + 1);
    this.#count((fd >= 0 ? 1 : 0) - (old >= 0 ? 1 : 0));
    return old;
  }

  #blockOf(node: NodeId, layer: number): number {
    const slot = this.#nodes.slot(node);
    return slot === 0 || !this.#hasLayer(layer) ? 0 : this.#nodes.get(slot, NODE.directory);
  }

  #hasLayer(layer: number): boolean {
    return layer >= 0 && layer < this.#layers;
  }

  #count(delta: number): void {
    Atomics.add(this.#header, HEADER.descriptors, delta);
  }
}

function side(layer: number): number {
  return BLOCK_WORDS + SIDE_WORDS * layer;
}
