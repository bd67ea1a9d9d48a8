// The link index: a lower file with several names stays one file through its copy-up. The first copy-up makes as many links to the copy as
// the file has names, in our private directory on the upper layer under a key made of the lower file's layer and inode (linkentries.ts).
// One of them becomes the name that came up, and each other name takes its own when it is next looked up. Before the first name leaves the
// lower layer, a link is kept in the private directory there: so the remaining names still count two links, and only files with several
// links are ever looked for in the index. With the last name below both go.

import { EBUSY, EEXIST, EIO, ENOENT, ENOTDIR, errnoName } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import {
  AT_FDCWD,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  STATX_BASIC_STATS,
  STATX_BTIME,
} from '../sys/constants.ts';
import { type CString, cstring } from '../sys/cstring.ts';
import { close } from '../sys/fd.ts';
import { linkat, procPath, statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { claimLate } from './claim.ts';
import { reach } from './faultpoint.ts';
import type { FileSystem } from './filesystem.ts';
import { STATE_MASK } from './identity.ts';
import {
  dropEntries,
  type Entries,
  entryPath,
  forgetKey,
  keyPath,
  makeEntries,
  publishEntries,
  takeBackEntries,
  takeEntry,
} from './linkentries.ts';
import { openPrivateOf, oursOf } from './private.ts';
import { quietly } from './quietly.ts';
import { type LayerSetup, UPPER } from './setup.ts';
import { statSame, takeAway } from './takeaway.ts';
import type { Temporary } from './temporary.ts';

/** Whether something may have other names. */
export function isLinked(stat: Stat): boolean {
  return !stat.isDirectory && stat.nlink > 1;
}

// An inode number comes to be another file's; the time of birth, or where a layer does not tell it the size and time of modification,
// keep the two apart.
export function keyOf(layer: number, stat: Stat): string {
  const inode = stat.inoHi.toString(16).padStart(8, '0') + stat.inoLo.toString(16).padStart(8, '0');
  const born =
    (stat.mask & STATX_BTIME) !== 0
      ? `b${stat.btimeSec}.${stat.btimeNsec}`
      : `m${stat.mtimeSec}.${stat.mtimeNsec}.${stat.size}`;
  return `${layer}-${inode}-${born}`;
}

const seen = new Stat();

// Our directory was found to be ours alone, so a path through it is safe. What stands in a folder's or a key's place is not believed: of the
// first there is no index, and nothing can enter it; the second was an entry.
export function statKey(fs: FileSystem, layer: number, key: string): number {
  const found = statx(oursOf(fs, layer), keyPath(key), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, seen);
  // Our directory in a lower layer is made when it is needed, by whichever host is the first to.
  const { readOnly } = fs.policy;
  const mayBeNew = found === -ENOENT && (readOnly || layer !== UPPER);
  if (mayBeNew && claimLate(fs.layers[layer] as LayerSetup, readOnly)) return statKey(fs, layer, key);
  if (found < 0) return found === -ENOTDIR ? -ENOENT : found;
  return seen.isDirectory === (layer === UPPER) ? 0 : -EIO;
}

/** How many names a lower file has below, and whether one that came up is kept beside them. A negative errno in `left` when unknown. */
export function namesBelow(
  fs: FileSystem,
  layer: number,
  key: string,
  stat: Stat,
): { left: number; kept: boolean } {
  const found = statKey(fs, layer, key);
  if (found === -ENOENT) return { left: stat.nlink, kept: false };
  return { left: found < 0 ? found : seen.nlink - 1, kept: true };
}

/** Whether a lower file that was found with several names has its copy by now. A negative errno when that cannot be asked. */
export function isCopied(fs: FileSystem, layer: number, stat: Stat): number {
  const known = fs.caller.asDaemon(() => statKey(fs, UPPER, keyOf(layer, stat)));
  return known === -ENOENT ? 0 : known < 0 ? known : 1;
}

/**
 * The copy of a lower file, for a name that cannot be taken up now: the mount or the upper layer takes no names.
 * @param stat the lower file's attributes, which become the copy's. @returns the copy's path from our directory there, or a negative errno.
 */
export function copyOf(fs: FileSystem, layer: number, stat: Stat): CString | number {
  // The links are taken from the highest down.
  const key = keyOf(layer, stat);
  const path = entryPath(key, 1);
  const found = fs.caller.asDaemon(
    () => statKey(fs, UPPER, key) || statx(oursOf(fs, UPPER), path, AT_SYMLINK_NOFOLLOW, STATE_MASK, stat),
  );
  return found < 0 ? found : path;
}

/** The finished copy of a lower file with several names: a link for each of them, none of which can be found yet. */
export interface LinkedCopy {
  readonly key: string;
  readonly entries: Entries;
}

/**
 * Makes the copy's links, which takes its time: nobody waits for it. Call it as the daemon.
 * @returns what is to be published, if the source still has as many names then, and dropped in any case; or a negative errno.
 */
export function linkCopy(fs: FileSystem, layer: number, source: Stat, copy: Temporary): LinkedCopy | number {
  const key = keyOf(layer, source);
  const { left } = namesBelow(fs, layer, key, source);
  const entries = left < 0 ? left : makeEntries(fs, copy, left);
  return typeof entries === 'number' ? entries : { key, entries };
}

/**
 * Publishes the copy under one of its names. Call it as the daemon.
 * @param from a descriptor of the source. @param upper the directory. @returns 0; -EEXIST when another host has copied the file, or something else
 * has the name; -ENOENT when the file has lost all its names; or another negative errno
 */
export function publishLinked(
  fs: FileSystem,
  parent: NodeId,
  layer: number,
  from: number,
  { key, entries }: LinkedCopy,
  upper: number,
  name: CString,
): number {
  const published = publishKept(fs, layer, from, key, entries);
  if (published < 0) return published;
  reach('link.entered');
  const { count } = entries;
  const taken = quietly(fs, parent, upper, () => takeEntry(oursOf(fs, UPPER), key, count, upper, name));
  // Who has the name may have it of this index, and the other names take their links in any case: they must not miss it for a moment.
  if (taken < 0 && taken !== -EEXIST) unpublish(fs, layer, key, count);
  return taken;
}

/**
 * Enters a copy that has its name already, of a file that has got others since. Call it as the daemon.
 * @param source with its names of now, `from` a descriptor of it. @returns 0, -EEXIST when another host has copied the file by another name, or a negative errno
 */
export function enterLate(
  fs: FileSystem,
  layer: number,
  source: Stat,
  from: number,
  { fd, type }: Temporary,
): number {
  // The name that it was made by, if any, is where it was published.
  const linked = linkCopy(fs, layer, source, { fd, type });
  if (typeof linked === 'number') return linked;
  const { key, entries } = linked;
  const published = publishKept(fs, layer, from, key, entries);
  // The name that it has is one of those that were counted.
  const result = published < 0 ? published : unlinkat(oursOf(fs, UPPER), entryPath(key, entries.count), 0);
  dropEntries(entries);
  return result;
}

/**
 * Publishes the links, and keeps the file below: whatever becomes of the name that it comes up by, the others count two links and are looked for here.
 * Where nothing can be made below (a read-only layer), its names stay too.
 */
function publishKept(fs: FileSystem, layer: number, from: number, key: string, entries: Entries): number {
  const published = publishEntries(fs, oursOf(fs, UPPER), key, entries);
  if (published < 0) return published;
  const links = openPrivateOf(fs, layer, 'links');
  const kept = links < 0 ? links : linkat(AT_FDCWD, procPath(from), links, cstring(key), AT_SYMLINK_FOLLOW);
  if (links >= 0) close(links);
  if (kept !== -ENOENT) return 0;
  unpublish(fs, layer, key, entries.count);
  return kept;
}

function unpublish(fs: FileSystem, layer: number, key: string, count: number): void {
  if (takeBackEntries(fs, oursOf(fs, UPPER), key, count)) unlinkat(oursOf(fs, layer), keyPath(key), 0);
}

/**
 * Takes a name whose file has its copy away from its lower layer; before the first one, the file is kept in our own directory there. Call it as
 * the daemon.
 * @returns 0, -ENOENT when the name is not the file's any more, or a negative errno.
 */
export function dropName(fs: FileSystem, dir: number, name: CString, layer: number, source: Stat): number {
  const key = keyOf(layer, source);
  let result = statSame(dir, name, source);
  if (result === 0) result = keepSame(fs, dir, name, layer, key, source);
  if (result === 0) result = takeAway(fs, layer, dir, name, source, (from, its) => unlinkat(from, its, 0));
  reach('link.gone');
  if (result < 0 && result !== -ENOENT) return result;
  // Also where it was the last one, and another host has taken it away.
  settle(fs, layer, key);
  return result;
}

/** Keeps this very file in our own directory of its layer: whatever else has come to have the name is let go of again. @returns 0, -ENOENT, or a negative errno. */
function keepSame(
  fs: FileSystem,
  dir: number,
  name: CString,
  layer: number,
  key: string,
  source: Stat,
): number {
  const links = openPrivateOf(fs, layer, 'links');
  if (links < 0) return links;
  reach('link.keeping');
  const linked = linkat(dir, name, links, cstring(key), 0);
  reach('link.kept');
  const result = linked < 0 && linked !== -EEXIST ? linked : statSame(links, cstring(key), source);
  if (result < 0 && linked === 0) unlinkat(links, cstring(key), 0);
  close(links);
  // Another host is about to see that it has kept something else.
  return result === -ENOENT && linked === -EEXIST ? -EBUSY : result;
}

/**
 * When a name has gone: as many links wait as there are names below; with the last of these the index forgets the file. Others do the same at this
 * moment. What fails is no answer to who has taken the name away: it is gone.
 */
function settle(fs: FileSystem, layer: number, key: string): void {
  const result = countAgain(fs, layer, key);
  if (result < 0 && result !== -ENOENT) {
    fs.log.warn('links_miscounted', {
      layer: fs.pathOf(layer),
      kept: `links/${key}`,
      error: errnoName(-result),
    });
  }
}

function countAgain(fs: FileSystem, layer: number, key: string): number {
  const found = statKey(fs, layer, key);
  if (found < 0) return found;
  const left = seen.nlink - 1;
  const ours = oursOf(fs, UPPER);
  if (left === 0) return forgetKey(ours, key, oursOf(fs, layer), keyPath(key));
  return unlinkat(ours, entryPath(key, left + 1), 0);
}

/**
 * After a name that was shown has gone in a lower layer: another host may have brought the file up by another name since this one was found, and
 * of one that could not come up the copy is known (leaving.ts).
 * @param source what it was found to be
 */
export function settleGone(fs: FileSystem, layer: number, source: Stat): void {
  if (layer === UPPER || !isLinked(source) || isCopied(fs, layer, source) === 0) return;
  fs.caller.asDaemon(() => settle(fs, layer, keyOf(layer, source)));
}

/** Before a lower name that something above hides is moved: where its file has a copy, the index must go on knowing that. @returns as `keepSame` */
export function keepLinked(fs: FileSystem, dir: number, name: CString, layer: number, stat: Stat): number {
  if (!isLinked(stat)) return 0;
  const key = keyOf(layer, stat);
  const known = statKey(fs, UPPER, key);
  return known === -ENOENT ? 0 : known < 0 ? known : keepSame(fs, dir, name, layer, key, stat);
}

/** How a name that was given in a layer goes again, as it is by then. */
export const removalIn = (fs: FileSystem, layer: number) => (dir: number, name: CString) => {
  if (layer === UPPER) return unlinkat(dir, name, 0);
  const found = statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, going);
  return found < 0 ? found : removeHiddenName(fs, dir, name, layer, going);
};

const going = new Stat();

/** unlinkat(2), by the caller, of a lower name that something above hides: where its file has a copy, that has one name less. @returns 0, -ENOENT when the name is not the file's, or a negative errno */
export function removeHiddenName(
  fs: FileSystem,
  dir: number,
  name: CString,
  layer: number,
  stat: Stat,
): number {
  if (!isLinked(stat)) return unlinkat(dir, name, 0);
  const kept = fs.caller.asDaemon(() => keepLinked(fs, dir, name, layer, stat));
  if (kept < 0) return kept;
  const removed = unlinkat(dir, name, 0);
  // Known or not: it may have come up by another name since.
  if (removed === 0) fs.caller.asDaemon(() => settle(fs, layer, keyOf(layer, stat)));
  return removed;
}
