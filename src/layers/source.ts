// The last step of a copy-up: the source goes, only now, and only if it still is what was copied.

import { ENOENT } from '../../protocol/errno.ts';
import { AT_EMPTY_PATH, STATX_BASIC_STATS } from '../sys/constants.ts';
import { EMPTY } from '../sys/cstring.ts';
import { statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { takingAppendOnly } from './copyflags.ts';
import { asEither } from './either.ts';
import type { FileSystem } from './filesystem.ts';
import { isAppendOnly } from './guardflags.ts';
import { dropName } from './linkindex.ts';
import type { Place } from './locate.ts';
import { reportSourceKept } from './migrated.ts';
import { takeAway } from './takeaway.ts';
import { dropCopy, takeBack } from './takeback.ts';

/**
 * `removed`; `kept` hidden under its copy, to be removed when the name is; `gone`, since somebody deleted, renamed or replaced it while
 * the copy was published: then the copy has been taken back, or is his who has done that; or `in use`: the same, but the copy is at its place, since
 * others are at work with it.
 */
export type SourceEnd = 'removed' | 'kept' | 'gone' | 'in use';

/**
 * @param from a descriptor of the source. @param indexed whether the index knows it, although its other names may have gone since.
 * @param upper the directory that has the copy.
 * @param made the copy's attributes since it has its name.
 */
export function removeSource(
  fs: FileSystem,
  at: Place,
  from: number,
  source: Stat,
  indexed: boolean,
  upper: number,
  made: Stat,
): SourceEnd {
  const { layer, dir } = at;
  const name = at.ref.bytes;
  const take = () =>
    asEither(fs, () =>
      indexed
        ? dropName(fs, dir, name, layer, source)
        : takeAway(fs, layer, dir, name, source, (from, its) => unlinkat(from, its, 0)),
    );
  const result = isAppendOnly(source) ? takingAppendOnly(dir, name, source, take) : take();
  if (result === 0) return 'removed';
  // Only who has published removes a source, so somebody else meant the file: he must not get it back.
  if (result === -ENOENT) {
    const inUse = takeBack(fs, { layer, dir, name }, source, upper, made, (aside, links) =>
      links > 1 || isSomewhere(from) ? dropCopy(aside) : -ENOENT,
    );
    return inUse ? 'in use' : 'gone';
  }
  reportSourceKept(fs, layer, name, result);
  return 'kept';
}

/** Whether the source has a name still: it was renamed. What was deleted may have been hidden by the copy, which is the only one then. */
function isSomewhere(from: number): boolean {
  return statx(from, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, now) === 0 && now.nlink > 0;
}

const now = new Stat();
