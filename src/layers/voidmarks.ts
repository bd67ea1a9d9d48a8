// Who has just given a name to a copy finds its source gone: was that somebody who knew nothing of the copy, so that the name must go too, or somebody
// who has seen it there, and taken the source from under it to rename or remove the copy? Whatever has the name then is no concern of his,
// although it may be the very same file. So the latter takes the mark of the former away first.

import { EINTR } from '../../protocol/errno.ts';
import type { CString } from '../sys/cstring.ts';
import { unlinkat } from '../sys/path.ts';
import type { Stat } from '../sys/stat.ts';
import { publishMarkOf, readPublication, slotPath, sumOf } from './copyslot.ts';
import type { FileSystem } from './filesystem.ts';
import { stands } from './marks.ts';
import { oursOf } from './private.ts';
import { isExclusive, UPPER } from './setup.ts';
import { inodeText, placeIn } from './spot.ts';
import { WAIT, waitWhile } from './waitwhile.ts';

/** The name of the mark of a further name of a lower file, in `dir`, until it has been given to the copy (adoptname.ts). */
export function adoptMarkOf(layer: number, source: Stat, dir: number, name: CString): string {
  return `adopting-${layer}-${inodeText(source)}-${sumOf(placeIn(dir, name))}`;
}

/** What that is called once the copy has the name. */
export const adoptedMark = (adopting: string): string => adopting.replace('adopting', 'adopted');

/** How long is waited for a name that is about to be given, in milliseconds. */
const PATIENCE_MS = 2000;

/**
 * Before `source`, which a name on the upper layer hides, is taken from under it. The mark of who has not given the copy this further name yet
 * stands: what hides the source is not his, and what he gives he takes back.
 * @param dir that has it. @returns 0, or -EINTR when the caller did not wait: then it may be another's name that is seen
 */
export function voidMarks(fs: FileSystem, layer: number, source: Stat, dir: number, name: CString): number {
  if (isExclusive(fs.policy)) return 0;
  const ours = oursOf(fs, UPPER);
  const publishing = slotPath(publishMarkOf(layer, source));
  const place = placeIn(dir, name);
  const adopting = adoptMarkOf(layer, source, dir, name);
  // Between the name and its mark's there is a moment, in which it cannot be told whose name is seen.
  const waited = waitWhile(fs, PATIENCE_MS, () => (stands(fs, slotPath(adopting)) === 1 ? WAIT : 0), 1);
  fs.caller.asDaemon(() => {
    const publication = readPublication(ours, publishing);
    if (typeof publication === 'object' && publication.place === place) unlinkat(ours, publishing, 0);
    unlinkat(ours, slotPath(adoptedMark(adopting)), 0);
  });
  return waited === -EINTR ? waited : 0;
}
