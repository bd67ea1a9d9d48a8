// Renaming a directory: in every layer that has it, or in none. The lowest layer goes first, so that what users see changes last, and a
// failure is undone in the reverse order.

import { EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY, ESTALE } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { AT_SYMLINK_NOFOLLOW, RENAME_NOREPLACE, STATX_BASIC_STATS } from '../sys/constants.ts';
import { renameat2, statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { MOVED } from './again.ts';
import type { Announcement } from './announce.ts';
import { announceArrival, announceMove, confirmArrival, confirmMove } from './announcemove.ts';
import type { End } from './bringup.ts';
import { syncSides } from './durable.ts';
import { isElsewhere } from './elsewhere.ts';
import { isEmpty } from './empty.ts';
import { reach } from './faultpoint.ts';
import type { FileSystem } from './filesystem.ts';
import { removeHiddenFirst } from './hidden.ts';
import { answerTaken, OpenIntent, type Planned, TAKEN } from './intent.ts';
import { allSides, liveSide } from './livesides.ts';
import { mirrorForMove } from './mirror.ts';
import { moveName } from './movename.ts';
import { mayChangeEntries, mayTakeAway } from './permission.ts';
import { forgetName, sidesOf } from './remove.ts';
import { UPPER } from './setup.ts';
import { refreshAbove, side } from './sides.ts';
import { TargetAside } from './targetaside.ts';
import { reportTorn } from './torn.ts';
import { touch } from './touch.ts';

/**
 * @param flags RENAME_NOREPLACE or 0. @returns 0, -ENOTEMPTY, -EXDEV where a layer cannot take the directory's new place (programs then
 * copy it, as between file systems), or a negative errno.
 */
export function renameDirectory(fs: FileSystem, from: End, to: End, flags: number): number {
  const locked = fs.table.lockStructureExclusive(fs.worker, fs.interrupted);
  if (locked < 0) return locked;
  try {
    return renameLocked(fs, from, to, flags);
  } finally {
    fs.table.unlockStructureExclusive(fs.worker);
  }
}

function renameLocked(fs: FileSystem, from: End, to: End, flags: number): number {
  const node = fs.table.find(from.parent, from.name) as NodeId;
  if (!node || (to.layer >= 0 && !fs.table.find(to.parent, to.name))) return -ESTALE;
  const announced = announceMove(fs, node, from);
  if (typeof announced === 'number') return announced;
  try {
    refreshAbove(fs, node);
    const sides = allSides(fs, node);
    if (typeof sides === 'number') return sides;
    if (sides.length === 0) return -ENOENT; // removed by another host since it was found
    reach('renamedir.announced');
    return renameSides(fs, from, to, flags, sides, sides[0] === UPPER ? undefined : announced);
  } finally {
    announced?.end();
  }
}

function renameSides(
  fs: FileSystem,
  from: End,
  to: End,
  flags: number,
  sides: readonly number[],
  announced: Announcement | undefined,
): number {
  const old = fs.table.find(to.parent, to.name) as NodeId;
  const ready = prepareTarget(fs, to, old, sides);
  if (ready < 0) return ready;
  const hidden = removeHiddenUnder(fs, from, sides);
  if (hidden < 0) return hidden;
  const node = fs.table.find(from.parent, from.name) as NodeId;
  const arrival = to.layer < 0 ? announceArrival(fs, node, to, sides) : undefined;
  try {
    return moveSides(fs, from, to, flags, sides, { move: announced, arrival });
  } finally {
    arrival?.end();
  }
}

interface Announced {
  /** Of the name that it has. */
  readonly move: Announcement | undefined;
  /** Of the name that it gets. */
  readonly arrival: Announcement | undefined;
}

function moveSides(
  fs: FileSystem,
  from: End,
  to: End,
  flags: number,
  sides: readonly number[],
  announced: Announced,
): number {
  const old = fs.table.find(to.parent, to.name) as NodeId;
  const replaced = to.layer >= 0 ? layersOf(fs, old) : [];
  // In one layer alone rename(2) is one step, and replaces an empty directory in it.
  const isOneStep = sides.length === 1 && replaced.every((layer) => layer === sides[0]);
  const aside = new TargetAside(fs, to.parent, to.name);
  const steps = isOneStep ? [] : plan(sides, replaced, aside);
  const intent = isOneStep ? undefined : OpenIntent.begin(fs, from, to, steps);
  if (typeof intent === 'number') return intent;
  reach('renamedir.intent');
  const cleared = to.layer >= 0 ? clearTarget(fs, to, old, isOneStep ? [] : replaced, aside) : 0;
  reach('renamedir.cleared');
  let moved = cleared < 0 ? cleared : moveAll(fs, from, to, sides, steps, flags, intent);
  if (moved === TAKEN) return answerTaken(fs, from.name, to.name);
  if (moved === 0) {
    moved = confirmMove(announced.move) || confirmShown(fs, to, sides, announced.arrival);
    if (moved < 0) moveBack(fs, from, to, sides);
  }
  if (moved < 0) aside.putBack();
  reach('renamedir.done');
  intent?.end(
    [from.parent, to.parent],
    steps.map(({ layer }) => layer),
  );
  if (moved < 0) return moved;
  aside.discard();
  bringAlong(fs, from, to, sides);
  if (to.layer >= 0) forgetName(fs, to.parent, to.name, to.layer, to.stat, -1);
  moveName(fs, from, to);
  for (const parent of new Set([from.parent, to.parent])) touch(fs, parent, sides[0] as number);
  return 0;
}

/**
 * Another host may have given the name to something else where this directory has no side, since it was found free: one of the two would be hidden,
 * or what is in there. @returns 0, `MOVED` or the errno of a layer that cannot be asked: then it must move back.
 */
function confirmShown(
  fs: FileSystem,
  to: End,
  sides: readonly number[],
  arrival: Announcement | undefined,
): number {
  if (to.layer >= 0) return 0;
  let directory = false;
  const isOther = (other: Stat) => {
    directory ||= other.isDirectory;
    return !other.isDirectory;
  };
  const found = isElsewhere(fs, to.parent, to.name, sides, isOther);
  if (found < 0) return found === -EEXIST ? MOVED : found;
  return directory ? confirmArrival(arrival) : 0;
}

/** The layers that have a directory, as far as its sides are known. */
function layersOf(fs: FileSystem, node: NodeId): number[] {
  return fs.layers.flatMap((_, layer) => (fs.table.dirState(node, layer) >= 0 ? [layer] : []));
}

/** In the order in which the layers move; one that only has the old target first. */
function plan(sides: readonly number[], replaced: readonly number[], aside: TargetAside): Planned[] {
  const step = (layer: number): Planned => ({
    layer,
    first: sides.includes(layer),
    second: false,
    aside: replaced.includes(layer) ? aside.nameIn(layer) : undefined,
  });
  return [...replaced.filter((layer) => !sides.includes(layer)), ...sides.toReversed()].map(step);
}

/** The new parent must be in every layer that has the source; an old target must be an empty directory that the caller may remove. */
function prepareTarget(fs: FileSystem, to: End, old: NodeId, sides: readonly number[]): number {
  if (to.layer >= 0) {
    const empty = isEmpty(fs, old);
    if (empty < 0) return empty;
  }
  const allowed = to.layer >= 0 ? mayTakeAway(fs, to.parent, to.stat) : mayChangeEntries(fs, to.parent);
  if (allowed < 0) return allowed;
  for (const layer of sides) {
    const target = mirrorForMove(fs, to.parent, layer);
    if (target < 0) return target;
  }
  return 0;
}

/** Takes the old target out of the way in each layer, and away what it has hidden, which would hide or join what comes. */
function clearTarget(
  fs: FileSystem,
  to: End,
  old: NodeId,
  replaced: readonly number[],
  aside: TargetAside,
): number {
  for (const layer of replaced) {
    const taken = aside.take(layer);
    if (taken < 0) return taken;
  }
  return removeHiddenFirst(fs, to.parent, to.name, Math.max(0, ...layersOf(fs, old)), sidesOf(fs, old));
}

/** Entries that the source hides (a file of that name below a directory) would appear when it has gone. */
function removeHiddenUnder(fs: FileSystem, from: End, sides: readonly number[]): number {
  const lowest = sides[sides.length - 1] as number;
  for (let layer = lowest + 1; layer < fs.layers.length; layer++) {
    const dir = liveSide(fs, from.parent, layer);
    const below = dir < 0 ? dir : statx(dir, from.name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, found);
    if (below === -ENOENT) continue;
    if (below < 0) return below;
    // Nothing hides a directory here: it is a side that another host has made meanwhile.
    if (found.isDirectory) return MOVED;
    return removeHiddenFirst(fs, from.parent, from.name, lowest);
  }
  return 0;
}

/** @param steps of `intent`, where there is one. @returns 0, `MOVED`, `TAKEN`, or a negative errno. */
function moveAll(
  fs: FileSystem,
  from: End,
  to: End,
  sides: readonly number[],
  steps: readonly Planned[],
  flags: number,
  intent: OpenIntent | undefined,
): number {
  const others = steps.slice(0, -1).map(({ layer }) => layer);
  for (let i = sides.length - 1; i >= 0; i--) {
    const layer = sides[i] as number;
    const old = side(fs, from.parent, layer);
    const target = side(fs, to.parent, layer);
    // After a power cut the last step says whether all have been made (recover.ts).
    let result = i === 0 ? syncSides(fs, [from.parent, to.parent], others) : 0;
    if (intent?.isTaken()) return TAKEN;
    result ||= renameat2(old, from.name, target, to.name, flags);
    // Layers without flags (NFS, GlusterFS) at least never replace anything but an empty directory.
    if (result === -EINVAL && flags !== 0) result = renameat2(old, from.name, target, to.name, 0);
    if (result === 0) {
      reach(`renamedir.moved-${layer}`);
      continue;
    }
    moveBack(fs, from, to, sides.slice(i + 1));
    if (result === -ENOENT) return MOVED; // by another host
    return result === -EEXIST && flags === 0 ? -ENOTEMPTY : result === -EISDIR ? -ENOTDIR : result;
  }
  return 0;
}

function moveBack(fs: FileSystem, from: End, to: End, moved: readonly number[]): void {
  for (const layer of moved) {
    const result = renameat2(side(fs, to.parent, layer), to.name, side(fs, from.parent, layer), from.name, 0);
    if (result < 0) reportTorn(fs, layer, from.name, to.name, result);
  }
}

/**
 * A side that another host has made in an old storage since the sides were asked for, to move a file of that storage into the directory: it
 * follows, unless the name is another directory's by now.
 */
function bringAlong(fs: FileSystem, from: End, to: End, sides: readonly number[]): void {
  if (sides[0] !== UPPER || sides.length === fs.layers.length) return;
  refreshAbove(fs, from.parent);
  const upper = side(fs, from.parent, UPPER);
  const again = upper < 0 ? upper : statx(upper, from.name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, found);
  if (again !== -ENOENT) return;
  for (let layer = UPPER + 1; layer < fs.layers.length; layer++) {
    const old = sides.includes(layer) ? -ENOENT : side(fs, from.parent, layer);
    if (old < 0 || statx(old, from.name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, found) < 0) continue;
    if (!found.isDirectory) continue;
    const target = mirrorForMove(fs, to.parent, layer);
    const result = target < 0 ? target : renameat2(old, from.name, target, to.name, RENAME_NOREPLACE);
    if (result < 0 && result !== -ENOENT) reportTorn(fs, layer, to.name, from.name, result);
  }
}

const found = new Stat();
