// RENAME_EXCHANGE: both names come up to the upper layer, where one system call exchanges them. A directory that lower layers have too would
// have to change places in several layers at once: -EXDEV, as between file systems.

import { ENOENT, EXDEV } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { RENAME_EXCHANGE } from '../sys/constants.ts';
import { renameat2 } from '../sys/path.ts';
import { bringUp, type End } from './bringup.ts';
import type { FileSystem } from './filesystem.ts';
import { removeHidden } from './hidden.ts';
import { mayTakeAway } from './permission.ts';
import { UPPER } from './setup.ts';
import { allSides, refreshSides, side } from './sides.ts';

/** The caller holds the locks of both nodes. @returns 0, -ENOENT when either is missing, -EXDEV, or a negative errno. */
export function exchange(fs: FileSystem, from: End, to: End): number {
  if (to.layer < 0) return -ENOENT;
  if (from.layer === to.layer && from.stat.sameObject(to.stat)) return 0;
  const movable = Math.min(isOnUpperAlone(fs, from), isOnUpperAlone(fs, to));
  if (movable < 0) return movable;
  for (const end of [from, to]) {
    const allowed = mayTakeAway(fs, end.parent, end.stat);
    if (allowed < 0) return allowed;
  }
  for (const end of [from, to]) {
    const up = end.layer === UPPER ? 0 : bringUp(fs, end);
    if (up < 0) return up;
  }
  // Nobody may make parents in a lower layer for a directory that changes its place meanwhile.
  const locked = fs.table.lockStructureExclusive(fs.worker, fs.interrupted);
  if (locked < 0) return locked;
  try {
    const still = Math.min(isOnUpperAlone(fs, from), isOnUpperAlone(fs, to));
    return still < 0 ? still : exchangeOnUpper(fs, from, to);
  } finally {
    fs.table.unlockStructureExclusive(fs.worker);
  }
}

/** @returns 0 for anything but a directory that a lower layer has. */
function isOnUpperAlone(fs: FileSystem, end: End): number {
  if (!end.stat.isDirectory) return 0;
  const node = fs.table.find(end.parent, end.name) as NodeId;
  refreshSides(fs, node);
  const sides = allSides(fs, node);
  if (typeof sides === 'number') return sides;
  return sides.length === 1 && sides[0] === UPPER ? 0 : -EXDEV;
}

function exchangeOnUpper(fs: FileSystem, from: End, to: End): number {
  for (const { parent, name } of [from, to]) {
    const hidden = removeHidden(fs, parent, name, UPPER);
    if (hidden < 0) return hidden;
  }
  const a = side(fs, from.parent, UPPER);
  const b = side(fs, to.parent, UPPER);
  if (a < 0 || b < 0) return Math.min(a, b);
  const result = renameat2(a, from.name, b, to.name, RENAME_EXCHANGE);
  if (result === 0) fs.table.exchange(from.parent, from.name, to.parent, to.name);
  return result;
}
