// What another host has put above a name since it was found: that is what users see of the name by now.

import { ENOENT } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS } from '../sys/constants.ts';
import type { CString } from '../sys/cstring.ts';
import { statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { UPPER } from './setup.ts';
import { refreshSides, side } from './sides.ts';

const covering = new Stat();

/** @returns 1 when a layer above `layer` has the name, 0 when none has, or the errno of the first that cannot be asked. */
export function findCovering(fs: FileSystem, layer: number, parent: NodeId, name: CString): number {
  if (layer > UPPER) refreshSides(fs, parent);
  for (let above = 0; above < layer; above++) {
    const dir = side(fs, parent, above);
    if (dir === -ENOENT) continue;
    const found = dir < 0 ? dir : statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, covering);
    if (found !== -ENOENT) return found === 0 ? 1 : found;
  }
  return 0;
}
