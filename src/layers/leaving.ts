// A name that is to go, of a lower file whose copy came up under another name: to be taken away it would first be given to the copy, for which a
// full upper layer has no room. But what makes room must not need any: so the name goes where it is, and the copy has a link less to wait. So
// does a name in another project than the copy's, or on another file system of the upper layer, which cannot have a link of it at all.

import { EDQUOT, EMLINK, ENOENT, ENOSPC, EXDEV } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import type { CString } from '../sys/cstring.ts';
import type { Stat } from '../sys/stat.ts';
import { MOVED } from './again.ts';
import type { FileSystem } from './filesystem.ts';
import { locate, locateBelow } from './locate.ts';

const NOT_TAKEN: readonly number[] = [ENOSPC, EDQUOT, EMLINK, EXDEV];

/**
 * As `locate`, for a name that is to be removed or renamed: where the upper layer cannot take it, the answer is the lower layer that has it, and
 * `found` is what that has, of which the index knows the copy. @returns also `MOVED`: another host has given it to the copy meanwhile
 */
export function locateLeaving(fs: FileSystem, parent: NodeId, name: CString, found: Stat): number {
  const layer = locate(fs, parent, name, found);
  if (!NOT_TAKEN.includes(-layer)) return layer;
  const below = locateBelow(fs, parent, name, found);
  return below === -ENOENT ? MOVED : below;
}
