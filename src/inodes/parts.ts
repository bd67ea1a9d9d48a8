// The parts of the table that stand beside the nodes and names, and their methods under the table's own name, so that a
// caller has one object to talk to. What a method does, takes and returns is documented where it is implemented.

import { Clock } from './clock.ts';
import { Dentries } from './dentries.ts';
import { Directories } from './directories.ts';
import { GATE_MUTEXES, Gates } from './gates.ts';
import { Handles } from './handles.ts';
import { Hash } from './hash.ts';
import type { Identity, NodeId, Words64 } from './ids.ts';
import { Lifetime } from './lifetime.ts';
import { Locks } from './locks.ts';
import { Mutex } from './mutex.ts';
import { NODE, Nodes } from './nodes.ts';
import { Numbers } from './numbers.ts';
import { Owners } from './owners.ts';
import { HEADER, MAX_OWNERS, Region } from './region.ts';
import { StructureLock } from './rwlock.ts';
import { statsOf, type TableStats } from './stats.ts';
import { Uses } from './uses.ts';

/** Nodes that are looked at in one critical section. */
const LET_GO = 1 << 14;

type Interrupted = () => boolean;

const MUTEXES = [
  HEADER.tableMutex,
  HEADER.handleMutex,
  HEADER.numberMutex,
  HEADER.structure,
  ...GATE_MUTEXES,
];

export class TableParts {
  protected readonly region: Region;
  protected readonly mutex: Mutex;
  protected readonly nodes: Nodes;
  protected readonly dentries: Dentries;
  protected readonly lifetime: Lifetime;
  protected readonly numbers: Numbers;
  readonly openHandles: Handles;
  protected readonly directories: Directories;
  readonly clock: Clock;
  protected readonly uses: Uses;
  /** See gates.ts. Not recursive; taken before the handle lock. */
  readonly gates: Gates;
  readonly #locks: Locks;
  readonly #structure: StructureLock;

  /**
   * Attaches to a region, in any thread. A TypeError when `reserve` did not make it.
   * @param owner this thread's number, see owners.ts; 0 for one that uses no descriptors of the table
   */
  constructor(buffer: SharedArrayBuffer, owner = 0) {
    this.region = new Region(buffer);
    const hash = new Hash(this.region);
    this.mutex = new Mutex(this.region.header, HEADER.tableMutex);
    this.nodes = new Nodes(this.region, hash);
    this.dentries = new Dentries(this.region, this.nodes, hash);
    this.uses = new Uses(this.region, owner);
    this.directories = new Directories(this.region, this.mutex, this.nodes, this.uses);
    this.clock = new Clock(this.region, this.mutex, this.nodes, this.directories);
    this.lifetime = new Lifetime(this.region, this.nodes, this.dentries, this.directories);
    this.openHandles = new Handles(this.region, this.mutex, this.nodes, this.lifetime);
    const owners = new Owners(this.region);
    this.#locks = new Locks(this.mutex, this.nodes, this.lifetime, owners);
    this.#structure = new StructureLock(this.region, owners);
    this.gates = new Gates(this.region);
    this.numbers = new Numbers(this.region, hash);
  }

  // Directories, see directories.ts.

  dirFd(node: NodeId, layer: number): number {
    return this.directories.dirFd(node, layer);
  }

  dirState(node: NodeId, layer: number): number {
    return this.directories.dirState(node, layer);
  }

  setDir(node: NodeId, layer: number, fd: number, device: number, inoLo: number, inoHi: number): number {
    return this.directories.setDir(node, layer, fd, device, inoLo, inoHi);
  }

  adoptDir(node: NodeId, layer: number, fd: number, device: number, inoLo: number, inoHi: number): number {
    return this.directories.adoptDir(node, layer, fd, device, inoLo, inoHi);
  }

  dirIdentity(node: NodeId, layer: number, out: Identity): boolean {
    return this.directories.dirIdentity(node, layer, out);
  }

  expireAbsent(node: NodeId): void {
    this.directories.expireAbsent(node);
  }

  checkedAt(node: NodeId): number {
    return this.directories.checkedAt(node);
  }

  setCheckedAt(node: NodeId, milliseconds: number): void {
    this.directories.setCheckedAt(node, milliseconds);
  }

  pin(node: NodeId, fd: number): boolean {
    return this.directories.pin(node, fd);
  }

  pinned(node: NodeId): number {
    return this.directories.pinned(node);
  }

  descriptors(): number {
    return this.directories.descriptors();
  }

  /** Whether the node's object was deleted through this mount. */
  isOrphan(node: NodeId): boolean {
    const slot = this.nodes.slot(node);
    return slot !== 0 && this.nodes.isOrphan(slot);
  }

  /** Whether the kernel has been told that the file has set-id bits; `told` is what it has been from here on. */
  toldSetid(node: NodeId, told: boolean): boolean {
    return this.nodes.toldSetid(this.nodes.slot(node), told);
  }

  // Open handles, see handles.ts.

  openHandle(fd: number, node: NodeId, flags: number, kind: number): number {
    return this.openHandles.openHandle(fd, node, flags, kind);
  }

  closeHandle(fd: number, closing?: number[]): boolean {
    return this.openHandles.closeHandle(fd, closing);
  }

  handleNode(fd: number): NodeId {
    return this.openHandles.handleNode(fd);
  }

  handleKind(fd: number): number {
    return this.openHandles.handleKind(fd);
  }

  handleFlags(fd: number): number {
    return this.openHandles.handleFlags(fd);
  }

  setHandleFlags(fd: number, flags: number): void {
    this.openHandles.setHandleFlags(fd, flags);
  }

  handlePositionLo(fd: number): number {
    return this.openHandles.handlePositionLo(fd);
  }

  handlePositionHi(fd: number): number {
    return this.openHandles.handlePositionHi(fd);
  }

  setHandlePosition(fd: number, lo: number, hi: number): void {
    this.openHandles.setHandlePosition(fd, lo, hi);
  }

  handleExtra(fd: number): number {
    return this.openHandles.handleExtra(fd);
  }

  setHandleExtra(fd: number, value: number): void {
    this.openHandles.setHandleExtra(fd, value);
  }

  handles(node: NodeId, out: Int32Array, kind?: number): number {
    return this.openHandles.handles(node, out, kind);
  }

  lockHandles(): void {
    this.openHandles.lockHandles();
  }

  unlockHandles(): void {
    this.openHandles.unlockHandles();
  }

  // Long locks, see locks.ts.

  lockNode(node: NodeId, owner: number, interrupted: Interrupted): number {
    return this.#locks.lockNode(node, owner, interrupted);
  }

  tryLockNode(node: NodeId, owner: number): boolean {
    return this.#locks.tryLockNode(node, owner);
  }

  unlockNode(node: NodeId, owner: number): boolean {
    return this.#locks.unlockNode(node, owner);
  }

  lockOwner(node: NodeId): number {
    return this.#locks.lockOwner(node);
  }

  lockTwo(a: NodeId, b: NodeId, owner: number, interrupted: Interrupted): number {
    return this.#locks.lockTwo(a, b, owner, interrupted);
  }

  tryLockTwo(a: NodeId, b: NodeId, owner: number): NodeId {
    return this.#locks.tryLockTwo(a, b, owner);
  }

  isFree(node: NodeId): boolean {
    return this.#locks.isFree(node);
  }

  unlockTwo(a: NodeId, b: NodeId, owner: number): void {
    this.#locks.unlockTwo(a, b, owner);
  }

  lockStructureShared(owner: number, interrupted: Interrupted): number {
    return this.#structure.shared(owner, interrupted);
  }

  unlockStructureShared(owner: number): void {
    this.#structure.releaseShared(owner);
  }

  lockStructureExclusive(owner: number, interrupted: Interrupted): number {
    return this.#structure.exclusive(owner, interrupted);
  }

  unlockStructureExclusive(owner: number): void {
    this.#structure.releaseExclusive(owner);
  }

  /**
   * The thread with this `threadId`, which locked as `owner` (at most 255), has died: its locks are released. False when it died in a
   * critical section or while it changed the structure: the table can't be trusted any more, and its users may wait for ever.
   */
  releaseOwner(owner: number, thread: number): boolean {
    const mutexes = MUTEXES.map((at) => new Mutex(this.region.header, at));
    if (owner > MAX_OWNERS || mutexes.some((mutex) => mutex.heldBy(thread))) return false;
    for (const mutex of mutexes) mutex.wakeAll();
    if (!this.#structure.releaseOwner(owner)) return false;
    this.#locks.releaseOwner(owner);
    this.uses.endOf(owner);
    return true;
  }

  // Inode numbers, see numbers.ts.

  deviceIndex(devMajor: number, devMinor: number, layer: number): number {
    return this.numbers.deviceIndex(devMajor, devMinor, layer);
  }

  remember(device: number, inoLo: number, inoHi: number, presentedLo: number, presentedHi: number): number {
    return this.numbers.remember(device, inoLo, inoHi, presentedLo, presentedHi);
  }

  presentedOf(device: number, inoLo: number, inoHi: number, out: Words64): number {
    return this.numbers.presentedOf(device, inoLo, inoHi, out);
  }

  forgetNumber(device: number, inoLo: number, inoHi: number): void {
    this.numbers.forgetNumber(device, inoLo, inoHi);
  }

  /** Whether nodes that the kernel has forgotten are kept, see `ReserveOptions`. */
  get keeps(): boolean {
    return this.nodes.keeps;
  }

  /** Ends nodes that are kept by their names alone, and pushes their descriptors. @returns how many ended */
  letGo(closing: number[]): number {
    let ended = 0;
    for (let slot = 1; slot <= this.nodes.high; slot += LET_GO) {
      this.mutex.lock();
      try {
        ended += this.lifetime.letGo(slot, slot + LET_GO, closing);
      } finally {
        this.mutex.unlock();
      }
    }
    return ended;
  }

  stats(): TableStats {
    return statsOf(this.region, this.nodes, this.dentries, this.numbers, this.directories);
  }

  /** How many names of the node are known. */
  names(node: NodeId): number {
    const slot = this.nodes.slot(node);
    return slot === 0 ? 0 : this.nodes.load(slot, NODE.names);
  }
}
