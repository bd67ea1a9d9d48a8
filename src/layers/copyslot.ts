// What a worker is about to publish, in a file of its own in our directory on the upper layer, which it writes over each time and never syncs.
// If the daemon dies before the source is removed, the next mount of this host finds here that the copy is whole, and of which source, and
// removes that (finishcopy.ts). And for as long as it is not settled a mark of the source's inode leads other hosts to it: another one that has
// copied the same file waits (below), and who takes the source away in its layer looks whether its copy is coming (latecopy.ts).

import { createHash } from 'node:crypto';
import { EEXIST, EINTR } from '../../protocol/errno.ts';
import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  STATX_BASIC_STATS,
} from '../sys/constants.ts';
import { type CString, cstring, EMPTY } from '../sys/cstring.ts';
import { close, openat, pwrite, read } from '../sys/fd.ts';
import { renameat2, statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { CHANGED } from './copydata.ts';
import type { FileSystem } from './filesystem.ts';
import { isAppendOnly } from './guardflags.ts';
import { identityAt, isLayerMark, isOneFile, type LayerMark, markOf, stateOf } from './identity.ts';
import { isLinked } from './linkindex.ts';
import type { Place } from './locate.ts';
import { isMarkOf, setMark } from './marks.ts';
import { openPrivateOf, oursOf, privateName } from './private.ts';
import { type LayerSetup, UPPER } from './setup.ts';
import { inodeText, isSpot, placeIn, type Spot, spotOf, textOf } from './spot.ts';
import { WAIT, waitWhile } from './waitwhile.ts';

export interface Publication {
  readonly version: 1;
  /** The name of the source in its layer, and of the copy on the upper layer. */
  readonly spot: Spot;
  /** Where the source is, as `placeIn`: for other hosts, which the name above may not lead there any more. */
  readonly place?: string;
  readonly from: LayerMark;
  /** As `stateOf`. */
  readonly source: string;
  /** As `identityOf`; nothing else has it where the layer tells times of birth. */
  readonly copy: string;
  /** Whether the source may go as soon as the copy has its name: not where it has other names, or the copy takes a step more to be complete. */
  readonly whole: boolean;
}

/** The name of the mark of a file of a lower layer, in our folder of slots. */
export function publishMarkOf(layer: number, source: Stat): string {
  return `publishing-${layer}-${inodeText(source)}`;
}

/** From our directory on the upper layer. */
export const slotPath = (name: string): CString => cstring(`slots/${name}`);

interface Slot {
  /** Or a negative errno: then nothing is said. */
  readonly fd: number;
  readonly name: CString;
  settled: boolean;
  /** What leads to it. */
  mark: string | undefined;
}

const recordOf = (slot: Slot): CString => slotPath(textOf(slot.name));

const slots = new WeakMap<FileSystem, Slot>();
const kept = new WeakMap<FileSystem, Slot[]>();

/** How long another host that publishes a copy of the same file is waited for, in milliseconds. */
const PATIENCE_MS = 2000;

/**
 * Before a complete copy is compared with its source for the last time, and gets its name; `saySettled` must follow. @param copy a descriptor
 * of it. @returns 0; CHANGED when another host has been at the same file meanwhile; -EINTR
 */
export function sayPublishing(fs: FileSystem, at: Place, source: Stat, copy: number): number {
  return fs.caller.asDaemon(() => {
    const slot = slots.get(fs) ?? openSlot(fs);
    const made = slot.fd < 0 ? undefined : identityAt(copy, EMPTY);
    if (made === undefined) return 0;
    const mark = publishMarkOf(at.layer, source);
    const record: Publication = {
      version: 1,
      spot: spotOf(fs, at.ref.parent, at.ref.bytes),
      place: placeIn(at.dir, at.ref.bytes),
      from: markOf(fs.layers[at.layer] as LayerSetup),
      source: stateOf(source),
      copy: made,
      whole: !isLinked(source) && !isAppendOnly(source),
    };
    const line = sealed(JSON.stringify(record));
    // A copy-up that ended in the middle, by a fault of ours, has not settled it.
    takeMark(fs, slot);
    slot.settled = false;
    // What is not written whole is not believed.
    pwrite(slot.fd, line, line.length, 0);
    return lead(fs, slot, mark, record.source);
  });
}

/** Leads others to a slot. Where that cannot be it is done without. */
function lead(fs: FileSystem, slot: Slot, mark: string, source: string): number {
  const ours = oursOf(fs, UPPER);
  const path = slotPath(mark);
  let met = false;
  const set = waitWhile(fs, PATIENCE_MS, () => {
    const result = setMark(ours, recordOf(slot), path);
    if (result !== -EEXIST) return result;
    const other = readPublication(ours, path);
    // Of a file that had the inode before. Where this one has changed since, the other is about to see that, and lets his mark go himself: others may be
    // led by it until then.
    if (typeof other === 'object' && !isOneFile(other.source, source)) unlinkat(ours, path, 0);
    else met = true;
    return WAIT;
  });
  if (set === -EINTR) return set;
  if (set === 0) slot.mark = mark;
  // One that takes too long may be dead.
  return set === 0 && met ? CHANGED : 0;
}

/** The source has left its layer, or is known to stay, or the copy was not published. */
export function saySettled(fs: FileSystem): void {
  const slot = slots.get(fs);
  if (slot !== undefined && !slot.settled) settle(fs, slot);
}

/**
 * Somebody has taken the source away, and others are at work with the copy: who has done that, and has not looked yet, is to find it still. So
 * the slot stays as it is until the worker ends.
 */
export function keepSaying(fs: FileSystem): void {
  const slot = slots.get(fs);
  if (slot?.mark === undefined) return;
  const all = kept.get(fs) ?? [];
  if (all.length === MOST_KEPT) removeSlot(fs, all.shift() as Slot);
  kept.set(fs, [...all, slot]);
  slots.delete(fs);
  close(slot.fd); // it is found by its name
}

const MOST_KEPT = 16;

/** The worker ends: what is not settled stays for the next mount. */
export function endSlot(fs: FileSystem): void {
  for (const slot of kept.get(fs) ?? []) removeSlot(fs, slot);
  kept.delete(fs);
  const slot = slots.get(fs);
  if (slot === undefined) return;
  slots.delete(fs);
  close(slot.fd);
  if (slot.settled) removeSlot(fs, slot);
}

/**
 * Whether others are led to what this worker is publishing. `void`: somebody who has found the copy has seen to it, and taken the mark away
 * (voidmarks.ts); `unsaid`: there never was one, where the layer has no links, or another host's stood for too long.
 */
export function whatIsSaid(fs: FileSystem): 'said' | 'void' | 'unsaid' {
  const mark = slots.get(fs)?.mark;
  if (mark === undefined) return 'unsaid';
  return isMarked(fs, mark) ? 'said' : 'void';
}

/** Has a mark lead others to this worker, as long as it lives; whoever it leads to now is waited for. @returns 0, -EINTR, or another number: it is not set */
export function markWorker(fs: FileSystem, mark: string): number {
  return fs.caller.asDaemon(() => {
    const slot = slots.get(fs) ?? openSlot(fs);
    if (slot.fd < 0) return slot.fd;
    return waitWhile(fs, PATIENCE_MS, () => {
      const set = setMark(oursOf(fs, UPPER), recordOf(slot), slotPath(mark));
      return set === -EEXIST ? WAIT : set;
    });
  });
}

/** Whether a mark leads to this worker. */
export function isMarked(fs: FileSystem, mark: string): boolean {
  const slot = slots.get(fs);
  if (slot === undefined) return false;
  return fs.caller.asDaemon(
    () =>
      statx(slot.fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, record) === 0 &&
      isMarkOf(oursOf(fs, UPPER), slotPath(mark), record),
  );
}

const record = new Stat();

/** Takes a mark of this worker away. */
export function unmarkWorker(fs: FileSystem, mark: string): void {
  if (isMarked(fs, mark)) fs.caller.asDaemon(() => unlinkat(oursOf(fs, UPPER), slotPath(mark), 0));
}

/** Gives a mark of this worker another name. @returns whether it had the first */
export function remarkWorker(fs: FileSystem, from: string, to: string): boolean {
  if (!isMarked(fs, from)) return false;
  const ours = oursOf(fs, UPPER);
  return fs.caller.asDaemon(() => renameat2(ours, slotPath(from), ours, slotPath(to), 0)) === 0;
}

const NOTHING = Buffer.from('\n');

/** Only its own: when somebody has taken it away, the next one's may have its place. */
function takeMark(fs: FileSystem, slot: Slot): void {
  const { mark } = slot;
  slot.mark = undefined;
  if (mark === undefined) return;
  const ours = oursOf(fs, UPPER);
  const path = slotPath(mark);
  fs.caller.asDaemon(() => {
    const found = statx(ours, recordOf(slot), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, record);
    if (found === 0 && isMarkOf(ours, path, record)) unlinkat(ours, path, 0);
  });
}

function settle(fs: FileSystem, slot: Slot): void {
  takeMark(fs, slot);
  slot.settled = pwrite(slot.fd, NOTHING, NOTHING.length, 0) === NOTHING.length;
}

function removeSlot(fs: FileSystem, slot: Slot): void {
  takeMark(fs, slot);
  fs.caller.asDaemon(() => unlinkat(oursOf(fs, UPPER), recordOf(slot), 0));
}

function openSlot(fs: FileSystem): Slot {
  const folder = openPrivateOf(fs, UPPER, 'slots');
  const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const name = privateName(fs);
  const fd = folder < 0 ? folder : openat(folder, name, flags, 0o600);
  const slot: Slot = { fd, name, settled: true, mark: undefined };
  if (folder >= 0) close(folder);
  // A full layer may have room for it at the next copy.
  if (slot.fd >= 0) slots.set(fs, slot);
  return slot;
}

const MAX = 1 << 16;

/** @param dir our directory on the upper layer, or the folder of slots. @returns undefined for what is settled, or was not written whole; or a negative errno. */
export function readPublication(dir: number, path: CString): Publication | undefined | number {
  const fd = openat(dir, path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return fd;
  const bytes = new Uint8Array(MAX);
  const count = read(fd, bytes, MAX);
  close(fd);
  return count < 0 ? count : parse(bytes.subarray(0, count));
}

/** @returns undefined for what was not written whole: then nothing had been published. */
export function parse(bytes: Uint8Array): Publication | undefined {
  const text = unsealed(bytes);
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text);
    return isPublication(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isPublication(value: unknown): value is Publication {
  const { version, spot, from, source, copy, whole } = (value ?? {}) as Partial<Publication>;
  const told = typeof source === 'string' && typeof copy === 'string' && typeof whole === 'boolean';
  return version === 1 && isSpot(spot) && isLayerMark(from) && told;
}

/** A line that tells whether it is whole; the rest of a longer one that was there before may follow. */
function sealed(text: string): Uint8Array {
  return Buffer.from(`${sumOf(text)} ${text}\n`, 'utf8');
}

/** @returns what was sealed, or undefined. */
function unsealed(bytes: Uint8Array): string | undefined {
  const line = Buffer.from(bytes).toString('utf8').split('\n', 1)[0] as string;
  const at = line.indexOf(' ');
  const text = line.slice(at + 1);
  return at > 0 && sumOf(text) === line.slice(0, at) ? text : undefined;
}

export const sumOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);
