// A name of a lower file whose copy came up under another name takes its own link to that when it is looked up (linkindex.ts). Other hosts look it up, rename
// and remove it at the same moment, and what it shows may have been found before there was a copy.

import { EEXIST, EINTR, ENOENT, EROFS, ESTALE, errnoName } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { newIdentity } from '../inodes/table.ts';
import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_NOFOLLOW,
  O_PATH,
  STATX_BASIC_STATS,
} from '../sys/constants.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { close, openat } from '../sys/fd.ts';
import { statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { isMarked, markWorker, remarkWorker, unmarkWorker } from './copyslot.ts';
import { asEither } from './either.ts';
import { reach } from './faultpoint.ts';
import type { FileSystem } from './filesystem.ts';
import { STATE_MASK } from './identity.ts';
import { recordAdopted } from './journal.ts';
import { lateCopy } from './latecopy.ts';
import { endEntries, entryPath, takeEntry } from './linkentries.ts';
import { dropName, keyOf, namesBelow, statKey } from './linkindex.ts';
import { reportSourceKept } from './migrated.ts';
import { ensureSide } from './mirror.ts';
import { carryLate } from './movinglocks.ts';
import { oursOf } from './private.ts';
import { quietly } from './quietly.ts';
import { redirectHandles } from './redirect.ts';
import { UPPER } from './setup.ts';
import { syncDirectory } from './sync.ts';
import { takeBackLink, waitAgain } from './takeback.ts';
import { adoptedMark, adoptMarkOf } from './voidmarks.ts';
import { unterminated } from './xattrpolicy.ts';

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
  reach('link.seen');
  const key = keyOf(layer, stat);
  // One question for a file that is not in the index, which most are not.
  const known = fs.caller.asDaemon(() => statKey(fs, UPPER, key));
  if (known < 0) return known;
  if (fs.policy.readOnly) return -EROFS;
  const upper = ensureSide(fs, parent, UPPER);
  if (upper < 0) return upper;
  // One at a time, and whoever takes the name from under its copy by then takes the mark away (voidmarks.ts).
  const mark = adoptMarkOf(layer, stat, dir, name);
  const marked = markWorker(fs, mark);
  if (marked === -EINTR) return marked;
  // What was found may be old: before there was a copy the file's names came and went in the lower layer alone.
  const current = new Stat();
  try {
    const result = asEither(fs, () => statx(dir, name, AT_SYMLINK_NOFOLLOW, STATE_MASK, current));
    if (result < 0 || !current.sameObject(stat)) return result === -ENOENT ? 0 : result;
    return fs.caller.asDaemon(() => adopt(fs, parent, name, layer, dir, current, upper, mark, marked === 0));
  } finally {
    unmarkWorker(fs, mark);
    unmarkWorker(fs, adoptedMark(mark));
  }
}

function adopt(
  fs: FileSystem,
  parent: NodeId,
  name: CString,
  layer: number,
  dir: number,
  stat: Stat,
  upper: number,
  mark: string,
  marked: boolean,
): number {
  // Who brings the file up by this very name gives it that himself: twice, if it were renamed before he does.
  const coming = lateCopy(fs, layer, stat, parent, name);
  if (coming !== 0) return Math.min(coming, 0);
  const ours = oursOf(fs, UPPER);
  const key = keyOf(layer, stat);
  const { left, kept } = namesBelow(fs, layer, key, stat);
  if (left < 0) return left;
  const copied = new Stat();
  const waits = statx(ours, entryPath(key, 1), AT_SYMLINK_NOFOLLOW, STATE_MASK, copied);
  if (waits < 0 && waits !== -ENOENT) return waits;
  reach('link.found');
  const taken = quietly(fs, parent, upper, () => takeEntry(ours, key, left, upper, name));
  // Another thread or host was first, with this name or with the last one.
  if (taken === -EEXIST) return 0;
  if (taken === -ENOENT) return statx(upper, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, found);
  if (taken < 0) return taken;
  const given = adoptedMark(mark);
  remarkWorker(fs, mark, given);
  const first = new Stat();
  if (!marked) statx(upper, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, first);
  reach('link.taken');
  const made = new Stat();
  const known = statx(upper, name, AT_SYMLINK_NOFOLLOW, STATE_MASK, made);
  if (known < 0) return known === -ENOENT ? 0 : known;
  // Somebody has renamed another file over it, and seen to the name below.
  if (!made.sameObject(copied)) return 0;
  followCopy(fs, layer, stat, upper, name, made);
  recordAdopted(fs, parent, name, layer, stat, upper);
  const durable = syncDirectory(upper);
  if (durable < 0) return durable;
  reach('link.durable');
  const dropped = dropName(fs, dir, name, layer, stat);
  // Deleted or renamed since it was found: the link waits for another name again.
  if (dropped === -ENOENT) {
    if (marked && !isMarked(fs, given)) return 0;
    // Who has taken it away has counted the links by now.
    const since = namesBelow(fs, layer, key, stat);
    const again = waitAgain(ours, entryPath(key, since.kept && since.left > 0 ? since.left : left));
    takeBackLink(fs, { layer, dir, name }, stat, upper, marked ? made : first, again, marked);
    return 0;
  }
  reach('link.dropped');
  // Otherwise the index has been told, of the names that are left by now: others come and go.
  if (dropped === 0) return 0;
  reportSourceKept(fs, layer, parent, name, dropped);
  return endEntries(ours, key, left, kept);
}

const found = new Stat();
const identity = newIdentity();
const copy = new Stat();

/**
 * The node that shows the lower file, if another host has copied it or a thread of ours is about to have, shows the copy from now on; so do
 * its open handles, and its number stays.
 */
function followCopy(
  fs: FileSystem,
  layer: number,
  source: Stat,
  upper: number,
  name: CString,
  made: Stat,
): void {
  const node = nodeOf(fs, layer, source);
  if (!node) return;
  const fd = openat(upper, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  let found = fd < 0 ? fd : statx(fd, EMPTY, AT_EMPTY_PATH, STATE_MASK, copy);
  if (found === 0 && !copy.sameObject(made)) found = -ESTALE;
  if (found === 0) {
    carryLate(fs, node, fd, copy, (carried) => {
      // A copy-up of ours that was under way has seen to its own.
      if (nodeOf(fs, layer, source) === node) redirectHandles(fs, node, fd, copy, carried);
    });
  } else fs.log.error('redirect_failed', { name: unterminated(name), error: errnoName(-found) });
  if (fd >= 0) close(fd);
}

function nodeOf(fs: FileSystem, layer: number, stat: Stat): NodeId {
  identity.layer = layer;
  identity.device = fs.table.deviceIndex(stat.devMajor, stat.devMinor, layer);
  identity.inoLo = stat.inoLo;
  identity.inoHi = stat.inoHi;
  identity.birth = stat.birth;
  return identity.device < 0 ? (0 as NodeId) : fs.table.showing(identity, stat.type);
}
