// One name of a layer, out of the way: moved into our private directory of that layer, from where it goes for good or comes back. A move
// takes one thing from whoever else changes the name at this moment, so what is in hand can be looked at before anything is deleted; and
// other hosts can tell it from what was deleted.

import {
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_DIRECTORY,
  O_RDONLY,
  STATX_BASIC_STATS,
} from '../sys/constants.ts';
import { type CString, cstring } from '../sys/cstring.ts';
import { eachDirent } from '../sys/dirents.ts';
import { close, openat } from '../sys/fd.ts';
import { renameat2, statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { moveNew } from './movenew.ts';
import { openPrivateOf, privateName } from './private.ts';
import { UPPER } from './setup.ts';
import { textOf } from './spot.ts';
import { unterminated } from './xattrpolicy.ts';

/** Our private directory, open, and the name in it. */
export interface Aside {
  readonly layer: number;
  readonly work: number;
  readonly name: CString;
}

/**
 * Takes what has the name. Call it as the daemon.
 * @param expected what it was found to be; nothing else is deleted if the daemon dies while it is aside (sweep.ts).
 * @returns it, to be put back or closed; or a negative errno: then it has its name still.
 */
export function takeAside(
  fs: FileSystem,
  layer: number,
  dir: number,
  name: CString,
  expected: Stat,
): Aside | number {
  const work = openPrivateOf(fs, layer, 'work');
  if (work < 0) return work;
  const kept = privateName(fs, asideSuffix(expected));
  const moved = renameat2(dir, name, work, kept, 0);
  if (moved === 0) return { layer, work, name: kept };
  close(work);
  return moved;
}

/** Gives a file its name back, unless something else has it by now, and closes. @returns 0, -EEXIST or a negative errno: then it stays aside. */
export function putAsideBack(aside: Aside, dir: number, name: CString): number {
  const result = moveNew(aside.work, aside.name, dir, name);
  close(aside.work);
  return result;
}

/**
 * Keeps on the upper layer, for whoever looks for it, what loses its name and may be wanted. Call it as the daemon. @param name that it had.
 * @returns 0 or a negative errno: then it is where it was
 */
export function keepAside(
  fs: FileSystem,
  from: number,
  its: CString,
  name: CString,
  event: 'copy_set_aside' | 'new_file_set_aside',
): number {
  const aside = openPrivateOf(fs, UPPER, 'aside');
  if (aside < 0) return aside;
  const kept = privateName(fs);
  const result = moveNew(from, its, aside, kept);
  close(aside);
  if (result === 0)
    fs.log.warn(event, { name: unterminated(name), layer: fs.pathOf(UPPER), kept: unterminated(kept) });
  return result;
}

/** Part of a name aside: of which object it was meant to be. */
export function asideSuffix({ inoLo, inoHi }: Stat): string {
  return `.of-${((BigInt(inoHi) << 32n) | BigInt(inoLo)).toString(16)}`;
}

/** The same of a file that a rename replaces (kepttarget.ts). It says nothing of who is at a copy of the file. */
export const keptSuffix = (stat: Stat): string => `.kept${asideSuffix(stat)}`;

const DOT = cstring('.');
const stat = new Stat();

/** Whether any host has an object out of the way now. Call it as the daemon. A directory that cannot be read tells nothing: false. */
export function isHeldAside(fs: FileSystem, layer: number, object: Stat): boolean {
  const work = openPrivateOf(fs, layer, 'work');
  if (work < 0) return false;
  const fd = openat(work, DOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  let held = false;
  if (fd >= 0) {
    const kept = keptSuffix(object);
    eachDirent(fd, ({ name }) => {
      if (textOf(name).endsWith(kept)) return true;
      const found = statx(work, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat);
      held = found === 0 && stat.sameObject(object);
      return !held;
    });
    close(fd);
  }
  close(work);
  return held;
}
