// Copy-up and file locks (`locks=cluster`). The locks that are held through this mount lie on the source, and must lie on the copy before
// anybody can find it; those that other hosts hold there cannot come along, so the file waits for them. While a copy is published the
// mount holds the source alone, with both kinds of locks, until the source is gone: who asks for a lock of it meanwhile finds it busy.
//
// Its own users' locks are no conflict. To see past them they are lifted for the test, in an order that lets nobody in between: a
// shared lock of our own lies under them while they are away. With flock(2), which has no such step, another host may take an exclusive
// lock within those microseconds, if it held a shared one and gave it up: then the user's shared lock is lost, and the log says so.

import { EAGAIN, EBADF, EBUSY, EINVAL, ENOSYS, EOPNOTSUPP, errnoName } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import {
  F_RDLCK,
  F_UNLCK,
  F_WRLCK,
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  O_RDONLY,
  O_RDWR,
} from '../sys/constants.ts';
import { close, dupCloexec } from '../sys/fd.ts';
import { FileLock, flock, getLock, setLock } from '../sys/locks.ts';
import type { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { FILE_HANDLE } from './handlekinds.ts';
import { type Held, heldLocks } from './heldlocks.ts';
import { HAS_FLOCK, openAgain, takeRanges } from './lockdescriptors.ts';
import { isOpenOn, openCopyFor } from './redirect.ts';
import { WAIT, waitWhile } from './waitwhile.ts';

/** A handle of the file that holds locks of it. */
interface Holder extends Held {
  readonly handle: number;
}

/** How long a copy that is ready waits for other hosts' locks, in milliseconds, and how often it looks. */
const PATIENCE_MS = 2000;
const TURN_MS = 10;

const list = new Int32Array(1 << 20);
const lock = new FileLock();
const all = (type: number) => lock.set(type, 0, 0);

/** The locks of a file whose copy is about to be published. From `begin` to `moved` or `end` no lock of the node can change. */
export class MovingLocks {
  /** By handle: a descriptor of the copy, with the handle's locks, to take its place. */
  readonly carried = new Map<number, number>();
  readonly #fs: FileSystem;
  readonly #node: NodeId;
  readonly #guard: number;
  readonly #holders: readonly Holder[];
  /** Keep the locks of replaced handles on the source. */
  readonly #kept: number[] = [];
  #moved = false;

  private constructor(fs: FileSystem, node: NodeId, guard: number, holders: readonly Holder[]) {
    this.#fs = fs;
    this.#node = node;
    this.#guard = guard;
    this.#holders = holders;
  }

  /** @param source a descriptor of it. @returns -EBUSY when another host's lock does not go away, -EINTR, or another negative errno. */
  static begin(fs: FileSystem, node: NodeId, source: number): MovingLocks | number {
    const look = () => {
      const moving = MovingLocks.#try(fs, node, source);
      return moving === -EAGAIN ? WAIT : moving;
    };
    const moving = waitWhile(fs, PATIENCE_MS, look, TURN_MS);
    return moving === WAIT ? -EBUSY : moving;
  }

  /** Whether other hosts hold locks of the file. @returns 0, -EAGAIN when they do, or another negative errno. */
  static test(fs: FileSystem, node: NodeId, source: number): number {
    const moving = MovingLocks.#try(fs, node, source);
    if (typeof moving === 'number') return moving;
    moving.end();
    return 0;
  }

  static #try(fs: FileSystem, node: NodeId, source: number): MovingLocks | number {
    fs.table.gates.enter(node);
    const result = claim(fs, node, source);
    if (typeof result === 'number') {
      fs.table.gates.leave(node);
      return result;
    }
    return new MovingLocks(fs, node, result.guard, result.holders);
  }

  /** Takes the locks on the copy. @returns 0 or a negative errno: then the file may not be published. */
  carry(copy: number): number {
    for (const holder of this.#holders) {
      const { handle } = holder;
      const fd = openCopyFor(this.#fs, handle, copy);
      if (fd < 0) return fd;
      this.carried.set(handle, fd);
      const result = takeLocks(fd, holder);
      if (result < 0) return result;
      if (holder.flock !== LOCK_EX) continue;
      const kept = dupCloexec(handle);
      if (kept < 0) return kept;
      this.#kept.push(kept);
    }
    return 0;
  }

  /** The copy has its name, and the handles are replaced: locks can change again. */
  moved(): void {
    this.#moved = true;
    this.#fs.table.gates.leave(this.#node);
  }

  /** The source is gone, or stays: if there is no copy in its place, its users have their locks of it back. */
  end(): void {
    const [fs, node] = [this.#fs, this.#node];
    for (const fd of this.carried.values()) close(fd);
    if (!this.#moved) giveBack(fs, this.#guard, this.#holders);
    close(this.#guard);
    for (const fd of this.#kept) close(fd);
    if (!this.#moved) fs.table.gates.leave(node);
    fs.lockQueue.released(node);
  }
}

/**
 * Has `replace` replace the handles of a file whose copy is published already, most often by another host. That one has waited for the
 * file's locks, so there are none, unless it keeps its locks to itself (`locks=local`) or a copy-up of ours has failed half-way: those
 * are taken on the copy, or the log says that they are lost.
 */
export function carryLate(
  fs: FileSystem,
  node: NodeId,
  copy: number,
  made: Stat,
  replace: (carried: ReadonlyMap<number, number>) => void,
): void {
  const carried = new Map<number, number>();
  if (fs.policy.locks === 'local') {
    replace(carried);
    return;
  }
  fs.table.gates.enter(node);
  try {
    const holders = holdersOf(fs, node);
    if (typeof holders === 'number') fs.log.error('lock_lost', { node, error: errnoName(-holders) });
    else {
      for (const holder of holders) {
        const fd = isOpenOn(holder.handle, made) ? -1 : openCopyFor(fs, holder.handle, copy);
        if (fd < 0) continue;
        carried.set(holder.handle, fd);
        report(fs, holder.handle, takeLocks(fd, holder));
      }
    }
    replace(carried);
  } finally {
    for (const fd of carried.values()) close(fd);
    fs.table.gates.leave(node);
  }
  fs.lockQueue.released(node);
}

function takeLocks(fd: number, { ranges, flock: kind }: Held): number {
  const result = takeRanges(fd, ranges);
  return result === 0 && kind !== 0 ? flock(fd, kind | LOCK_NB) : result;
}

function holdersOf(fs: FileSystem, node: NodeId): Holder[] | number {
  const found: Holder[] = [];
  const { table } = fs;
  for (const handle of list.subarray(0, table.handles(node, list))) {
    if (table.handleKind(handle) === FILE_HANDLE && table.handleExtra(handle) !== HAS_FLOCK) continue;
    const held = heldLocks(fs, handle);
    if (typeof held === 'number') return held;
    if (held.ranges.length > 0 || held.flock !== 0) found.push({ handle, ...held });
  }
  return found;
}

/** Within the gate: holds the source alone. @returns -EAGAIN when another host has a lock of it, or another negative errno. */
function claim(fs: FileSystem, node: NodeId, source: number): { guard: number; holders: Holder[] } | number {
  const holders = holdersOf(fs, node);
  if (typeof holders === 'number') return holders;
  let guard = openAgain(fs, source, O_RDWR);
  if (guard < 0) guard = openAgain(fs, source, O_RDONLY);
  if (guard < 0) return guard;
  let result = claimRanges(fs, guard, holders);
  if (result === 0) {
    result = claimFlock(fs, guard, holders);
    if (result < 0) giveBackRanges(fs, guard, holders);
  }
  if (result === 0) return { guard, holders };
  close(guard);
  return result;
}

/** A layer that has no locks at all: nobody holds one there. */
function hasNone(result: number): boolean {
  return result === -EOPNOTSUPP || result === -ENOSYS || result === -EINVAL;
}

function claimRanges(fs: FileSystem, guard: number, holders: readonly Holder[]): number {
  let result = setLock(guard, all(F_RDLCK));
  if (result < 0) return hasNone(result) ? 0 : result;
  for (const { handle, ranges } of holders) if (ranges.length > 0) setLock(handle, all(F_UNLCK));
  result = setLock(guard, all(F_WRLCK));
  // A layer that may not be written can be looked at, at least.
  if (result === -EBADF) {
    result = getLock(guard, all(F_WRLCK));
    if (result === 0 && lock.type !== F_UNLCK) result = -EAGAIN;
  }
  if (result < 0) giveBackRanges(fs, guard, holders);
  return result;
}

function giveBackRanges(fs: FileSystem, guard: number, holders: readonly Holder[]): void {
  setLock(guard, all(F_RDLCK));
  for (const { handle, ranges } of holders) report(fs, handle, takeRanges(handle, ranges));
  setLock(guard, all(F_UNLCK));
}

function claimFlock(fs: FileSystem, guard: number, holders: readonly Holder[]): number {
  // Who has it alone has it alone among all hosts.
  if (holders.some((holder) => holder.flock === LOCK_EX)) return 0;
  for (const { handle, flock: kind } of holders) if (kind !== 0) flock(handle, LOCK_UN);
  let result = flock(guard, LOCK_EX | LOCK_NB);
  // NFS wants a file that is open for writing.
  if (result === -EBADF) result = flock(guard, LOCK_SH | LOCK_NB);
  if (result < 0) giveBackFlock(fs, holders);
  return hasNone(result) ? 0 : result;
}

function giveBackFlock(fs: FileSystem, holders: readonly Holder[]): void {
  for (const { handle, flock: kind } of holders) {
    if (kind === LOCK_SH) report(fs, handle, flock(handle, LOCK_SH | LOCK_NB));
  }
}

function giveBack(fs: FileSystem, guard: number, holders: readonly Holder[]): void {
  giveBackRanges(fs, guard, holders);
  flock(guard, LOCK_SH | LOCK_NB); // it has none where a user of this mount has the file alone
  giveBackFlock(fs, holders);
}

function report(fs: FileSystem, handle: number, result: number): void {
  if (result < 0) fs.log.error('lock_lost', { handle, error: errnoName(-result) });
}
