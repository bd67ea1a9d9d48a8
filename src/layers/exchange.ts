// RENAME_EXCHANGE: what is no directory comes up to the upper layer first; then the two change places in every layer that has either, the
// lowest first, so that what users see changes last. A failure is undone in the reverse order.

import { EBUSY, EEXIST, ENOENT } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { RENAME_EXCHANGE, RENAME_NOREPLACE } from '../sys/constants.ts';
import { renameat2 } from '../sys/path.ts';
import { MOVED } from './again.ts';
import type { Announcement } from './announce.ts';
import { announceMove, confirmMove } from './announcemove.ts';
import { bringUp, type End } from './bringup.ts';
import { syncSides } from './durable.ts';
import { reach } from './faultpoint.ts';
import type { FileSystem } from './filesystem.ts';
import { withRoom } from './forget.ts';
import { mayLoseName } from './guardflags.ts';
import { HiddenAside } from './hiddenaside.ts';
import { answerTaken, OpenIntent, TAKEN } from './intent.ts';
import { begin, recordRenamed } from './journal.ts';
import { allSides } from './livesides.ts';
import { mirrorForMove } from './mirror.ts';
import { mayTakeAway } from './permission.ts';
import { UPPER } from './setup.ts';
import { refreshAbove, side } from './sides.ts';
import { reportTorn } from './torn.ts';
import { touch } from './touch.ts';

/**
 * The caller holds the locks of both nodes. @returns 0, -ENOENT when either is missing, -EXDEV where a layer cannot take a directory's new
 * place, or a negative errno.
 */
export function exchange(fs: FileSystem, from: End, to: End): number {
  if (to.layer < 0) return -ENOENT;
  if (from.layer === to.layer && from.stat.sameObject(to.stat)) return 0;
  for (const end of [from, to]) {
    const node = fs.table.find(end.parent, end.name) as NodeId;
    const movable = mayLoseName(fs, end.parent, end.stat, node);
    const allowed = movable < 0 ? movable : mayTakeAway(fs, end.parent, end.stat);
    if (allowed < 0) return allowed;
  }
  for (const end of [from, to]) {
    const up = end.stat.isDirectory || end.layer === UPPER ? 0 : bringUp(fs, end);
    if (up < 0) return up;
  }
  const begun = begin(fs);
  // Nobody may make parents in a layer for a directory that changes its place meanwhile.
  const locked = fs.table.lockStructureExclusive(fs.worker, fs.interrupted);
  if (locked < 0) return locked;
  try {
    return recordRenamed(fs, 'exchange', from, to, begun, exchangeLocked(fs, from, to));
  } finally {
    fs.table.unlockStructureExclusive(fs.worker);
  }
}

function exchangeLocked(fs: FileSystem, from: End, to: End): number {
  const announced: Announcement[] = [];
  try {
    for (const end of [from, to]) {
      const node = end.stat.isDirectory ? fs.table.find(end.parent, end.name) : 0;
      const its = node ? announceMove(fs, node as NodeId, end) : undefined;
      if (typeof its === 'number') return its;
      if (its !== undefined) announced.push(its);
    }
    reach('exchange.announced');
    return exchangeSides(fs, from, to, announced);
  } finally {
    for (const its of announced) its.end();
  }
}

function exchangeSides(fs: FileSystem, from: End, to: End, announced: readonly Announcement[]): number {
  const a = layersOf(fs, from);
  const b = layersOf(fs, to);
  if (typeof a === 'number') return a;
  if (typeof b === 'number') return b;
  const ready = Math.min(mirrorParents(fs, a, to), mirrorParents(fs, b, from));
  if (ready < 0) return ready;
  const exchanged = withoutHidden(fs, from, a, () =>
    withoutHidden(fs, to, b, () => withIntent(fs, from, a, to, b, announced)),
  );
  if (exchanged < 0) return exchanged;
  const top = Math.min(a[0] as number, b[0] as number);
  for (const parent of new Set([from.parent, to.parent])) touch(fs, parent, top);
  return withRoom(fs.table, () => fs.table.exchange(from.parent, from.name, to.parent, to.name));
}

/** The layers that have the object, top first. */
function layersOf(fs: FileSystem, end: End): readonly number[] | number {
  if (!end.stat.isDirectory) return [UPPER];
  const node = fs.table.find(end.parent, end.name) as NodeId;
  if (!node) return -EBUSY; // another host has just put it there
  refreshAbove(fs, node);
  const sides = allSides(fs, node);
  return typeof sides !== 'number' && sides.length === 0 ? -ENOENT : sides;
}

/** An object's new parent must be in each of its layers. */
function mirrorParents(fs: FileSystem, layers: readonly number[], other: End): number {
  for (const layer of layers) {
    const target = mirrorForMove(fs, other.parent, layer);
    if (target < 0) return target;
  }
  return 0;
}

/** Nothing hidden may lie under an object's own name, where it would appear, or in the way of the new one. */
function withoutHidden(fs: FileSystem, end: End, layers: readonly number[], work: () => number): number {
  const hidden = new HiddenAside(fs, end.parent, end.name);
  const taken = hidden.take(layers[layers.length - 1] as number);
  if (taken < 0) return taken;
  const result = work();
  if (result === 0) hidden.discard();
  else hidden.putBack();
  return result;
}

function withIntent(
  fs: FileSystem,
  from: End,
  a: readonly number[],
  to: End,
  b: readonly number[],
  announced: readonly Announcement[],
): number {
  const layers = fs.layers.map((_, layer) => layer).filter((layer) => a.includes(layer) || b.includes(layer));
  if (layers.length === 1) return exchangeIn(fs, layers[0] as number, from, to, announced);
  const planned = layers.toReversed().map((layer) => ({
    layer,
    first: a.includes(layer),
    second: b.includes(layer),
  }));
  const intent = OpenIntent.begin(fs, from, to, planned);
  if (typeof intent === 'number') return intent;
  const result = exchangeAll(fs, from, a, to, b, layers, intent);
  if (result === TAKEN) return answerTaken(fs, from.name, to.name);
  intent?.end([from.parent, to.parent], layers);
  return result;
}

/** In one layer it is one step. */
function exchangeIn(
  fs: FileSystem,
  layer: number,
  from: End,
  to: End,
  announced: readonly Announcement[],
): number {
  const both = [layer];
  const result = exchangeAll(fs, from, both, to, both, both);
  if (result < 0 || layer === UPPER) return result;
  const confirmed = announced.map(confirmMove).find((each) => each < 0) ?? 0;
  const back = confirmed < 0 ? moveIn(fs, layer, to, both, from, both) : 0;
  if (back < 0) reportTorn(fs, layer, from.name, to.name, back);
  return confirmed;
}

/** @param layers that have either, top first. */
function exchangeAll(
  fs: FileSystem,
  from: End,
  a: readonly number[],
  to: End,
  b: readonly number[],
  layers: readonly number[],
  intent?: OpenIntent,
): number {
  for (const layer of layers.toReversed()) {
    // After a power cut the last step says whether all have been made (recover.ts).
    let result = layer === layers[0] ? syncSides(fs, [from.parent, to.parent], layers.slice(1)) : 0;
    if (intent?.isTaken()) return TAKEN;
    result ||= moveIn(fs, layer, from, a, to, b);
    if (result === 0) {
      reach(`exchange.moved-${layer}`);
      continue;
    }
    for (const below of layers.filter((other) => other > layer)) {
      const back = moveIn(fs, below, to, a, from, b);
      if (back < 0) reportTorn(fs, below, from.name, to.name, back);
    }
    // Another host has moved one of them, or has put something there.
    return result === -ENOENT || result === -EEXIST ? MOVED : result;
  }
  return 0;
}

/** Has what lies at `from` in the layers `a`, and what lies at `to` in the layers `b`, change places in one layer. @returns 0 or a negative errno. */
function moveIn(
  fs: FileSystem,
  layer: number,
  from: End,
  a: readonly number[],
  to: End,
  b: readonly number[],
): number {
  const [first, second] = a.includes(layer) ? [from, to] : [to, from];
  const both = a.includes(layer) && b.includes(layer);
  const flags = both ? RENAME_EXCHANGE : RENAME_NOREPLACE;
  return renameat2(
    side(fs, first.parent, layer),
    first.name,
    side(fs, second.parent, layer),
    second.name,
    flags,
  );
}
