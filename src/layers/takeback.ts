// A copy whose source somebody else has taken away, before whoever published the copy could: the file was deleted or renamed by who knew
// nothing of the copy, and must not be there again under its old name. Unless he is at the copy: who renames or removes a file that hides
// its own source takes that out of the way first (hiddenaside.ts), and sees to the copy himself.

import { ENOENT, errnoName } from '../../protocol/errno.ts';
import { AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS } from '../sys/constants.ts';
import type { CString } from '../sys/cstring.ts';
import { close } from '../sys/fd.ts';
import { statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { type Aside, isHeldAside, putAsideBack, takeAside } from './aside.ts';
import { reach } from './faultpoint.ts';
import type { FileSystem } from './filesystem.ts';
import { moveNew } from './movenew.ts';
import { openPrivateOf } from './private.ts';
import { UPPER } from './setup.ts';
import { unterminated } from './xattrpolicy.ts';

const now = new Stat();

/**
 * Disposes of the copy that lost its name, if nothing can be lost with it.
 * @param links that the copy has, this one among them. @returns 0 or a negative errno: then it is kept aside.
 */
export type Dispose = (aside: Aside, links: number) => number;

/** The copy is wanted nowhere: it has other links, or is known to be somewhere else. */
export const dropCopy = ({ work, name }: Aside): number => unlinkat(work, name, 0);

/**
 * @param layer where the source was. @param upper the directory that has the copy. @param made the copy's attributes since it has its name.
 */
export function takeBack(
  fs: FileSystem,
  layer: number,
  source: Stat,
  upper: number,
  name: CString,
  made: Stat,
  dispose: Dispose,
): void {
  const result = fs.caller.asDaemon(() => {
    if (isHeldAside(fs, layer, source)) return 0;
    const found = statx(upper, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, now);
    if (found < 0) return found;
    if (!now.sameObject(made)) return 0;
    if (!isUntouched(made)) {
      // Another host has found it here, and is at work with it: he has opened it before it was deleted, as it were.
      fs.log.warn('deleted_file_in_use', { name: unterminated(name), layer: fs.pathOf(UPPER) });
      return 0;
    }
    const aside = takeAside(fs, UPPER, upper, name, made);
    if (typeof aside === 'number') return aside;
    reach('takeback.aside');
    const same = statx(aside.work, aside.name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, now);
    if (same < 0 || !now.sameObject(made)) return putAsideBack(aside, upper, name);
    let disposed = dispose(aside, now.nlink);
    if (disposed < 0) disposed = keep(fs, aside, name);
    close(aside.work);
    return disposed;
  });
  if (result < 0 && result !== -ENOENT) {
    fs.log.error('copy_of_deleted_kept', { name: unterminated(name), error: errnoName(-result) });
  }
}

/** A name, a write, a change of mode: each sets the time of change. */
function isUntouched(made: Stat): boolean {
  return now.ctimeSec === made.ctimeSec && now.ctimeNsec === made.ctimeNsec;
}

function keep(fs: FileSystem, { work, name: kept }: Aside, name: CString): number {
  const aside = openPrivateOf(fs, UPPER, 'aside');
  if (aside < 0) return aside;
  const result = moveNew(work, kept, aside, kept);
  close(aside);
  if (result === 0) {
    const layer = fs.pathOf(UPPER);
    fs.log.warn('copy_set_aside', { name: unterminated(name), layer, kept: unterminated(kept) });
  }
  return result;
}
