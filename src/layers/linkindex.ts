// The link index: a lower file with several names stays one file through its copy-up. The first copy-up gives the copy one more link, in
// our private directory on the upper layer, under a name that is made of the lower file's layer and inode; every other name is linked to
// that copy when it is next looked up. The source's first name moves into the private directory of its own layer instead of being
// removed: so the remaining names still count two links, and only files with several links are ever looked for in the index.

import { EEXIST, ENOENT } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import {
  AT_FDCWD,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  RENAME_NOREPLACE,
  S_IFREG,
  STATX_BASIC_STATS,
  STATX_BTIME,
} from '../sys/constants.ts';
import { type CString, cstring } from '../sys/cstring.ts';
import { close } from '../sys/fd.ts';
import { linkat, procPath, renameat2, statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { ensureSide } from './mirror.ts';
import { openPrivateOf } from './private.ts';
import { quietly } from './quietly.ts';
import { PRIVATE_NAME, UPPER } from './setup.ts';
import { syncDirectory } from './sync.ts';
import type { Temporary } from './temporary.ts';

/** Whether a file may have other names. */
export function isLinked(stat: Stat): boolean {
  return stat.type === S_IFREG && stat.nlink > 1;
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

/**
 * Gives a lower name the copy that its file has had already, and takes the name away from the lower layer.
 * @param dir the lower directory. @returns 0 when the name is on the upper layer now, -ENOENT when the file has not been copied, or a
 * negative errno.
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
  const root = (fs.layers[UPPER] as { fd: number }).fd;
  // One question for a file that is not in the index, which most are not. Our directory was found to be ours alone when it was mounted.
  const path = cstring(`${PRIVATE_NAME}/links/${key}`);
  const known = fs.caller.asDaemon(() => statx(root, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, seen));
  if (known < 0) return known;
  const upper = ensureSide(fs, parent, UPPER);
  if (upper < 0) return upper;
  return fs.caller.asDaemon(() => {
    const linked = quietly(fs, parent, upper, () => linkat(root, path, upper, name, 0));
    if (linked < 0 && linked !== -EEXIST) return linked;
    const durable = syncDirectory(upper);
    return durable < 0 ? durable : dropName(fs, dir, name, layer, stat, key);
  });
}

/** Removes a name whose file has its copy; with the last name of the file, the index forgets it. */
function dropName(
  fs: FileSystem,
  dir: number,
  name: CString,
  layer: number,
  stat: Stat,
  key: string,
): number {
  const found = statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, seen);
  if (found === -ENOENT) return 0;
  if (found < 0) return found;
  if (seen.inoLo !== stat.inoLo || seen.inoHi !== stat.inoHi) return 0; // somebody else's by now: it is hidden
  const removed = unlinkat(dir, name, 0);
  if (removed < 0) return removed === -ENOENT ? 0 : removed;
  return seen.nlink > 2 ? 0 : forgetKey(fs, layer, cstring(key));
}

/** Only the link in our own directory is left of the lower file: it goes, and so does the copy's in the index. */
function forgetKey(fs: FileSystem, layer: number, key: CString): number {
  for (const [where, sole] of [
    [layer, true],
    [UPPER, false],
  ] as const) {
    const links = openPrivateOf(fs, where, 'links');
    if (links < 0) return links;
    const found = statx(links, key, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, seen);
    const last = found === 0 && (!sole || seen.nlink === 1);
    const result = last ? unlinkat(links, key, 0) : found;
    close(links);
    if (!last || result < 0) return result === -ENOENT ? 0 : result;
  }
  return 0;
}

/**
 * Enters the finished, unpublished copy of a lower file with several links. Call it as the daemon.
 * @returns 0, or -EEXIST when another host has copied the file: its copy is to be used.
 */
export function enterIndex(fs: FileSystem, layer: number, source: Stat, copy: Temporary): number {
  const links = openPrivateOf(fs, UPPER, 'links');
  if (links < 0) return links;
  const key = cstring(keyOf(layer, source));
  const linked = copy.named
    ? linkat(copy.named.dir, copy.named.name, links, key, 0)
    : linkat(AT_FDCWD, procPath(copy.fd), links, key, AT_SYMLINK_FOLLOW);
  const result = linked < 0 ? linked : syncDirectory(links);
  close(links);
  return result;
}

/**
 * The first name of a lower file that goes: it moves into the private directory of its own layer. Call it as the daemon.
 * @returns 0 or a negative errno.
 */
export function setSourceAside(
  fs: FileSystem,
  layer: number,
  dir: number,
  name: CString,
  source: Stat,
): number {
  const links = openPrivateOf(fs, layer, 'links');
  if (links < 0) return links;
  const moved = renameat2(dir, name, links, cstring(keyOf(layer, source)), RENAME_NOREPLACE);
  close(links);
  return moved === -EEXIST ? unlinkat(dir, name, 0) : moved;
}
