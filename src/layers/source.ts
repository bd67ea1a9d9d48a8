// The last step of a copy-up: the source goes, only now, and only if it still is what was copied.

import { ENOENT, errnoName } from '../../protocol/errno.ts';
import { AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS } from '../sys/constants.ts';
import type { CString } from '../sys/cstring.ts';
import { close } from '../sys/fd.ts';
import { statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { takingAppendOnly } from './copyflags.ts';
import type { FileSystem } from './filesystem.ts';
import { isAppendOnly } from './guardflags.ts';
import { moveNew } from './linkentries.ts';
import { dropName, isLinked } from './linkindex.ts';
import type { Place } from './locate.ts';
import { reportSourceKept } from './migrated.ts';
import { openPrivateOf, privateName } from './private.ts';
import { UPPER } from './setup.ts';
import { unterminated } from './xattrpolicy.ts';

/**
 * `removed`; `kept` hidden under its copy, to be removed when the name is; or `gone`, since somebody deleted or renamed it while the copy
 * was published: then the copy has been set aside.
 */
export type SourceEnd = 'removed' | 'kept' | 'gone';

const now = new Stat();

/** @param upper the directory that has the copy. @param made the copy's attributes. */
export function removeSource(fs: FileSystem, at: Place, upper: number, source: Stat, made: Stat): SourceEnd {
  const name = at.ref.bytes;
  const found = statx(at.dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, now);
  // Only who has published removes a source, so somebody else meant the file: he must not get it back.
  if (found === -ENOENT || (found === 0 && !now.sameObject(source))) return takeBack(fs, at, upper, made);
  const result = found < 0 ? found : takeAway(fs, at, source);
  if (result === 0 || result === -ENOENT) return 'removed';
  reportSourceKept(fs, at.layer, name, result);
  return 'kept';
}

function takeAway(fs: FileSystem, at: Place, source: Stat): number {
  if (isLinked(source)) return dropName(fs, at.dir, at.ref.bytes, at.layer, source);
  const unlink = () => unlinkat(at.dir, at.ref.bytes, 0);
  return isAppendOnly(source) ? takingAppendOnly(at.dir, at.ref.bytes, source, unlink) : unlink();
}

// Never unlinked: another host may be renaming the copy, which took away what it hid first, and then it is the only one.
function takeBack(fs: FileSystem, at: Place, upper: number, made: Stat): SourceEnd {
  const name = at.ref.bytes;
  const result = fs.caller.asDaemon(() => {
    const found = statx(upper, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, now);
    if (found < 0) return found;
    return now.sameObject(made) ? setAside(fs, upper, name, made) : 0;
  });
  if (result < 0 && result !== -ENOENT) {
    fs.log.error('copy_of_deleted_kept', { name: unterminated(name), error: errnoName(-result) });
  }
  return 'gone';
}

function setAside(fs: FileSystem, upper: number, name: CString, made: Stat): number {
  const aside = openPrivateOf(fs, UPPER, 'aside');
  if (aside < 0) return aside;
  const kept = privateName(fs);
  let result = moveNew(upper, name, aside, kept);
  if (result === 0) {
    result = statx(aside, kept, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, now);
    // Another file has taken the name since it was looked at.
    if (result === 0 && !now.sameObject(made)) result = moveNew(aside, kept, upper, name);
    else if (result === 0) {
      const layer = fs.pathOf(UPPER);
      fs.log.warn('copy_set_aside', { name: unterminated(name), layer, kept: unterminated(kept) });
    }
  }
  close(aside);
  return result;
}
