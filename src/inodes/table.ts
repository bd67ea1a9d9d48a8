// The inode table: what the mount knows of the nodes that the kernel holds, for all worker threads, in one shared
// region. This class is its face; the parts behind it each keep one concern. Every method takes any number that a
// kernel message may hold as a node id: one that is stale or forged is an unknown node, never a crash.

import { ESTALE } from '../../protocol/errno.ts';
import { DENTRY } from './dentries.ts';
import { Hash } from './hash.ts';
import {
  type CString,
  type Identity,
  type Int64,
  type NewNode,
  type NodeId,
  newNewNode,
  ROOT_SLOT,
  S_IFDIR,
  type Words64,
} from './ids.ts';
import type { NameRef } from './nameref.ts';
import { Namespace } from './namespace.ts';
import { NODE, Nodes } from './nodes.ts';
import { TableParts } from './parts.ts';
import { pathOf } from './path.ts';
import { HEADER, Region, type ReserveOptions } from './region.ts';

export { ABSENT } from './directories.ts';
export {
  type Identity,
  type NewNode,
  newIdentity,
  newNewNode,
  ROOT_ID,
  sameBirth,
  type Words64,
} from './ids.ts';
export { type NameRef, newNameRef } from './nameref.ts';
export type { ReserveOptions } from './region.ts';
export type { TableStats } from './stats.ts';

/**
 * A node with one name of 20 bytes takes 156 bytes: record 92, dentry 32, name 24, hash buckets 8; a directory with
 * open descriptors 44 more (two layers), a remembered inode number 36. When an area is full, what would add to it
 * returns -ENOMEM (nodes, names, directories) or -ENOSPC (inode numbers, devices) and changes nothing.
 */
export class InodeTable extends TableParts {
  readonly #namespace: Namespace;

  /** Reserves a region with an empty table. A RangeError when it is too small, or larger than the host allows. */
  static reserve(options: ReserveOptions): SharedArrayBuffer {
    const region = Region.reserve(options);
    const slot = new Nodes(region, new Hash(region)).create({ ...newNewNode(), type: S_IFDIR });
    if (slot !== ROOT_SLOT) throw new Error('the first node is not the root');
    return region.buffer;
  }

  constructor(buffer: SharedArrayBuffer, owner = 0) {
    super(buffer, owner);
    this.#namespace = new Namespace(this.mutex, this.nodes, this.dentries, this.lifetime);
  }

  /**
   * LOOKUP: counts one lookup of the node that `name` of `parent` shows and returns its id. A name that showed another object until
   * now passes to the new one, whose node may be known already: a file then has one more name (hard link), a directory moves here
   * (another host renamed it).
   *
   * With `stamp` (taken from `stamp()` before the layers were asked), -EAGAIN when the name may show something else by
   * now, or when what it shows is changing under its node's long lock: ask the layers again, after having waited for
   * that lock. Without it the caller's answer wins, even over a copy-up that ended meanwhile.
   *
   * -ESTALE (unknown parent), -ENOTDIR, -EINVAL (empty name), -ENAMETOOLONG, -ENOMEM (the table is full), -ELOOP (a directory within
   * itself: the layers changed under the lookup).
   */
  intern(parent: NodeId, name: CString, node: NewNode, stamp?: number): number {
    return this.#namespace.intern(parent, name, node, stamp);
  }

  /** A new node without a name, with one lookup counted (O_TMPFILE). The id, or -ENOMEM. */
  create(node: NewNode): number {
    return this.#namespace.create(node);
  }

  /** The node that the name is known to show, 0 for none. Counts nothing. */
  find(parent: NodeId, name: CString): NodeId {
    return this.#namespace.find(parent, name);
  }

  /** A counter that changes whenever this name may have come to show something else. Takes no lock. */
  stamp(parent: NodeId, name: CString): number {
    return this.#namespace.stamp(parent, name);
  }

  /** Gives the node another name (a directory: its only one). 0, or an errno as `intern`. */
  link(parent: NodeId, name: CString, node: NodeId): number {
    return this.#namespace.link(parent, name, node);
  }

  /** Removes a name. Returns its node, 0 for none. A directory is taken to be deleted (see `orphan`), nothing else is. */
  unlink(parent: NodeId, name: CString): NodeId {
    return this.#namespace.unlink(parent, name);
  }

  /**
   * Moves a name. Returns the node that had the target's name until now, 0 for none. When the old name is not known, that node still
   * loses the new one. -EINVAL for a directory into itself, -ENOMEM, -ENOENT when neither name is known; errnos as `intern` for the
   * target: then nothing has changed.
   */
  rename(parent: NodeId, name: CString, newParent: NodeId, newName: CString): number {
    return this.#namespace.rename(parent, name, newParent, newName);
  }

  /** Exchanges what two names show (one of them may be unknown). 0 or an errno as `rename`. */
  exchange(parentA: NodeId, nameA: CString, parentB: NodeId, nameB: CString): number {
    return this.#namespace.exchange(parentA, nameA, parentB, nameB);
  }

  /**
   * Takes back `count` lookups. A node that nothing else keeps is freed, and its descriptors, with those of other nodes
   * that ended meanwhile, are pushed to `closing`: the caller closes them. Unknown ids and too large counts are counted
   * in the statistics and otherwise passed over.
   */
  forget(node: NodeId, count: Int64, closing: number[]): void {
    this.mutex.lock();
    try {
      const slot = this.nodes.slot(node);
      if (slot === 0) this.#overForget();
      else if (slot !== ROOT_SLOT) this.#forget(slot, Number(count));
      this.lifetime.reap(closing);
    } finally {
      this.mutex.unlock();
    }
  }

  /** One lookup more of a known node. 0 or -ESTALE. */
  count(node: NodeId): number {
    this.mutex.lock();
    try {
      const slot = this.nodes.slot(node);
      if (slot === 0) return -ESTALE;
      if (slot !== ROOT_SLOT) this.nodes.setLookups(slot, this.nodes.lookups(slot) + 1);
      return 0;
    } finally {
      this.mutex.unlock();
    }
  }

  /** How many lookups the kernel holds; 0 for the root and for unknown nodes. */
  lookups(node: NodeId): number {
    this.mutex.lock();
    try {
      const slot = this.nodes.slot(node);
      return slot === 0 ? 0 : this.nodes.lookups(slot);
    } finally {
      this.mutex.unlock();
    }
  }

  /** This thread uses no descriptors of the table any more. Pushes those of dead nodes, as `forget`. */
  endUse(closing: number[]): void {
    this.uses.end();
    if (this.lifetime.hasDoomed) this.reap(closing);
  }

  /** Pushes the descriptors of nodes that ended since the last `forget` or `closeHandle`. */
  reap(closing: number[]): void {
    this.mutex.lock();
    try {
      this.lifetime.reap(closing);
    } finally {
      this.mutex.unlock();
    }
  }

  exists(node: NodeId): boolean {
    return this.nodes.slot(node) !== 0;
  }

  /** S_IFMT bits, 0 for an unknown node. Takes no lock. */
  type(node: NodeId): number {
    const slot = this.nodes.slot(node);
    const type = slot === 0 ? 0 : this.nodes.type(slot);
    return this.nodes.slot(node) === slot ? type : 0;
  }

  /** The inode number that the mount shows for the node. False for an unknown node. */
  presented(node: NodeId, out: Words64): boolean {
    this.mutex.lock();
    try {
      const slot = this.nodes.slot(node);
      if (slot === 0) return false;
      out.lo = this.nodes.get(slot, NODE.presentedLo) >>> 0;
      out.hi = this.nodes.get(slot, NODE.presentedHi) >>> 0;
      return true;
    } finally {
      this.mutex.unlock();
    }
  }

  /** For the root, whose number is known only after it was reserved. */
  setPresented(node: NodeId, lo: number, hi: number): void {
    this.mutex.lock();
    try {
      const slot = this.nodes.slot(node);
      if (slot === 0) return;
      this.nodes.set(slot, NODE.presentedLo, lo);
      this.nodes.set(slot, NODE.presentedHi, hi);
    } finally {
      this.mutex.unlock();
    }
  }

  /** Which object the node shows now. False for an unknown node. */
  identity(node: NodeId, out: Identity): boolean {
    this.mutex.lock();
    try {
      const slot = this.nodes.slot(node);
      if (slot !== 0) this.nodes.identity(slot, out);
      return slot !== 0;
    } finally {
      this.mutex.unlock();
    }
  }

  /** The node that is known to show an object, 0 for none. */
  showing(identity: Identity, type: number): NodeId {
    this.mutex.lock();
    try {
      const slot = this.nodes.find(identity, type);
      return slot === 0 ? (0 as NodeId) : this.nodes.id(slot);
    } finally {
      this.mutex.unlock();
    }
  }

  /**
   * The node shows another object from now on, under the inode number that it had. 0 or -ESTALE. Names by which a file's object is known
   * as another node, when another host has given it that name, become this one's: the kernel gives that node up as it looks them up again.
   */
  rebind(node: NodeId, identity: Identity): number {
    return this.#namespace.rebind(node, identity);
  }

  /**
   * The node's object is deleted (its last link is gone): a new object that gets the same inode number must not be taken
   * for it, although the kernel may still hold the node. A later `link` takes it back.
   */
  orphan(node: NodeId): void {
    this.mutex.lock();
    try {
      const slot = this.nodes.slot(node);
      if (slot !== 0 && slot !== ROOT_SLOT) this.nodes.orphan(slot);
    } finally {
      this.mutex.unlock();
    }
  }

  /** The node's most recent name. False for the root, a nameless and an unknown node. */
  nameOf(node: NodeId, out: NameRef): boolean {
    this.mutex.lock();
    try {
      const slot = this.nodes.slot(node);
      const dentry = slot === 0 ? 0 : this.nodes.get(slot, NODE.firstName);
      if (dentry === 0) return false;
      const length = this.dentries.get(dentry, DENTRY.length);
      this.dentries.arena.copy(this.dentries.get(dentry, DENTRY.block), length, out.resize(length));
      out.parent = this.nodes.id(this.dentries.get(dentry, DENTRY.parent));
      return true;
    } finally {
      this.mutex.unlock();
    }
  }

  /** Writes the node's path into `out` and returns the bytes written, 0 for an unknown node. See path.ts. */
  path(node: NodeId, out: Uint8Array): number {
    this.mutex.lock();
    try {
      const slot = this.nodes.slot(node);
      return slot === 0 ? 0 : pathOf(this.nodes, this.dentries, slot, out);
    } finally {
      this.mutex.unlock();
    }
  }

  #forget(slot: number, count: number): void {
    const lookups = this.nodes.lookups(slot);
    if (!(count >= 0) || count > lookups) this.#overForget();
    this.nodes.setLookups(slot, count >= 0 ? Math.max(0, lookups - Math.floor(count)) : lookups);
    this.lifetime.settle(slot);
  }

  #overForget(): void {
    Atomics.add(this.region.header, HEADER.overForgets, 1);
  }
}
