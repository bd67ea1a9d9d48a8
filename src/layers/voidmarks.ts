// Who has just given a name to a copy finds its source gone: was that somebody who knew nothing of the copy, so that the name must go too, or somebody
// who has seen it there, and taken the source from under it to rename or remove the copy? Whatever has the name then is no concern of his,
// although it may be the very same file. So the latter takes the mark of the former away first.

import type { CString } from '../sys/cstring.ts';
import { unlinkat } from '../sys/path.ts';
import type { Stat } from '../sys/stat.ts';
import { publishMarkOf, readPublication, slotPath, sumOf } from './copyslot.ts';
import type { FileSystem } from './filesystem.ts';
import { oursOf } from './private.ts';
import { isExclusive, UPPER } from './setup.ts';
import { inodeText, placeIn } from './spot.ts';

/** The name of the mark of a further name of a lower file, in `dir`, while it is given to the copy (adoptname.ts). */
export function adoptMarkOf(layer: number, source: Stat, dir: number, name: CString): string {
  return `adopting-${layer}-${inodeText(source)}-${sumOf(placeIn(dir, name))}`;
}

/** Before `source`, which a name on the upper layer hides, is taken from under it. @param dir that has it */
export function voidMarks(fs: FileSystem, layer: number, source: Stat, dir: number, name: CString): void {
  if (isExclusive(fs.policy)) return;
  const ours = oursOf(fs, UPPER);
  const publishing = slotPath(publishMarkOf(layer, source));
  const place = placeIn(dir, name);
  fs.caller.asDaemon(() => {
    const publication = readPublication(ours, publishing);
    if (typeof publication === 'object' && publication.place === place) unlinkat(ours, publishing, 0);
    unlinkat(ours, slotPath(adoptMarkOf(layer, source, dir, name)), 0);
  });
}
