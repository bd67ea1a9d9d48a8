// The link index: a lower file with several names stays one file through its copy-up. The first copy-up makes as many links to the copy as
// the file has names, in our private directory on the upper layer under a key made of the lower file's layer and inode (linkentries.ts).
// One of them becomes the name that came up, and each other name takes its own when it is next looked up. The first name that leaves the
// lower layer is kept in the private directory there: so the remaining names still count two links, and only files with several
// links are ever looked for in the index. With the last name below both go.

import { EEXIST, EIO, ENOENT, ENOTDIR, EROFS, errnoName } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { newIdentity } from '../inodes/table.ts';
import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_NOFOLLOW,
  O_PATH,
  STATX_BASIC_STATS,
  STATX_BTIME,
} from '../sys/constants.ts';
import { type CString, cstring, EMPTY } from '../sys/cstring.ts';
import { close, openat } from '../sys/fd.ts';
import { linkat, statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { claimLate } from './claim.ts';
import { reach } from './faultpoint.ts';
import type { FileSystem } from './filesystem.ts';
import { recordAdopted } from './journal.ts';
import {
  type Entries,
  entryPath,
  keyPath,
  makeEntries,
  publishEntries,
  removeEntries,
  takeBackEntries,
  takeEntry,
} from './linkentries.ts';
import { reportSourceKept } from './migrated.ts';
import { ensureSide } from './mirror.ts';
import { moveNew } from './movenew.ts';
import { carryLate } from './movinglocks.ts';
import { openPrivateOf, oursOf } from './private.ts';
import { quietly } from './quietly.ts';
import { redirectHandles } from './redirect.ts';
import { type LayerSetup, UPPER } from './setup.ts';
import { syncDirectory } from './sync.ts';
import { statSame, takeAway } from './takeaway.ts';
import { dropCopy, takeBack } from './takeback.ts';
import type { Temporary } from './temporary.ts';
import { unterminated } from './xattrpolicy.ts';

const MASK = STATX_BASIC_STATS | STATX_BTIME;

/** Whether something may have other names. */
export function isLinked(stat: Stat): boolean {
  return !stat.isDirectory && stat.nlink > 1;
}

// An inode number comes to be another file's; the time of birth, or where a layer does not tell it the size and time of modification,
// keep the two apart.
function keyOf(layer: number, stat: Stat): string {
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
function statKey(fs: FileSystem, layer: number, key: string): number {
  const found = statx(oursOf(fs, layer), keyPath(key), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, seen);
  if (found === -ENOENT && fs.policy.readOnly && claimLate(fs.layers[layer] as LayerSetup))
    return statKey(fs, layer, key);
  if (found < 0) return found === -ENOTDIR ? -ENOENT : found;
  return seen.isDirectory === (layer === UPPER) ? 0 : -EIO;
}

/** How many names a lower file has below, and whether one that came up is kept beside them. A negative errno in `left` when unknown. */
function namesBelow(fs: FileSystem, layer: number, key: string, stat: Stat): { left: number; kept: boolean } {
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
 * Gives a lower name the copy that its file has had already, and takes the name away from the lower layer.
 * @param dir the lower directory. @returns 0 when the name is on the upper layer now, -ENOENT when the file has not been copied, or a
 * negative errno: the copy can still be shown, see `copyOf`.
 */
export function adoptName(
  fs: FileSystem,
  parent: NodeId,
  name: CString,
  layer: number,
  dir: number,
  stat: Stat,
): number {
  const key = keyOf(layer, stat);
  // One question for a file that is not in the index, which most are not.
  const known = fs.caller.asDaemon(() => statKey(fs, UPPER, key));
  if (known < 0) return known;
  if (fs.policy.readOnly) return -EROFS;
  const upper = ensureSide(fs, parent, UPPER);
  if (upper < 0) return upper;
  return fs.caller.asDaemon(() => {
    const { left, kept } = namesBelow(fs, layer, key, stat);
    if (left < 0) return left;
    reach('link.found');
    const take = () => takeEntry(oursOf(fs, UPPER), key, left, kept, upper, name);
    const taken = quietly(fs, parent, upper, take);
    // Another thread or host was first, with this name or with the last one.
    if (taken === -EEXIST) return 0;
    if (taken === -ENOENT) return statx(upper, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, seen);
    if (taken < 0) return taken;
    const made = new Stat();
    const known = statx(upper, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, made);
    if (known < 0) return known === -ENOENT ? 0 : known;
    reach('link.taken');
    followCopy(fs, layer, stat, upper, name);
    recordAdopted(fs, parent, name, layer, stat, upper);
    const durable = syncDirectory(upper);
    if (durable < 0) return durable;
    reach('link.durable');
    const dropped = dropName(fs, dir, name, layer, stat);
    // Deleted or renamed since it was found: the link waits for another name again.
    if (dropped === -ENOENT) {
      const path = entryPath(key, left);
      takeBack(fs, layer, stat, upper, name, made, (aside, links) => {
        const waits = moveNew(aside.work, aside.name, oursOf(fs, UPPER), path);
        return waits === 0 || links <= 1 ? waits : dropCopy(aside);
      });
    } else if (dropped < 0) reportSourceKept(fs, layer, name, dropped);
    return 0;
  });
}

const identity = newIdentity();
const copy = new Stat();

/**
 * The node that shows the lower file, if another host has copied it or a thread of ours is about to have, shows the copy from now on; so do
 * its open handles, and its number stays. Where the copy has a node already, the name is that one's, and only the handles follow.
 */
function followCopy(fs: FileSystem, layer: number, source: Stat, upper: number, name: CString): void {
  const node = nodeOf(fs, layer, source);
  if (!node) return;
  const fd = openat(upper, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  const found = fd < 0 ? fd : statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, copy);
  if (found === 0) {
    carryLate(fs, node, fd, copy, (carried) => {
      const known = nodeOf(fs, UPPER, copy);
      // A copy-up of ours that was under way has seen to its own.
      if (nodeOf(fs, layer, source) === node) redirectHandles(fs, node, fd, copy, carried, known !== 0);
    });
  } else fs.log.error('redirect_failed', { name: unterminated(name), error: errnoName(-found) });
  if (fd >= 0) close(fd);
}

function nodeOf(fs: FileSystem, layer: number, stat: Stat): NodeId {
  identity.layer = layer;
  identity.device = fs.table.deviceIndex(stat.devMajor, stat.devMinor, layer);
  identity.inoLo = stat.inoLo;
  identity.inoHi = stat.inoHi;
  return identity.device < 0 ? (0 as NodeId) : fs.table.showing(identity, stat.type);
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
    () => statKey(fs, UPPER, key) || statx(oursOf(fs, UPPER), path, AT_SYMLINK_NOFOLLOW, MASK, stat),
  );
  return found < 0 ? found : path;
}

/** The finished copy of a lower file with several names: a link for each of them, none of which can be found yet. */
export interface LinkedCopy {
  readonly key: string;
  /** Whether a name that came up before is kept beside those below. */
  readonly kept: boolean;
  readonly entries: Entries;
}

/**
 * Makes the copy's links, which takes its time: nobody waits for it. Call it as the daemon.
 * @returns what is to be published, if the source still has as many names then, and dropped in any case; or a negative errno.
 */
export function linkCopy(fs: FileSystem, layer: number, source: Stat, copy: Temporary): LinkedCopy | number {
  const key = keyOf(layer, source);
  const { left, kept } = namesBelow(fs, layer, key, source);
  const entries = left < 0 ? left : makeEntries(fs, copy, left);
  return typeof entries === 'number' ? entries : { key, kept, entries };
}

/**
 * Publishes the copy under one of its names. Call it as the daemon.
 * @param upper the directory. @returns 0, or -EEXIST when another host has copied the file: its copy is to be used.
 */
export function publishLinked(
  fs: FileSystem,
  parent: NodeId,
  { key, kept, entries }: LinkedCopy,
  upper: number,
  name: CString,
): number {
  const ours = oursOf(fs, UPPER);
  const published = publishEntries(fs, ours, key, entries);
  if (published < 0) return published;
  const { count } = entries;
  const taken = quietly(fs, parent, upper, () => takeEntry(ours, key, count, kept, upper, name));
  if (taken < 0) takeBackEntries(fs, ours, key, count);
  return taken;
}

/**
 * Takes a name whose file has its copy away from its lower layer; the first one is kept in our own directory there. Call it as the daemon.
 * @returns 0, -ENOENT when the name is not the file's any more, or a negative errno.
 */
export function dropName(fs: FileSystem, dir: number, name: CString, layer: number, source: Stat): number {
  const found = statSame(dir, name, source);
  if (found < 0) return found;
  const key = keyOf(layer, source);
  const links = openPrivateOf(fs, layer, 'links');
  if (links < 0) return links;
  let result = moveNew(dir, name, links, cstring(key));
  if (result === 0) {
    result = statSame(links, cstring(key), source);
    if (result < 0) moveNew(links, cstring(key), dir, name);
  } else if (result === -EEXIST) {
    result = takeAway(fs, layer, dir, name, source, (from, its) => unlinkat(from, its, 0));
  }
  close(links);
  return result < 0 ? result : settle(fs, layer, key);
}

/** As many links wait as there are names below; with the last of these the index forgets the file. */
function settle(fs: FileSystem, layer: number, key: string): number {
  const found = statKey(fs, layer, key);
  if (found < 0) return found === -ENOENT ? 0 : found;
  const left = seen.nlink - 1;
  const ours = oursOf(fs, UPPER);
  if (left === 0) {
    const removed = removeEntries(ours, key);
    if (removed < 0) return removed;
  }
  const result =
    left === 0 ? unlinkat(oursOf(fs, layer), keyPath(key), 0) : unlinkat(ours, entryPath(key, left + 1), 0);
  return result === -ENOENT ? 0 : result;
}

/** Before a lower name that something above hides is moved: where its file has a copy, the index must go on knowing that. */
export function keepLinked(fs: FileSystem, dir: number, name: CString, layer: number, stat: Stat): number {
  if (!isLinked(stat)) return 0;
  const key = keyOf(layer, stat);
  const known = statKey(fs, UPPER, key);
  return known === -ENOENT ? 0 : known < 0 ? known : keep(fs, dir, name, layer, key);
}

/** unlinkat(2), by the caller, of a lower name that something above hides: where its file has a copy, that has one name less. */
export function removeHiddenName(
  fs: FileSystem,
  dir: number,
  name: CString,
  layer: number,
  stat: Stat,
): number {
  if (!isLinked(stat)) return unlinkat(dir, name, 0);
  const key = keyOf(layer, stat);
  const known = fs.caller.asDaemon(() => statKey(fs, UPPER, key));
  if (known < 0 && known !== -ENOENT) return known;
  const kept = known < 0 ? 0 : fs.caller.asDaemon(() => keep(fs, dir, name, layer, key));
  if (kept < 0) return kept;
  const removed = unlinkat(dir, name, 0);
  return removed < 0 ? removed : fs.caller.asDaemon(() => settle(fs, layer, key));
}

function keep(fs: FileSystem, dir: number, name: CString, layer: number, key: string): number {
  const links = openPrivateOf(fs, layer, 'links');
  if (links < 0) return links;
  const linked = linkat(dir, name, links, cstring(key), 0);
  close(links);
  return linked === -EEXIST ? 0 : linked;
}
