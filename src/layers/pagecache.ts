// What the kernel may keep in memory of a file from one open to the next (FOPEN_KEEP_CACHE). What another host writes, the kernel
// does not hear of: an open must find it, as on NFS ("close-to-open"). So pages are kept when the file has not changed since an open
// that dropped all pages. Its time of change tells, but for a change in the same instant as the one before, since file systems
// count time in ticks: a version counts only when that instant was over at the open that dropped them.

import type { NodeId } from '../../protocol/types.ts';
import type { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { passes } from './passthrough.ts';
import { isExclusive, type Policy } from './setup.ts';
import { tellsOfChanges } from './storagekind.ts';

// Among a handle's flags, where no flag of open(2) is, beside those of passthrough.ts: its open has let the kernel keep what it had; it has
// had the kernel drop everything while the version was one that counts.
const KEEPS = 1 << 28;
const SETTLES = 1 << 27;

/** Seconds after which nothing happens in the same tick any more: the coarsest ticks are of two seconds. */
const TICK = 2;

/** A change that is so old by this host's clock is over, however much the storage's clock differs. */
const OVER = 3600;

/**
 * Under the handle lock, for a handle that was just entered.
 * @param seen the file as it was after it was opened
 */
export function noteContent(fs: FileSystem, node: NodeId, fd: number, seen: Stat): void {
  const { table, policy } = fs;
  if (passes(fs, fd) || policy.entryTimeoutMs === 0) return;
  if (isAlone(policy)) {
    setFlag(fs, fd, KEEPS);
    return;
  }
  const [now] = process.hrtime();
  const lo = versionLo(seen);
  const hi = versionHi(seen);
  const known = table.openHandles.contents.note(node, lo, hi, now);
  if (known === Number.POSITIVE_INFINITY) setFlag(fs, fd, KEEPS);
  else if ((known > TICK || isOver(seen)) && tellsOfChanges(fd)) {
    setFlag(fs, fd, SETTLES);
    table.setHandlePosition(fd, lo, hi);
  }
}

/**
 * RELEASE: the kernel has dropped what it had when the file was opened, since that is part of the open. Not for a handle whose open the kernel
 * never learned of.
 */
export function settleContent(fs: FileSystem, node: NodeId, fd: number): void {
  const { table } = fs;
  if ((table.handleFlags(fd) & SETTLES) === 0) return;
  table.lockHandles();
  table.openHandles.contents.settle(node, table.handlePositionLo(fd), table.handlePositionHi(fd));
  table.unlockHandles();
}

/** Whether the kernel keeps what it has of the file, which a handle was just opened on. */
export function keepsPages(fs: FileSystem, fd: number): boolean {
  return (fs.table.handleFlags(fd) & KEEPS) !== 0;
}

/** Whether nobody changes a file past the kernel's pages: neither another host, nor the kernel itself by passthrough. */
function isAlone(policy: Policy): boolean {
  return isExclusive(policy) && policy.passthrough === 'off';
}

function setFlag(fs: FileSystem, fd: number, flag: number): void {
  fs.table.setHandleFlags(fd, fs.table.handleFlags(fd) | flag);
}

function isOver({ ctimeSec }: Stat): boolean {
  return Date.now() / 1000 - Number(ctimeSec) > OVER;
}

// The time of change to the nanosecond, mixed with what tells files apart whose times are the same.
const versionLo = (seen: Stat) => seen.ctimeLo ^ Math.imul(seen.inoLo, 0x9e3779b1);
const versionHi = (seen: Stat) => seen.ctimeNsec ^ Math.imul(seen.sizeLo, 0x85ebca6b);
