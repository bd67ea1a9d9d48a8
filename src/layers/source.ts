// The last step of a copy-up: the source goes, only now, and only if it still is what was copied.

import { ENOENT } from '../../protocol/errno.ts';
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS } from '../sys/constants.ts';
import { EMPTY } from '../sys/cstring.ts';
import { statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { takingAppendOnly } from './copyflags.ts';
import { whatIsSaid } from './copyslot.ts';
import { asEither } from './either.ts';
import type { FileSystem } from './filesystem.ts';
import { isAppendOnly } from './guardflags.ts';
import { entryPath, forgetKey, keyPath } from './linkentries.ts';
import { dropName, keyOf, namesBelow } from './linkindex.ts';
import type { Place } from './locate.ts';
import { reportSourceKept } from './migrated.ts';
import { oursOf } from './private.ts';
import { UPPER } from './setup.ts';
import { takeAway } from './takeaway.ts';
import { type Dispose, dropCopy, takeBack, takeBackLink, waitAgain } from './takeback.ts';

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
    const said = whatIsSaid(fs);
    if (said === 'void') return 'gone';
    const was = { layer, dir, name };
    if (indexed) {
      takeBackLink(fs, was, source, upper, made, disposeIndexed(fs, layer, from, source), said === 'said');
      return 'gone';
    }
    const dispose: Dispose = (aside, links) => (links > 1 || isSomewhere(from) ? dropCopy(aside) : -ENOENT);
    return takeBack(fs, was, source, upper, made, dispose) ? 'in use' : 'gone';
  }
  reportSourceKept(fs, layer, at.ref.parent, name, result);
  return 'kept';
}

/** Whether the source has a name still: it was renamed. What was deleted may have been hidden by the copy, which is the only one then. */
function isSomewhere(from: number): boolean {
  return statx(from, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, now) === 0 && now.nlink > 0;
}

/** What its other names have, or wait for, is the same copy: who has written to it has lost nothing. */
function disposeIndexed(fs: FileSystem, layer: number, from: number, source: Stat): Dispose {
  return (aside, links) => {
    const ours = oursOf(fs, UPPER);
    const key = keyOf(layer, source);
    const known = statx(from, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, now);
    const left = known < 0 ? known : namesBelow(fs, layer, key, now).left;
    if (left > 0) return waitAgain(ours, entryPath(key, left))(aside, links);
    // No name is left below: the links that wait are nobody's, all others are names that users have.
    const forgotten = left < 0 ? left : forgetKey(ours, key, oursOf(fs, layer), keyPath(key));
    if (forgotten < 0) return forgotten;
    const counted = statx(aside.work, aside.name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, now);
    return counted < 0 ? counted : now.nlink > 1 ? dropCopy(aside) : -ENOENT;
  };
}

const now = new Stat();
