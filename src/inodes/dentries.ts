// Dentry records: a name (parent, bytes) of a node, 32 bytes and the bytes of the name. Each is in a hash chain by
// name and in its node's list of names, the most recent first. Callers hold the table's mutex.

import { Arena, NO_BLOCK } from './arena.ts';
import { Buckets } from './buckets.ts';
import type { Hash } from './hash.ts';
import { NODE, type Nodes } from './nodes.ts';
import { Pool } from './records.ts';
import { DENTRY_WORDS, HEADER, type Region, STAMPS } from './region.ts';

/** Words of a dentry record. */
export const DENTRY = {
  next: 0,
  hash: 1,
  parent: 2,
  node: 3,
  block: 4,
  length: 5,
  after: 6,
  before: 7,
} as const;

export class Dentries extends Pool {
  readonly arena: Arena;
  readonly #index: Buckets;
  readonly #nodes: Nodes;
  readonly #hash: Hash;
  readonly #stamps: Int32Array;

  constructor(region: Region, nodes: Nodes, hash: Hash) {
    super(region.words('dentries'), DENTRY_WORDS, DENTRY.next, region.header, HEADER.dentryPool);
    this.arena = new Arena(region);
    this.#nodes = nodes;
    this.#hash = hash;
    this.#stamps = region.words('stamps');
    this.#index = new Buckets(
      region.words('dentryBuckets'),
      region.header,
      HEADER.dentryIndex,
      this,
      DENTRY.next,
      (dentry) => this.get(dentry, DENTRY.hash),
    );
  }

  /** The bytes that were ever touched, names and index included. */
  override get bytes(): number {
    return super.bytes + this.#index.bytes + this.arena.bytes;
  }

  hash(parent: number, name: Uint8Array): number {
    return this.#hash.name(parent, name, name.length - 1);
  }

  find(parent: number, name: Uint8Array, hash: number): number {
    const length = name.length - 1;
    for (let at = this.#index.first(hash); at !== 0; at = this.get(at, DENTRY.next)) {
      if (
        this.get(at, DENTRY.hash) === hash &&
        this.get(at, DENTRY.parent) === parent &&
        this.get(at, DENTRY.length) === length &&
        this.arena.equals(this.get(at, DENTRY.block), name, length)
      ) {
        return at;
      }
    }
    return 0;
  }

  /** A new name of the node; 0 when an area is full. */
  create(parent: number, name: Uint8Array, hash: number, node: number): number {
    const dentry = this.take();
    if (dentry === 0) return 0;
    const block = this.arena.store(name, name.length - 1);
    if (block === NO_BLOCK) {
      this.give(dentry);
      return 0;
    }
    this.set(dentry, DENTRY.hash, hash);
    this.set(dentry, DENTRY.parent, parent);
    this.set(dentry, DENTRY.block, block);
    this.set(dentry, DENTRY.length, name.length - 1);
    this.#index.insert(dentry, hash);
    this.#nodes.add(parent, NODE.children, 1);
    this.#enlist(dentry, node);
    return dentry;
  }

  /** Ends a name. Returns the parent's slot, which may have become idle: the caller settles it. */
  drop(dentry: number): number {
    const parent = this.get(dentry, DENTRY.parent);
    this.#index.remove(dentry, this.get(dentry, DENTRY.hash));
    this.#delist(dentry);
    this.#nodes.add(parent, NODE.children, -1);
    this.arena.free(this.get(dentry, DENTRY.block));
    this.give(dentry);
    return parent;
  }

  /** Makes an existing name show another node. */
  assign(dentry: number, node: number): void {
    this.#delist(dentry);
    this.#enlist(dentry, node);
  }

  /** Makes the name its node's most recent one. */
  promote(dentry: number): void {
    const node = this.get(dentry, DENTRY.node);
    if (this.#nodes.get(node, NODE.firstName) !== dentry) this.assign(dentry, node);
  }

  /** The directory that the node's most recent name lies in; 0 for a nameless node. */
  parentOf(node: number): number {
    const dentry = this.#nodes.get(node, NODE.firstName);
    return dentry === 0 ? 0 : this.get(dentry, DENTRY.parent);
  }

  /** Whether `ancestor` is `node` or lies above it. */
  isWithin(node: number, ancestor: number): boolean {
    for (let at = node; at !== 0; at = this.parentOf(at)) if (at === ancestor) return true;
    return false;
  }

  /** The counter of changes to names with this hash. */
  stamp(hash: number): number {
    return Atomics.load(this.#stamps, hash & (STAMPS - 1));
  }

  touch(hash: number): void {
    Atomics.add(this.#stamps, hash & (STAMPS - 1), 1);
  }

  /** Counts a change of what every name of the node shows. */
  touchAll(node: number): void {
    for (let at = this.#nodes.get(node, NODE.firstName); at !== 0; at = this.get(at, DENTRY.after)) {
      this.touch(this.get(at, DENTRY.hash));
    }
  }

  #enlist(dentry: number, node: number): void {
    const first = this.#nodes.get(node, NODE.firstName);
    this.set(dentry, DENTRY.node, node);
    this.set(dentry, DENTRY.before, 0);
    this.set(dentry, DENTRY.after, first);
    if (first !== 0) this.set(first, DENTRY.before, dentry);
    this.#nodes.set(node, NODE.firstName, dentry);
    this.#nodes.add(node, NODE.names, 1);
  }

  #delist(dentry: number): void {
    const node = this.get(dentry, DENTRY.node);
    const before = this.get(dentry, DENTRY.before);
    const after = this.get(dentry, DENTRY.after);
    if (before === 0) this.#nodes.set(node, NODE.firstName, after);
    else this.set(before, DENTRY.after, after);
    if (after !== 0) this.set(after, DENTRY.before, before);
    this.#nodes.add(node, NODE.names, -1);
  }
}
