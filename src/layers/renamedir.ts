// Renaming a directory: in every layer that has it, or in none. The lowest layer goes first, so that what users see changes last, and a
// failure is undone in the reverse order.

import {
  EEXIST,
  EISDIR,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  ESTALE,
  EXDEV,
  errnoName,
} from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { AT_REMOVEDIR } from '../sys/constants.ts';
import { renameat2, unlinkat } from '../sys/path.ts';
import type { FileSystem } from './filesystem.ts';
import { removeHidden } from './hidden.ts';
import { mirror } from './mirror.ts';
import { mayChangeEntries } from './permission.ts';
import { forgetName, isEmpty, sidesOf } from './remove.ts';
import type { End } from './rename.ts';
import { allSides, side } from './sides.ts';
import { unterminated } from './xattrpolicy.ts';

/** @returns 0, -ENOTEMPTY, -EXDEV where a layer cannot take the directory's new place (the caller then copies), or a negative errno. */
export function renameDirectory(fs: FileSystem, from: End, to: End): number {
  const locked = fs.table.lockStructureExclusive(fs.worker, fs.interrupted);
  if (locked < 0) return locked;
  try {
    return renameLocked(fs, from, to);
  } finally {
    fs.table.unlockStructureExclusive(fs.worker);
  }
}

function renameLocked(fs: FileSystem, from: End, to: End): number {
  const node = fs.table.find(from.parent, from.name) as NodeId;
  const old = fs.table.find(to.parent, to.name) as NodeId;
  if (!node || (to.layer >= 0 && !old)) return -ESTALE;
  const sides = allSides(fs, node);
  if (typeof sides === 'number') return sides;
  if (to.layer >= 0) {
    const empty = isEmpty(fs, old);
    if (empty < 0) return empty;
  }
  const allowed = mayChangeEntries(fs, to.parent);
  if (allowed < 0) return allowed;
  for (const layer of sides) {
    const target = mirror(fs, to.parent, layer);
    if (target < 0) return target === -EEXIST || target === -ENOTDIR ? -EXDEV : target;
  }
  const cleared = clearTarget(fs, to, old, sides);
  if (cleared < 0) return cleared;
  const hidden = removeHiddenUnder(fs, from, sides);
  if (hidden < 0) return hidden;
  const moved = moveAll(fs, from, to, sides);
  if (moved < 0) return moved;
  if (to.layer >= 0) forgetName(fs, to.parent, to.name, to.layer, to.stat, -1);
  fs.table.rename(from.parent, from.name, to.parent, to.name);
  return 0;
}

// Where the source has a side, renameat2 replaces an empty directory in one step; elsewhere the target's side must go before, or the
// moved directory would merge with it. What is not a directory there is hidden by the old target, and would hide or be shown.
function clearTarget(fs: FileSystem, to: End, old: NodeId, sides: readonly number[]): number {
  const isSide = sidesOf(fs, old);
  for (let layer = fs.layers.length - 1; layer >= 0; layer--) {
    const dir = side(fs, to.parent, layer);
    if (dir === -ENOENT) continue;
    if (dir < 0) return dir;
    const visible = to.layer >= 0 && old !== 0 && isSide(layer) && fs.table.dirFd(old, layer) >= 0;
    if (visible && !sides.includes(layer)) {
      const result = unlinkat(dir, to.name, AT_REMOVEDIR);
      if (result < 0 && result !== -ENOENT) return result === -EEXIST ? -ENOTEMPTY : result;
      fs.table.clearDir(old, layer);
    }
  }
  return to.layer >= 0 ? removeHidden(fs, to.parent, to.name, lowestSide(fs, old), isSide) : 0;
}

function lowestSide(fs: FileSystem, node: NodeId): number {
  let lowest = 0;
  for (let layer = 0; layer < fs.layers.length; layer++) if (fs.table.dirFd(node, layer) >= 0) lowest = layer;
  return lowest;
}

/** Entries that the source hides (a file of that name below a directory) would appear when it has gone. */
function removeHiddenUnder(fs: FileSystem, from: End, sides: readonly number[]): number {
  return removeHidden(fs, from.parent, from.name, sides[sides.length - 1] as number);
}

function moveAll(fs: FileSystem, from: End, to: End, sides: readonly number[]): number {
  for (let i = sides.length - 1; i >= 0; i--) {
    const layer = sides[i] as number;
    const result = renameat2(side(fs, from.parent, layer), from.name, side(fs, to.parent, layer), to.name, 0);
    if (result === 0) continue;
    moveBack(fs, from, to, sides.slice(i + 1));
    return result === -EEXIST ? -ENOTEMPTY : result === -EISDIR ? -ENOTDIR : result;
  }
  return 0;
}

function moveBack(fs: FileSystem, from: End, to: End, moved: readonly number[]): void {
  for (const layer of moved) {
    const result = renameat2(side(fs, to.parent, layer), to.name, side(fs, from.parent, layer), from.name, 0);
    if (result === 0) continue;
    fs.log.error('rename-torn', {
      layer,
      name: unterminated(from.name),
      now: unterminated(to.name),
      error: errnoName(-result),
      mend: 'rename it back in that layer by hand',
    });
  }
}
