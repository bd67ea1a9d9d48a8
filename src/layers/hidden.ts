// What lies under a visible name: entries of the same name in layers below that the merged tree does not show. They go before or with the
// name, lowest layer first, or they would reappear; a hidden directory tree is set aside whole, since nobody has asked to delete what is in it.

import { EACCES, EEXIST, ENOENT, ENOTDIR, ENOTEMPTY, EPERM } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { AT_REMOVEDIR, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, STATX_BTIME } from '../sys/constants.ts';
import type { CString } from '../sys/cstring.ts';
import { close } from '../sys/fd.ts';
import { renameat2, statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { MOVED, untilFound } from './again.ts';
import { syncSide } from './durable.ts';
import { reach } from './faultpoint.ts';
import type { FileSystem } from './filesystem.ts';
import { removeHiddenName } from './linkindex.ts';
import { liveSide } from './livesides.ts';
import { pathOf } from './migrated.ts';
import { mayChangeEntries, ownsEnough } from './permission.ts';
import { openPrivateOf, privateName } from './private.ts';
import { voidMarks } from './voidmarks.ts';
import { unterminated } from './xattrpolicy.ts';

const stat = new Stat();

type IsSide = (layer: number) => boolean;

/**
 * Removes `name` of the merged directory `parent` from every layer below `above`, lowest first.
 * @returns 0, or the errno of the first layer that refused: whatever is above it is untouched.
 */
export function removeHidden(fs: FileSystem, parent: NodeId, name: CString, above: number): number {
  return inLayersBelow(fs, parent, above, (layer, dir) => {
    const result = removeHiddenIn(fs, parent, name, layer, dir);
    return Math.min(result, 0);
  });
}

/**
 * As `removeHidden`, before what is above loses the name: a power cut after that must not bring back what was hidden, so it is gone from the disk first.
 * @param isSide tells of a layer whether its entry is part of the visible directory: what is in there is never set aside, and it may come back, empty.
 */
export function removeHiddenFirst(
  fs: FileSystem,
  parent: NodeId,
  name: CString,
  above: number,
  isSide: IsSide = () => false,
): number {
  return inLayersBelow(fs, parent, above, (layer, dir) => {
    const result = removeHiddenIn(fs, parent, name, layer, dir, isSide);
    return result > 0 && !isSide(layer) ? syncSide(fs, parent, layer) : Math.min(result, 0);
  });
}

function inLayersBelow(
  fs: FileSystem,
  parent: NodeId,
  above: number,
  remove: (layer: number, dir: number) => number,
): number {
  for (let layer = fs.layers.length - 1; layer > above; layer--) {
    const dir = liveSide(fs, parent, layer);
    if (dir === -ENOENT) continue;
    const result = dir < 0 ? dir : remove(layer, dir);
    if (result < 0) return result;
    reach(`hidden.gone-${layer}`);
  }
  return 0;
}

/**
 * As `removeHidden`, in one layer, whose side of the directory is `dir`. @returns 1 when something had the name there, 0 when nothing has it, or a
 * negative errno
 */
export function removeHiddenIn(
  fs: FileSystem,
  parent: NodeId,
  name: CString,
  layer: number,
  dir: number,
  isSide: IsSide = () => false,
): number {
  let result = removeEntry(fs, name, layer, dir);
  if (result === -EPERM || result === -EACCES) {
    const found = fs.caller.asDaemon(() => statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat));
    if (found === 0 && mayRemoveFor(fs, parent, stat)) {
      result = fs.caller.asDaemon(() => removeEntry(fs, name, layer, dir));
    }
  }
  return result === -ENOTEMPTY && !isSide(layer) ? setAside(fs, parent, layer, dir, name) : result;
}

/**
 * Whether what a visible name hides may go with it: the kernel has checked that the caller may take the visible name away, which in a sticky
 * directory says nothing of another's file below.
 * @param hidden the attributes of what is hidden
 */
export function mayRemoveFor(fs: FileSystem, parent: NodeId, hidden: Stat): boolean {
  return (
    fs.policy.permissions === 'default' &&
    mayChangeEntries(fs, parent) === 0 &&
    ownsEnough(fs, parent, hidden) === 0
  );
}

/** Removes whatever has the name in one layer. @returns as `removeHiddenIn`, -ENOTEMPTY for a directory that is not empty. */
const removeEntry = (fs: FileSystem, name: CString, layer: number, dir: number): number =>
  untilFound(() => removeFound(fs, name, layer, dir));

/** @returns as `removeEntry`; or `MOVED` when it has gone, or something else has come in its place */
function removeFound(fs: FileSystem, name: CString, layer: number, dir: number): number {
  const found = statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, stat);
  if (found < 0) return found === -ENOENT ? 0 : found;
  if (!stat.isDirectory) voidMarks(fs, layer, stat, dir, name);
  const result = stat.isDirectory
    ? unlinkat(dir, name, AT_REMOVEDIR)
    : removeHiddenName(fs, dir, name, layer, stat);
  if (result === 0) return 1;
  if (result === -ENOENT) return MOVED;
  return stat.isDirectory && result === -EEXIST ? -ENOTEMPTY : result;
}

function setAside(fs: FileSystem, parent: NodeId, layer: number, dir: number, name: CString): number {
  const allowed = mayChangeEntries(fs, parent);
  if (allowed < 0) return allowed;
  return fs.caller.asDaemon(() => {
    const aside = openPrivateOf(fs, layer, 'aside');
    if (aside < 0) return aside === -ENOTDIR ? -EPERM : aside;
    const kept = privateName(fs);
    const moved = renameat2(dir, name, aside, kept, 0);
    close(aside);
    if (moved === 0) {
      fs.log.warn('hidden_tree_set_aside', {
        parent: pathOf(fs, parent),
        name: unterminated(name),
        layer: fs.pathOf(layer),
        kept: unterminated(kept),
      });
    }
    return moved < 0 ? moved : 1;
  });
}
