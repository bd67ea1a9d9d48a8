// Node records: what the mount knows of one object. 92 bytes each. Found by slot, or by the identity of what
// the node shows. Ids that the kernel sends are checked here; any number may come.

import { Buckets } from './buckets.ts';
import type { Hash } from './hash.ts';
import {
  type Identity,
  LAST_GENERATION,
  makeId,
  type NewNode,
  type NodeId,
  ROOT_SLOT,
  sameBirth,
  TWO_32,
} from './ids.ts';
import { Pool } from './records.ts';
import { HEADER, NODE_WORDS, type Region } from './region.ts';

/** Words of a node record. */
export const NODE = {
  header: 0, // generation × 16 | flags
  kind: 1, // S_IFMT >> 12 | layer << 4 | device << 12
  inoLo: 2,
  inoHi: 3,
  presentedLo: 4,
  presentedHi: 5,
  lookupsLo: 6,
  lookupsHi: 7,
  next: 8, // identity chain; in a dead node the list that it waits in
  firstName: 9,
  names: 10,
  children: 11, // dentries that name this node as their parent
  firstHandle: 12, // descriptor + 1
  handles: 13,
  lock: 14, // the owner of the long lock, see locks.ts
  waiters: 15,
  directory: 16, // its block, see directories.ts
  pinned: 17, // descriptor + 1
  checked: 18, // of a directory
  backing: 18, // of a file: what the kernel reads and writes by itself, see layers/passthrough.ts
  birth: 19, // of the object, see `Identity`
  versionLo: 20, // of a file's content, see contents.ts
  versionHi: 21,
  noted: 22,
} as const;

const LIVE = 1;
const ORPHAN = 2; // not in the identity index: its object is deleted
const RETIRED = 4; // the slot has used up its generations
const SETID = 8; // the kernel was told of set-id bits
const GENERATION_SHIFT = 4;

export class Nodes extends Pool {
  readonly #index: Buckets;
  readonly #hash: Hash;
  /** Whether a name keeps a node. */
  readonly keeps: boolean;

  constructor(region: Region, hash: Hash) {
    super(region.words('nodes'), NODE_WORDS, NODE.next, region.header, HEADER.nodePool);
    this.#hash = hash;
    this.keeps = region.header[HEADER.keep] === 1;
    this.#index = new Buckets(
      region.words('nodeBuckets'),
      region.header,
      HEADER.nodeIndex,
      this,
      NODE.next,
      (slot) => this.#hashOf(slot),
    );
  }

  /** The bytes that were ever touched, the index included. */
  override get bytes(): number {
    return super.bytes + this.#index.bytes;
  }

  /** The slot of a live node, 0 for every other number. Needs no lock. */
  slot(id: NodeId): number {
    if (!Number.isSafeInteger(id) || id < 1) return 0;
    const slot = id % TWO_32;
    if (slot === 0 || slot > this.high) return 0;
    const header = this.load(slot, NODE.header);
    return header & LIVE && header >>> GENERATION_SHIFT === (id - slot) / TWO_32 ? slot : 0;
  }

  id(slot: number): NodeId {
    return makeId(slot, this.load(slot, NODE.header) >>> GENERATION_SHIFT);
  }

  /** S_IFMT bits. */
  type(slot: number): number {
    return (this.get(slot, NODE.kind) & 0xf) << 12;
  }

  /** @param slot may be 0, of which nothing is ever told. */
  toldSetid(slot: number, told: boolean): boolean {
    if (slot === 0) return false;
    const was = (this.load(slot, NODE.header) & SETID) !== 0;
    if (was !== told) this.flag(slot, NODE.header, SETID, told);
    return was;
  }

  /** A new node without names, with a lookup count of 0; 0 when the area is full. */
  create(node: NewNode): number {
    const slot = this.take();
    if (slot === 0) return 0;
    for (let field: number = NODE.kind; field < NODE_WORDS; field++) this.set(slot, field, 0);
    this.set(slot, NODE.kind, kindOf(node, node.type));
    this.set(slot, NODE.inoLo, node.inoLo);
    this.set(slot, NODE.inoHi, node.inoHi);
    this.set(slot, NODE.presentedLo, node.presentedLo);
    this.set(slot, NODE.presentedHi, node.presentedHi);
    this.set(slot, NODE.birth, node.birth);
    this.#index.insert(slot, this.#hashOf(slot));
    const generation = this.get(slot, NODE.header) >>> GENERATION_SHIFT;
    this.store(slot, NODE.header, (generation << GENERATION_SHIFT) | LIVE);
    return slot;
  }

  shows(slot: number, identity: Identity, type: number): boolean {
    return this.#hasNumber(slot, identity, type) && sameBirth(this.get(slot, NODE.birth), identity.birth);
  }

  /** What was made known without its time of birth may get it later. */
  learnBirth(slot: number, birth: number): void {
    if (birth !== 0) this.set(slot, NODE.birth, birth);
  }

  #hasNumber(slot: number, identity: Identity, type: number): boolean {
    return (
      this.get(slot, NODE.kind) === kindOf(identity, type) &&
      this.get(slot, NODE.inoLo) === (identity.inoLo | 0) &&
      this.get(slot, NODE.inoHi) === (identity.inoHi | 0)
    );
  }

  /** The node that shows this object, 0 for none. */
  find(identity: Identity, type: number): number {
    const hash = this.#hash.words(identity.inoLo, identity.inoHi, placeOf(kindOf(identity, type)));
    for (let slot = this.#index.first(hash), next = 0; slot !== 0; slot = next) {
      next = this.get(slot, NODE.next);
      if (this.shows(slot, identity, type)) return slot;
      // Another object has its inode number: its own is deleted.
      if (this.#hasNumber(slot, identity, type)) this.orphan(slot);
    }
    return 0;
  }

  identity(slot: number, out: Identity): void {
    const kind = this.get(slot, NODE.kind);
    out.layer = (kind >>> 4) & 0xff;
    out.device = kind >>> 12;
    out.inoLo = this.get(slot, NODE.inoLo) >>> 0;
    out.inoHi = this.get(slot, NODE.inoHi) >>> 0;
    out.birth = this.get(slot, NODE.birth);
  }

  rebind(slot: number, identity: Identity): void {
    const indexed = this.#unindex(slot);
    this.set(slot, NODE.kind, kindOf(identity, this.type(slot)));
    this.set(slot, NODE.inoLo, identity.inoLo);
    this.set(slot, NODE.inoHi, identity.inoHi);
    this.set(slot, NODE.birth, identity.birth);
    if (indexed) this.#index.insert(slot, this.#hashOf(slot));
  }

  /** Takes the node out of the identity index: a new object may get its inode number. */
  orphan(slot: number): void {
    if (this.#unindex(slot)) this.flag(slot, NODE.header, ORPHAN, true);
  }

  isOrphan(slot: number): boolean {
    return (this.load(slot, NODE.header) & ORPHAN) !== 0;
  }

  /** Back into the index, when the object was given a name again. */
  adopt(slot: number): void {
    if (!this.isOrphan(slot)) return;
    this.flag(slot, NODE.header, ORPHAN, false);
    this.#index.insert(slot, this.#hashOf(slot));
  }

  lookups(slot: number): number {
    return (this.get(slot, NODE.lookupsHi) >>> 0) * TWO_32 + (this.get(slot, NODE.lookupsLo) >>> 0);
  }

  setLookups(slot: number, count: number): void {
    this.set(slot, NODE.lookupsLo, count % TWO_32);
    this.set(slot, NODE.lookupsHi, Math.floor(count / TWO_32));
  }

  /** Whether nothing keeps the node: no lookup, no child, no open handle, no lock; and no name where names do, unless they are let go. */
  idle(slot: number, letGo = false): boolean {
    return (
      (!this.keeps || letGo || this.get(slot, NODE.names) === 0) &&
      slot !== ROOT_SLOT &&
      (this.get(slot, NODE.header) & LIVE) !== 0 &&
      this.get(slot, NODE.lookupsLo) === 0 &&
      this.get(slot, NODE.lookupsHi) === 0 &&
      this.get(slot, NODE.children) === 0 &&
      this.get(slot, NODE.handles) === 0 &&
      this.get(slot, NODE.lock) === 0 &&
      this.get(slot, NODE.waiters) === 0
    );
  }

  /** Ends the node's id: from here on nobody finds it, its record can be cleared and then given back. */
  kill(slot: number): void {
    this.#unindex(slot);
    const generation = this.get(slot, NODE.header) >>> GENERATION_SHIFT;
    const last = generation === LAST_GENERATION;
    this.store(
      slot,
      NODE.header,
      last ? (generation << GENERATION_SHIFT) | RETIRED : (generation + 1) << GENERATION_SHIFT,
    );
  }

  /** Whether the dead node's slot may be given back. */
  reusable(slot: number): boolean {
    return (this.get(slot, NODE.header) & RETIRED) === 0;
  }

  #unindex(slot: number): boolean {
    return (this.get(slot, NODE.header) & ORPHAN) === 0 && this.#index.remove(slot, this.#hashOf(slot));
  }

  #hashOf(slot: number): number {
    return this.#hash.words(
      this.get(slot, NODE.inoLo),
      this.get(slot, NODE.inoHi),
      placeOf(this.get(slot, NODE.kind)),
    );
  }
}

function kindOf(identity: Identity, type: number): number {
  return ((type >>> 12) & 0xf) | ((identity.layer & 0xff) << 4) | ((identity.device & 0xffff) << 12);
}

/** Layer and device. */
function placeOf(kind: number): number {
  return kind >>> 4;
}
