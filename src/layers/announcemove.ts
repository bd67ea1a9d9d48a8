// A directory that the upper layer lacks changes its name in the old storage, in one step there, while another host may be making the upper
// layer's side of it, by the name that it had: see announce.ts.

import { ENOENT } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { MOVED } from './again.ts';
import { Announcement } from './announce.ts';
import type { End } from './bringup.ts';
import type { FileSystem } from './filesystem.ts';
import { mirror } from './mirror.ts';
import { isExclusive, UPPER } from './setup.ts';
import { refreshAbove, side, topSide } from './sides.ts';

/**
 * Call it before the directory's sides are asked for, with the structure lock.
 * @returns what is to be confirmed when it has moved; undefined where the upper layer has it or takes no announcement; or a negative errno.
 */
export function announceMove(
  fs: FileSystem,
  node: NodeId,
  { parent, name }: End,
): Announcement | undefined | number {
  refreshAbove(fs, node);
  const top = topSide(fs, node);
  if (top <= UPPER) return top === UPPER ? undefined : top;
  const announced = Announcement.begin(fs, side(fs, node, top), side(fs, parent, top), name);
  const others = announced?.others() ?? 0;
  if (others === 0) return announced;
  announced?.end();
  if (others < 0) return others;
  // Somebody is at it, or has died at it. With a side of its own on the upper layer the directory cannot get another one.
  const made = mirror(fs, node, UPPER);
  return made < 0 ? made : undefined;
}

/**
 * When the directory has moved. Who has made a side of it since the sides were asked for has met the announcement; who is about to has one of
 * his own. @returns 0, `MOVED` or a negative errno: then it must move back.
 */
export function confirmMove(announced: Announcement | undefined): number {
  if (announced === undefined) return 0;
  const others = announced.others();
  const unmet = announced.end();
  return others > 0 || unmet === -ENOENT ? MOVED : Math.min(others, unmet);
}

/**
 * Before a directory gets a name that nothing has, in the layers in `sides`: who makes a side of it where it has none, by that name, meets this.
 * @returns undefined where it cannot have any, or nothing of ours can be made
 */
export function announceArrival(
  fs: FileSystem,
  node: NodeId,
  { parent, name }: End,
  sides: readonly number[],
): Announcement | undefined {
  const mayHaveOther = (layer: number) => layer === UPPER || side(fs, parent, layer) >= 0;
  const others = fs.layers.some((_, layer) => !sides.includes(layer) && mayHaveOther(layer));
  if (!others || isExclusive(fs.policy)) return undefined;
  const top = sides[0] as number;
  return Announcement.begin(fs, side(fs, node, top), side(fs, parent, top), name);
}

/**
 * When it has the name, and another layer has a directory there. @returns 0 when that is a side of it, `MOVED` when it was made before by who knew nothing
 * of this one; or a negative errno
 */
export function confirmArrival(announced: Announcement | undefined): number {
  if (announced === undefined) return 0;
  const met = confirmMove(announced);
  return met === MOVED ? 0 : met || MOVED;
}
