// One name, given at the same moment by two hosts in two layers: each has looked for it before his step, when nothing had it, and neither step
// meets the other. One of the two would be hidden, and would go with the next removal of the name. So who has given a name looks for it in the
// other layers afterwards: whichever step was the later one, its host finds the other's, and takes back his own.

import { EEXIST, ENOENT, ENOTEMPTY } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { AT_REMOVEDIR, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS } from '../sys/constants.ts';
import type { CString } from '../sys/cstring.ts';
import { statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { keepAside } from './aside.ts';
import { asEither } from './either.ts';
import type { FileSystem } from './filesystem.ts';
import { contentOf } from './identity.ts';
import { findIn } from './locate.ts';
import { isExclusive, UPPER } from './setup.ts';
import { refreshSides } from './sides.ts';
import { type Delete, statSame, takeAway } from './takeaway.ts';

const there = new Stat();

/**
 * Whether a layer has the name besides those in which it was just given. A host that is alone need not look. A lower layer's side of the directory
 * is believed to be missing for as long as names are believed, so what is made in a directory that is new altogether costs no question.
 * @param matters whether what is found is in the way; by default whatever it is. @returns 0, -EEXIST or the errno of a layer that cannot be asked
 */
export function isElsewhere(
  fs: FileSystem,
  parent: NodeId,
  name: CString,
  given: readonly number[],
  matters: (found: Stat) => boolean = () => true,
): number {
  if (isExclusive(fs.policy)) return 0;
  if (!given.includes(UPPER)) refreshSides(fs, parent);
  for (let layer = 0; layer < fs.layers.length; layer++) {
    const found = given.includes(layer) ? -ENOENT : findIn(fs, parent, name, layer, there);
    if (found < 0 && found !== -ENOENT) return found;
    if (found === 0 && matters(there)) return -EEXIST;
  }
  return 0;
}

/**
 * Takes back what was just made on the upper layer, if it has its name still. What somebody has put into a directory by now is not taken from
 * him: it stays, and is one with what lies below. A file that somebody has written to by now is set aside.
 * @param made what it was when it was made. @returns 0, -ENOENT when it stays or has not its name any more, or a negative errno
 */
export function unmake(fs: FileSystem, dir: number, name: CString, made: Stat): number {
  if (!made.isDirectory) {
    const remove: Delete = (from, its) => dropMade(fs, name, made, from, its);
    return asEither(fs, () => takeAway(fs, UPPER, dir, name, made, remove));
  }
  const removed = asEither(fs, () => statSame(dir, name, made) || unlinkat(dir, name, AT_REMOVEDIR));
  return removed === -ENOTEMPTY || removed === -EEXIST ? -ENOENT : removed;
}

function dropMade(fs: FileSystem, name: CString, made: Stat, from: number, its: CString): number {
  const found = statx(from, its, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, there);
  if (found < 0) return found;
  if (there.nlink > 1 || contentOf(there) === contentOf(made)) return unlinkat(from, its, 0);
  return keepAside(fs, from, its, name, 'new_file_set_aside');
}
