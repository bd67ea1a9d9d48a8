// A copy whose source somebody else has taken away, before whoever published the copy could: the file was deleted or renamed by who knew
// nothing of the copy, and must not be there again under its old name. Unless he is at the copy: who renames or removes a file that hides
// its own source takes that out of the way first (hiddenaside.ts), and sees to the copy himself.

import { EINTR, ENOENT, errnoName } from '../../protocol/errno.ts';
import { AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS } from '../sys/constants.ts';
import type { CString } from '../sys/cstring.ts';
import { close } from '../sys/fd.ts';
import { statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { type Aside, isHeldAside, keepAside, putAsideBack, takeAside } from './aside.ts';
import { reach } from './faultpoint.ts';
import type { FileSystem } from './filesystem.ts';
import { contentOf } from './identity.ts';
import { moveNew } from './movenew.ts';
import { UPPER } from './setup.ts';
import { statSame } from './takeaway.ts';
import { WAIT, waitWhile } from './waitwhile.ts';
import { unterminated } from './xattrpolicy.ts';

const now = new Stat();

/**
 * Disposes of the copy that lost its name, if nothing can be lost with it.
 * @param links that the copy has, this one among them. @returns 0 or a negative errno: then it is kept aside.
 */
export type Dispose = (aside: Aside, links: number) => number;

/** The copy is wanted nowhere: it has other links, or is known to be somewhere else. */
export const dropCopy = ({ work, name }: Aside): number => unlinkat(work, name, 0);

/** A link that waits for another name again, at its place in the index; one too many goes where the copy has others. */
export const waitAgain =
  (ours: number, entry: CString): Dispose =>
  (aside, links) => {
    const returned = moveNew(aside.work, aside.name, ours, entry);
    return returned === 0 || links <= 1 ? returned : dropCopy(aside);
  };

/** Where the source was. */
export interface Was {
  readonly layer: number;
  /** Descriptor of the directory in that layer. */
  readonly dir: number;
  readonly name: CString;
}

/** How long is waited for who has renamed or removed the source to see to the copy (latecopy.ts), in milliseconds. */
const PATIENCE_MS = 200;

/**
 * @param upper the directory that has the copy. @param made the copy's attributes since it has its name.
 * @returns whether it stays at its place, since others are at work with it
 */
export function takeBack(
  fs: FileSystem,
  was: Was,
  source: Stat,
  upper: number,
  made: Stat,
  dispose: Dispose,
): boolean {
  const { name } = was;
  const result = fs.caller.asDaemon(() => {
    const seenTo = waitWhile(fs, PATIENCE_MS, () => {
      if (isHeldAside(fs, was.layer, source) || statSame(was.dir, name, source) === 0) return 0;
      const found = statx(upper, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, now);
      return found < 0 ? found : now.sameObject(made) ? WAIT : 0;
    });
    if (seenTo !== WAIT && seenTo !== -EINTR) return seenTo;
    // Another host has found it here: he has opened it before it was deleted, as it were.
    if (isTouched(made)) return IN_USE;
    const aside = takeCopy(fs, upper, name, made);
    if (typeof aside === 'number') return aside;
    if (contentOf(now) !== contentOf(made)) return putAsideBack(aside, upper, name) || IN_USE;
    // Who is at the copy has taken the source out of the way since: then the copy is his.
    if (isHeldAside(fs, was.layer, source)) return putAsideBack(aside, upper, name);
    return disposeOf(fs, aside, name, dispose);
  });
  if (result === IN_USE)
    fs.log.warn('deleted_file_in_use', { name: unterminated(name), layer: fs.pathOf(UPPER) });
  else reportKept(fs, name, result);
  return result === IN_USE;
}

/**
 * As `takeBack`, of a link to a copy that the index knows, given to a name that its file has lost. What users have written since is not lost with it, and who renames or
 * removes the name has it out of the way while he is at it, or has done it before there was a copy: nobody else sees to the link.
 * @param marked whether who sees to it has taken a mark away: none is missing. Else only what nobody has touched since is certain not to be a name that users
 * were told they have: one too many is better than one that is lost
 */
export function takeBackLink(
  fs: FileSystem,
  was: Was,
  source: Stat,
  upper: number,
  made: Stat,
  dispose: Dispose,
  marked: boolean,
): void {
  const { layer, dir, name } = was;
  const result = fs.caller.asDaemon(() =>
    waitWhile(fs, PATIENCE_MS, () => {
      if (statSame(dir, name, source) === 0) return 0;
      // This name of the file, or another one.
      if (isHeldAside(fs, layer, source)) return WAIT;
      const found = statx(upper, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, now);
      if (found < 0 || !now.sameObject(made)) return found;
      if (!marked && isTouched(made)) return 0;
      const aside = takeCopy(fs, upper, name, made);
      if (typeof aside === 'number') return aside;
      if (isHeldAside(fs, layer, source)) return putAsideBack(aside, upper, name) || WAIT;
      return disposeOf(fs, aside, name, dispose);
    }),
  );
  if (result !== WAIT) reportKept(fs, name, result);
}

const isTouched = (made: Stat): boolean => now.ctimeSec !== made.ctimeSec || now.ctimeNsec !== made.ctimeNsec;

/** Takes what has the name out of the way; `now` tells its attributes. @returns a number, 0 or a negative errno, where it was not the copy. */
function takeCopy(fs: FileSystem, upper: number, name: CString, made: Stat): Aside | number {
  const aside = takeAside(fs, UPPER, upper, name, made);
  if (typeof aside === 'number') return aside;
  reach('takeback.aside');
  const same = statx(aside.work, aside.name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, now);
  return same < 0 || !now.sameObject(made) ? putAsideBack(aside, upper, name) : aside;
}

/** Disposes of what `takeCopy` has taken, or keeps it, and closes. @returns 0 or a negative errno */
function disposeOf(fs: FileSystem, aside: Aside, name: CString, dispose: Dispose): number {
  let disposed = dispose(aside, now.nlink);
  if (disposed < 0) disposed = keepAside(fs, aside.work, aside.name, name, 'copy_set_aside');
  close(aside.work);
  return disposed;
}

function reportKept(fs: FileSystem, name: CString, result: number): void {
  if (result >= 0 || result === -ENOENT || result === -EINTR) return;
  fs.log.error('copy_of_deleted_kept', { name: unterminated(name), error: errnoName(-result) });
}

const IN_USE = 1;
