// A name that was found in a lower layer, and is removed or renamed there, while another host is about to publish a copy of the file above it:
// the other has looked at the source for the last time. So who has taken a name away in a lower layer looks afterwards whether a copy of what it
// was is coming, or there: either the other finds the source gone before he publishes, or his mark is found here (copyslot.ts).

import { ENOENT } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { AT_SYMLINK_NOFOLLOW } from '../sys/constants.ts';
import type { CString } from '../sys/cstring.ts';
import { statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { publishMarkOf, readPublication, slotPath } from './copyslot.ts';
import type { FileSystem } from './filesystem.ts';
import { identityOf, STATE_MASK } from './identity.ts';
import { stands } from './marks.ts';
import { oursOf } from './private.ts';
import { isExclusive, UPPER } from './setup.ts';
import { refreshSides, side } from './sides.ts';
import { placeIn } from './spot.ts';
import { takeAway } from './takeaway.ts';
import { WAIT, waitWhile } from './waitwhile.ts';

/** How long a copy that is about to be published is waited for, in milliseconds. */
const PATIENCE_MS = 2000;

const NONE = 0;
const THERE = 1;

const copy = new Stat();

/**
 * When `source` has lost its name in a lower layer. @returns 1 when a copy of it has the name on the upper layer, `copy` its attributes; 0 when
 * none has, and none is coming; -EINTR, or the errno of a layer that cannot be asked
 * @param elsewhere asked when a copy is about to get another name of the file's: `WAIT` as long as that is of concern
 */
export function lateCopy(
  fs: FileSystem,
  layer: number,
  source: Stat,
  parent: NodeId,
  name: CString,
  elsewhere: () => number = () => NONE,
): number {
  if (layer === UPPER || isExclusive(fs.policy)) return NONE;
  const ours = oursOf(fs, UPPER);
  const mark = slotPath(publishMarkOf(layer, source));
  const result = waitWhile(fs, PATIENCE_MS, () => {
    const found = stands(fs, mark);
    if (found !== 1) return found;
    const publication = fs.caller.asDaemon(() => readPublication(ours, mark));
    if (typeof publication !== 'object') return publication === -ENOENT ? NONE : (publication ?? WAIT);
    // It has another name, or has been renamed since it was copied, and the copy is no concern of this name's.
    if (publication.place !== placeIn(side(fs, parent, layer), name)) return elsewhere();
    refreshSides(fs, parent);
    const dir = side(fs, parent, UPPER);
    const there = dir < 0 ? dir : statx(dir, name, AT_SYMLINK_NOFOLLOW, STATE_MASK, copy);
    if (there === 0 && identityOf(copy) === publication.copy) return THERE;
    return there < 0 && there !== -ENOENT ? there : WAIT;
  });
  return result === WAIT ? NONE : result;
}

/** When `source` was removed in a lower layer: so is a copy of it that has the name since. @returns 0 or a negative errno */
export function removeLateCopy(
  fs: FileSystem,
  layer: number,
  source: Stat,
  parent: NodeId,
  name: CString,
): number {
  const found = lateCopy(fs, layer, source, parent, name);
  if (found !== THERE) return found;
  const dir = side(fs, parent, UPPER);
  const remove = (from: number, its: CString) => unlinkat(from, its, 0);
  const removed = dir < 0 ? dir : fs.caller.asDaemon(() => takeAway(fs, UPPER, dir, name, copy, remove));
  // Its maker has taken it back.
  return removed === -ENOENT ? 0 : removed;
}
