// What a worker is about to publish: if the daemon dies before the source is removed, the next mount of this host finds here that the copy is
// whole, and of which source, and removes that (finishcopy.ts). Each worker has one file for it in our directory on the upper layer, which it
// writes over each time and never syncs: without it the source stays, hidden by its copy.

import { createHash } from 'node:crypto';
import {
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_WRONLY,
  STATX_BASIC_STATS,
  STATX_BTIME,
} from '../sys/constants.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { close, openat, pwrite } from '../sys/fd.ts';
import { unlinkat } from '../sys/path.ts';
import type { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { isAppendOnly } from './guardflags.ts';
import { identityAt, identityOf, type LayerMark, markOf } from './identity.ts';
import { isLinked } from './linkindex.ts';
import type { Place } from './locate.ts';
import { openPrivateOf, privateName } from './private.ts';
import { type LayerSetup, UPPER } from './setup.ts';
import { type Spot, spotOf } from './spot.ts';

export interface Publication {
  readonly version: 1;
  /** The name of the source in its layer, and of the copy on the upper layer. */
  readonly spot: Spot;
  readonly from: LayerMark;
  /** As `stateOf`. */
  readonly source: string;
  /** As `identityOf`; nothing else has it where the layer tells times of birth. */
  readonly copy: string;
}

/** What `stateOf` needs. */
export const STATE_MASK = STATX_BASIC_STATS | STATX_BTIME;

/** All that a change of a file changes. */
export function stateOf(stat: Stat): string {
  return `${contentOf(stat)} ${identityOf(stat)} ${stat.ctimeSec}.${stat.ctimeNsec}`;
}

/** What a copy has of its source, and what another name leaves as it is. */
export function contentOf({ type, size, mtimeSec, mtimeNsec }: Stat): string {
  return `${type} ${size} ${mtimeSec}.${mtimeNsec}`;
}

interface Slot {
  /** Or a negative errno: then nothing is said. */
  readonly fd: number;
  readonly name: CString;
  settled: boolean;
}

const slots = new WeakMap<FileSystem, Slot>();

/**
 * Before a complete copy gets its name. @param copy a descriptor of it. Where several names are to leave, or the copy takes a step more to be
 * complete, nothing is said.
 */
export function sayPublishing(fs: FileSystem, at: Place, source: Stat, copy: number): void {
  if (isLinked(source) || isAppendOnly(source)) return;
  fs.caller.asDaemon(() => {
    const slot = slots.get(fs) ?? openSlot(fs);
    const made = slot.fd < 0 ? undefined : identityAt(copy, EMPTY);
    if (made === undefined) return;
    const from = markOf(fs.layers[at.layer] as LayerSetup);
    const spot = spotOf(fs, at.ref.parent, at.ref.bytes);
    const record: Publication = { version: 1, spot, from, source: stateOf(source), copy: made };
    const line = sealed(JSON.stringify(record));
    slot.settled = false;
    // What is not written whole is not believed.
    pwrite(slot.fd, line, line.length, 0);
  });
}

/** The source has left its layer, or is known to stay. */
export function saySettled(fs: FileSystem): void {
  const slot = slots.get(fs);
  if (slot === undefined || slot.fd < 0) return;
  slot.settled = pwrite(slot.fd, NOTHING, NOTHING.length, 0) === NOTHING.length;
}

/** The worker ends: what is not settled stays for the next mount. */
export function endSlot(fs: FileSystem): void {
  const slot = slots.get(fs);
  if (slot === undefined || slot.fd < 0) return;
  close(slot.fd);
  slots.delete(fs);
  if (!slot.settled) return;
  fs.caller.asDaemon(() => {
    const folder = openPrivateOf(fs, UPPER, 'slots');
    if (folder < 0) return;
    unlinkat(folder, slot.name, 0);
    close(folder);
  });
}

const NOTHING = Buffer.from('\n');

function openSlot(fs: FileSystem): Slot {
  const folder = openPrivateOf(fs, UPPER, 'slots');
  const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const name = privateName(fs);
  const slot = { fd: folder < 0 ? folder : openat(folder, name, flags, 0o600), name, settled: true };
  if (folder >= 0) close(folder);
  slots.set(fs, slot);
  return slot;
}

/** A line that tells whether it is whole; the rest of a longer one that was there before may follow. */
function sealed(text: string): Uint8Array {
  return Buffer.from(`${sumOf(text)} ${text}\n`, 'utf8');
}

/** @returns what was sealed, or undefined. */
export function unsealed(bytes: Uint8Array): string | undefined {
  const line = Buffer.from(bytes).toString('utf8').split('\n', 1)[0] as string;
  const at = line.indexOf(' ');
  const text = line.slice(at + 1);
  return at > 0 && sumOf(text) === line.slice(0, at) ? text : undefined;
}

const sumOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);
