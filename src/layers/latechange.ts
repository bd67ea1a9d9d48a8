// An object that is changed in its place in a lower layer, or gets another name there, while another host brings it up: see carrylate.ts.

import { ESTALE } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import type { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { lateCopy } from './latecopy.ts';
import { isSameObject, newPlace, type Place, place } from './locate.ts';
import { isExclusive, UPPER } from './setup.ts';

const now = newPlace();

/**
 * When the node's object has been changed where it was found. @param source what it was then. @returns 0; -ESTALE when what may be a copy without the
 * change has the name by now (the kernel looks it up again, and asks again); or another negative errno
 */
export function lateChange(fs: FileSystem, node: NodeId, { layer, ref }: Place, source: Stat): number {
  if (layer === UPPER || isExclusive(fs.policy)) return 0;
  const late = lateCopy(fs, layer, source, ref.parent, ref.bytes);
  if (late !== 0) return late < 0 ? late : -ESTALE;
  const found = place(fs, node, now);
  // It has no name any more: whoever has removed it came after the change.
  if (found === -ESTALE) return 0;
  if (found < 0) return found;
  return now.layer === UPPER && !isSameObject(fs, node, UPPER, fs.stat) ? -ESTALE : 0;
}
