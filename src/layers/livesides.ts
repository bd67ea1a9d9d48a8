// Sides of a directory that are asked whether they are still there: another host may have taken one of them away, or made it again.

import { EACCES, ENOENT, ESTALE } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { newNameRef } from '../inodes/table.ts';
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, O_CLOEXEC, STATX_BASIC_STATS } from '../sys/constants.ts';
import { EMPTY } from '../sys/cstring.ts';
import { close, dup3 } from '../sys/fd.ts';
import { statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { openSide } from './openside.ts';
import { side, stillNamed } from './sides.ts';

const stat = new Stat();

/**
 * As `side`, of a directory that still has its name in the layer: a removal that a layer further up has then refused, or another host, may have
 * taken it away from this one alone. Where it has been made again that one is the side from now on.
 */
export function liveSide(fs: FileSystem, node: NodeId, layer: number): number {
  const fd = side(fs, node, layer);
  if (fd < 0) return fd;
  const known = statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, stat);
  if (known < 0 ? known !== -ESTALE : stat.nlink > 0) return fd;
  const found = findAgain(fs, node, layer, fd);
  const refused = found === -EACCES && fs.policy.permissions === 'default';
  return refused ? fs.caller.asDaemon(() => findAgain(fs, node, layer, fd)) : found;
}

/** All layers that have the directory, top first. @returns a negative errno if one of them cannot be asked. */
export function allSides(fs: FileSystem, node: NodeId): number[] | number {
  const sides: number[] = [];
  for (let layer = 0; layer < fs.layers.length; layer++) {
    const fd = liveSide(fs, node, layer);
    if (fd >= 0) sides.push(layer);
    else if (fd !== -ENOENT) return fd;
  }
  return sides;
}

/**
 * The side of a directory whose descriptor shows no link any more. @returns `fd`, if it is there all the same (some storages count no links of
 * directories) or has no name in the merged tree either; -ENOENT; or -ESTALE when the name is another directory's by now.
 */
function findAgain(fs: FileSystem, node: NodeId, layer: number, fd: number): number {
  const ref = newNameRef();
  if (!fs.table.nameOf(node, ref)) return fd;
  const dir = liveSide(fs, ref.parent, layer);
  const there = new Stat();
  const found = dir < 0 ? dir : statx(dir, ref.bytes, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, there);
  if (found < 0) return found;
  const open = new Stat();
  if (statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, open) === 0 && open.sameObject(there)) return fd;
  if (!there.isDirectory) return -ENOENT;
  const named = stillNamed(fs, ref.parent, ref.bytes, node);
  if (named < 0) return named;
  const again = openSide(dir, ref.bytes, there);
  return again < 0 ? again : replaceSide(fs, node, layer, fd, again, there);
}

// The number stays: other threads may be using it.
function replaceSide(
  fs: FileSystem,
  node: NodeId,
  layer: number,
  fd: number,
  again: number,
  found: Stat,
): number {
  const device = fs.table.deviceIndex(found.devMajor, found.devMinor, layer);
  const replaced = device < 0 ? device : dup3(again, fd, O_CLOEXEC);
  close(again);
  if (replaced >= 0) fs.table.setDir(node, layer, fd, device, found.inoLo, found.inoHi);
  return replaced;
}
