// The end of a source: its name leaves the lower layer, once its copy is published and durable, and only if it still is what was copied.

import { ENOENT, errnoName } from '../../protocol/errno.ts';
import { AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS } from '../sys/constants.ts';
import type { CString } from '../sys/cstring.ts';
import { close } from '../sys/fd.ts';
import { statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { type Aside, putAsideBack, takeAside } from './aside.ts';
import { reach } from './faultpoint.ts';
import type { FileSystem } from './filesystem.ts';
import { unterminated } from './xattrpolicy.ts';

/** Deletes what has a name in a directory. @returns 0 or a negative errno. */
export type Delete = (dir: number, name: CString) => number;

const now = new Stat();

/**
 * Takes a name away from a layer. Call it as the daemon, or as the caller where a server squashes root.
 * @param source what must have the name. @returns 0, -ENOENT when it has not: somebody has deleted, renamed or replaced it; or a negative errno:
 * then it has its name still.
 */
export function takeAway(
  fs: FileSystem,
  layer: number,
  dir: number,
  name: CString,
  source: Stat,
  remove: Delete,
): number {
  // Looked at before it is touched: most often nobody else wants anything of it.
  const found = statSame(dir, name, source);
  if (found < 0) return found;
  reach('source.checked');
  const aside = takeAside(fs, layer, dir, name, source);
  if (typeof aside === 'number') {
    // Where nothing of ours can be (a user's mount, quota projects and subvolumes inside a layer) it goes in its place.
    return aside === -ENOENT ? aside : remove(dir, name);
  }
  reach('source.aside');
  const same = statSame(aside.work, aside.name, source);
  const result = same < 0 ? same : remove(aside.work, aside.name);
  if (result === 0) close(aside.work);
  else giveNameBack(fs, aside, dir, name);
  return result;
}

/** @param flags as for `statx`. @returns 0 when the name is the object's, -ENOENT when it is not, or a negative errno. */
export function statSame(dir: number, name: CString, source: Stat, flags = AT_SYMLINK_NOFOLLOW): number {
  const found = statx(dir, name, flags, STATX_BASIC_STATS, now);
  return found < 0 ? found : now.sameObject(source) ? 0 : -ENOENT;
}

/** Puts back, and closes, what is another's. What cannot have its name again stays aside, and is reported. */
export function giveNameBack(fs: FileSystem, aside: Aside, dir: number, name: CString): void {
  const result = putAsideBack(aside, dir, name);
  if (result === 0 || result === -ENOENT) return;
  fs.log.error('name_not_given_back', {
    name: unterminated(name),
    layer: fs.pathOf(aside.layer),
    kept: unterminated(aside.name),
    error: errnoName(-result),
  });
}
