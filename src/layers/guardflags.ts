// Immutable and append-only objects (chattr +i and +a, ioctl_iflags(2)). A layer refuses for itself what they forbid, but is asked too late
// where an operation has changed another layer before, and not at all where the merged directory's flag is on another side.

import { ENOENT, EPERM } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import {
  AT_EMPTY_PATH,
  AT_STATX_DONT_SYNC,
  STATX_ATTR_APPEND,
  STATX_ATTR_IMMUTABLE,
  STATX_TYPE,
} from '../sys/constants.ts';
import { EMPTY } from '../sys/cstring.ts';
import { statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { UPPER } from './setup.ts';
import { side } from './sides.ts';

const GUARDED = STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND;

/** Neither it nor its names may be changed, but that an append-only file can grow. */
export function isGuarded(found: Stat): boolean {
  return (found.attributes & GUARDED) !== 0;
}

export function isImmutable(found: Stat): boolean {
  return (found.attributes & STATX_ATTR_IMMUTABLE) !== 0;
}

export function isAppendOnly(found: Stat): boolean {
  return (found.attributes & STATX_ATTR_APPEND) !== 0;
}

/**
 * Whether a merged directory takes new names.
 * @param from the first layer to be asked: one in which the name is made before anything else is changed refuses for itself.
 * @returns 0, -EPERM when a side of it is immutable, or the errno of one that cannot be asked.
 */
export function mayGrow(fs: FileSystem, dir: NodeId, from = UPPER): number {
  return refusedBy(fs, dir, STATX_ATTR_IMMUTABLE, from);
}

/**
 * Whether what was found may lose the name that it has in a merged directory.
 * @param node the node of what was found, if it is known: a directory's sides are asked. @returns as `mayGrow`.
 */
export function mayLoseName(fs: FileSystem, dir: NodeId, found: Stat, node: NodeId): number {
  const kept = refusedBy(fs, dir, GUARDED);
  if (kept < 0) return kept;
  if (isGuarded(found)) return -EPERM;
  return found.isDirectory && node ? refusedBy(fs, node, GUARDED) : 0;
}

const stat = new Stat();

// A network file system answers from what it knows: it need not ask its server for flags, of which it has none.
function refusedBy(fs: FileSystem, dir: NodeId, attributes: number, from = UPPER): number {
  for (let layer = from; layer < fs.layers.length; layer++) {
    const fd = side(fs, dir, layer);
    if (fd === -ENOENT) continue;
    const result = fd < 0 ? fd : statx(fd, EMPTY, AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, stat);
    if (result < 0) return result;
    if ((stat.attributes & attributes) !== 0) return -EPERM;
  }
  return 0;
}
