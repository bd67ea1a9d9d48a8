// The names: how LOOKUP makes a node known, and what link, unlink, rename and exchange do to names after the layer
// did them to files. Each method is one critical section. `InodeTable` documents them.

import {
  EAGAIN,
  EINVAL,
  ELOOP,
  ENAMETOOLONG,
  ENOENT,
  ENOMEM,
  ENOTDIR,
  ESTALE,
} from '../../protocol/errno.ts';
import { DENTRY, type Dentries } from './dentries.ts';
import {
  type CString,
  type Identity,
  NAME_MAX,
  type NewNode,
  type NodeId,
  ROOT_SLOT,
  S_IFDIR,
} from './ids.ts';
import type { Lifetime } from './lifetime.ts';
import type { Mutex } from './mutex.ts';
import { NODE, type Nodes } from './nodes.ts';

const NONE = 0 as NodeId;

export class Namespace {
  readonly #mutex: Mutex;
  readonly #nodes: Nodes;
  readonly #dentries: Dentries;
  readonly #lifetime: Lifetime;

  constructor(mutex: Mutex, nodes: Nodes, dentries: Dentries, lifetime: Lifetime) {
    this.#mutex = mutex;
    this.#nodes = nodes;
    this.#dentries = dentries;
    this.#lifetime = lifetime;
  }

  intern(parent: NodeId, name: CString, node: NewNode, stamp?: number): number {
    this.#mutex.lock();
    try {
      const dir = this.#directory(parent, name);
      if (dir < 0) return dir;
      const hash = this.#dentries.hash(dir, name);
      if (stamp !== undefined && this.#dentries.stamp(hash) !== stamp) return -EAGAIN;
      const slot = this.#intern(dir, name, hash, node, stamp !== undefined);
      if (slot < 0) return slot;
      this.#nodes.setLookups(slot, this.#nodes.lookups(slot) + 1);
      return this.#nodes.id(slot);
    } finally {
      this.#mutex.unlock();
    }
  }

  create(node: NewNode): number {
    this.#mutex.lock();
    try {
      const slot = this.#nodes.create(node);
      if (slot === 0) return -ENOMEM;
      this.#nodes.setLookups(slot, 1);
      return this.#nodes.id(slot);
    } finally {
      this.#mutex.unlock();
    }
  }

  find(parent: NodeId, name: CString): NodeId {
    this.#mutex.lock();
    try {
      const dentry = this.#find(parent, name);
      return dentry === 0 ? NONE : this.#nodes.id(this.#dentries.get(dentry, DENTRY.node));
    } finally {
      this.#mutex.unlock();
    }
  }

  stamp(parent: NodeId, name: CString): number {
    const dir = this.#directory(parent, name);
    return dir < 0 ? 0 : this.#dentries.stamp(this.#dentries.hash(dir, name));
  }

  link(parent: NodeId, name: CString, node: NodeId): number {
    this.#mutex.lock();
    try {
      const dir = this.#directory(parent, name);
      if (dir < 0) return dir;
      const slot = this.#nodes.slot(node);
      if (slot === 0) return -ESTALE;
      const hash = this.#dentries.hash(dir, name);
      const result = this.#name(dir, name, hash, slot);
      if (result < 0) return result;
      this.#nodes.adopt(slot);
      this.#dentries.touch(hash);
      return 0;
    } finally {
      this.#mutex.unlock();
    }
  }

  unlink(parent: NodeId, name: CString): NodeId {
    this.#mutex.lock();
    try {
      const dentry = this.#find(parent, name);
      return dentry === 0 ? NONE : this.#remove(dentry);
    } finally {
      this.#mutex.unlock();
    }
  }

  rename(parent: NodeId, name: CString, newParent: NodeId, newName: CString): number {
    this.#mutex.lock();
    try {
      const dir = this.#directory(newParent, newName);
      if (dir < 0) return dir;
      return this.#rename(this.#find(parent, name), this.#find(newParent, newName), dir, newName);
    } finally {
      this.#mutex.unlock();
    }
  }

  exchange(parentA: NodeId, nameA: CString, parentB: NodeId, nameB: CString): number {
    this.#mutex.lock();
    try {
      const dirA = this.#directory(parentA, nameA);
      const dirB = this.#directory(parentB, nameB);
      if (dirA < 0 || dirB < 0) return Math.min(dirA, dirB);
      const a = this.#find(parentA, nameA);
      const b = this.#find(parentB, nameB);
      if (a === 0 && b === 0) return -ENOENT;
      if (b === 0) return this.#rename(a, 0, dirB, nameB);
      if (a === 0) return this.#rename(b, 0, dirA, nameA);
      return this.#exchange(a, b);
    } finally {
      this.#mutex.unlock();
    }
  }

  rebind(node: NodeId, identity: Identity): number {
    this.#mutex.lock();
    try {
      const slot = this.#nodes.slot(node);
      if (slot === 0) return -ESTALE;
      const other = this.#nodes.find(identity, this.#nodes.type(slot));
      this.#nodes.rebind(slot, identity);
      if (other !== 0 && other !== slot) this.#takeNames(slot, other);
      this.#dentries.touchAll(slot);
      return 0;
    } finally {
      this.#mutex.unlock();
    }
  }

  // One object, one node. A directory has one name, and a node whose object is deleted is found by none.
  #takeNames(slot: number, other: number): void {
    const nodes = this.#nodes;
    if (nodes.type(slot) === S_IFDIR || nodes.isOrphan(slot)) return;
    const dentries = this.#dentries;
    const own = nodes.get(slot, NODE.firstName);
    for (let name = nodes.get(other, NODE.firstName); name !== 0; name = nodes.get(other, NODE.firstName)) {
      dentries.assign(name, slot);
    }
    if (own !== 0) dentries.promote(own);
    nodes.orphan(other);
    this.#lifetime.settle(other);
  }

  #intern(dir: number, name: CString, hash: number, node: NewNode, careful: boolean): number {
    const nodes = this.#nodes;
    const dentry = this.#dentries.find(dir, name, hash);
    if (dentry !== 0) {
      const old = this.#dentries.get(dentry, DENTRY.node);
      if (nodes.shows(old, node, node.type)) {
        this.#dentries.promote(dentry);
        nodes.learnBirth(old, node.birth);
        return old;
      }
      // Whoever holds the long lock may be about to change what the node shows.
      if (careful && nodes.get(old, NODE.lock) > 0) return -EAGAIN;
    }
    const known = nodes.find(node, node.type);
    if (known !== 0) {
      const result = this.#name(dir, name, hash, known);
      if (result < 0) return result;
      nodes.learnBirth(known, node.birth);
      return known;
    }
    const slot = nodes.create(node);
    if (slot === 0) return -ENOMEM;
    const result = this.#name(dir, name, hash, slot);
    if (result === 0) return slot;
    this.#lifetime.settle(slot);
    return result;
  }

  // Gives a node a name: its only one if it is a directory. Another node that has the name loses it.
  #name(dir: number, name: CString, hash: number, slot: number): number {
    const dentries = this.#dentries;
    const isDirectory = this.#nodes.type(slot) === S_IFDIR;
    if (isDirectory && (slot === ROOT_SLOT || dentries.isWithin(dir, slot))) return -ELOOP;
    const before = isDirectory ? this.#nodes.get(slot, NODE.firstName) : 0;
    const there = dentries.find(dir, name, hash);
    if (there === 0) {
      if (dentries.create(dir, name, hash, slot) === 0) return -ENOMEM;
    } else if (dentries.get(there, DENTRY.node) !== slot) {
      const old = dentries.get(there, DENTRY.node);
      dentries.assign(there, slot);
      dentries.touch(hash);
      this.#lifetime.settle(old);
    }
    if (before !== 0 && before !== there) {
      dentries.touch(dentries.get(before, DENTRY.hash));
      this.#lifetime.drop(before);
    }
    return 0;
  }

  #remove(dentry: number): NodeId {
    const slot = this.#dentries.get(dentry, DENTRY.node);
    const id = this.#nodes.id(slot);
    this.#dentries.touch(this.#dentries.get(dentry, DENTRY.hash));
    // A directory has one name: without it, its object is deleted, and the layer may give its number to a new one.
    if (this.#nodes.type(slot) === S_IFDIR) this.#nodes.orphan(slot);
    this.#lifetime.drop(dentry);
    return id;
  }

  #rename(from: number, to: number, dir: number, newName: CString): number {
    const dentries = this.#dentries;
    // What the name showed is gone from there, even if this table never knew what came.
    if (from === 0) return to === 0 ? -ENOENT : this.#remove(to);
    const slot = dentries.get(from, DENTRY.node);
    const isDirectory = this.#nodes.type(slot) === S_IFDIR;
    if (isDirectory && dentries.isWithin(dir, slot)) return -EINVAL;
    const oldHash = dentries.get(from, DENTRY.hash);
    let displaced = NONE;
    if (to === 0) {
      to = dentries.create(dir, newName, dentries.hash(dir, newName), slot);
      if (to === 0) return -ENOMEM;
    } else {
      const other = dentries.get(to, DENTRY.node);
      // Two names of one object: rename(2) does nothing.
      if (other === slot) return NONE;
      displaced = this.#nodes.id(other);
      dentries.assign(to, slot);
      if (this.#nodes.type(other) === S_IFDIR) this.#nodes.orphan(other);
      this.#lifetime.settle(other);
    }
    dentries.touch(oldHash);
    dentries.touch(dentries.get(to, DENTRY.hash));
    this.#lifetime.drop(from);
    return displaced;
  }

  #exchange(a: number, b: number): number {
    const dentries = this.#dentries;
    const nodeA = dentries.get(a, DENTRY.node);
    const nodeB = dentries.get(b, DENTRY.node);
    const loop =
      dentries.isWithin(dentries.get(b, DENTRY.parent), nodeA) ||
      dentries.isWithin(dentries.get(a, DENTRY.parent), nodeB);
    if (loop) return -EINVAL;
    dentries.assign(a, nodeB);
    dentries.assign(b, nodeA);
    dentries.touch(dentries.get(a, DENTRY.hash));
    dentries.touch(dentries.get(b, DENTRY.hash));
    return 0;
  }

  // The slot of a live directory that may hold the name, or an errno.
  #directory(parent: NodeId, name: CString): number {
    if (name.length - 1 > NAME_MAX) return -ENAMETOOLONG;
    if (name.length <= 1) return -EINVAL;
    const slot = this.#nodes.slot(parent);
    if (slot === 0) return -ESTALE;
    return this.#nodes.type(slot) === S_IFDIR ? slot : -ENOTDIR;
  }

  #find(parent: NodeId, name: CString): number {
    const dir = this.#directory(parent, name);
    return dir < 0 ? 0 : this.#dentries.find(dir, name, this.#dentries.hash(dir, name));
  }
}
