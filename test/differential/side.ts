// One of the two directories that are compared, and what its operations answer: descriptors are kept in numbered slots, so that the same
// listing of operations means the same on both.

import { EBADF, errnoName } from '../../protocol/errno.ts';
import { S_IFBLK, S_IFCHR, S_IFIFO } from '../../src/sys/constants.ts';
import type { CString } from '../../src/sys/cstring.ts';
import { close } from '../../src/sys/fd.ts';
import type { Stat } from '../../src/sys/stat.ts';
import { bytes } from './names.ts';

export const SLOTS = 6;

/** A path below a side's root, or below what a slot holds when `at` is not -1. */
export interface Target {
  at: number;
  path: string;
}

/** What is done: a call of the table, and what it is done with. Written as JSON in reports, and read back. */
export interface Operation {
  call: string;
  /** The user; 0 where the test is root, else always the own. */
  as: number;
  targets: Target[];
  slots: number[];
  numbers: number[];
  text: string;
}

/** Every time that an operation or the layout sets lies before this; what the clock sets lies behind it. */
export const LONG_AGO = 1_500_000_000;

export class Side {
  readonly root: string;
  readonly slots = new Int32Array(SLOTS).fill(-1);

  constructor(root: string) {
    this.root = root;
  }

  /** The path as the call takes it; undefined when the slot that it starts from is empty. */
  path(target: Target | undefined): CString {
    if (!target) throw new Error('an operation without its path');
    if (target.at < 0) return bytes(target.path === '' ? this.root : `${this.root}/${target.path}`);
    const fd = this.slots[target.at] as number;
    const base = fd < 0 ? '/nothing-is-open-here' : `/proc/self/fd/${fd}`;
    return bytes(target.path === '' ? base : `${base}/${target.path}`);
  }

  /** Runs a call on what a slot holds. */
  slot(index: number | undefined, call: (fd: number) => string): string {
    const fd = this.slots[index ?? -1] ?? -1;
    return fd < 0 ? `${errnoName(EBADF)} (nothing open)` : call(fd);
  }

  /** Keeps a new descriptor, in the place of an older one. */
  keep(index: number | undefined, fd: number): string {
    if (fd < 0) return say(fd);
    const slot = index ?? 0;
    this.drop(slot);
    this.slots[slot] = fd;
    return 'ok';
  }

  drop(slot: number): number {
    const fd = this.slots[slot] as number;
    this.slots[slot] = -1;
    return fd < 0 ? -EBADF : close(fd);
  }

  closeAll(): void {
    for (let i = 0; i < SLOTS; i++) this.drop(i);
  }
}

/** A result as text: an errno's name, or the number. */
export function say(result: number | bigint): string {
  return result < 0 ? errnoName(Number(result)) : String(result);
}

/** What must be the same of an object, whatever file system it lies on. */
export function tell(stat: Stat): string {
  const device = stat.type === S_IFCHR || stat.type === S_IFBLK ? ` device ${stat.rdev}` : '';
  const who = `mode ${stat.mode.toString(8)} owner ${stat.uid}:${stat.gid}`;
  if (stat.isDirectory) return who;
  // The kernel keeps what goes through a FIFO, and of it no times on a file system that is not its own.
  const time = stat.type === S_IFIFO ? '' : ` mtime ${when(stat)}`;
  return `${who} size ${stat.size} links ${stat.nlink}${time}${device}`;
}

/** A time that an operation has set, or that it was a clock. */
export function when(stat: Stat): string {
  const seconds = stat.mtimeSec;
  return seconds >= LONG_AGO ? 'of the clock' : `${seconds}.${stat.mtimeNsec}`;
}
