// A directory that several layers have is renamed in one after the other. Another host that comes to it between two steps finds it in some
// layers and not in others; took he that for all there is of it, what he makes there would hide what lies in the others. So the record of
// such a rename (intent.ts) has a mark of the directory's inode in the topmost layer, and who finds that a layer has no side of a directory
// looks for that.

import { EBUSY, EEXIST, EOPNOTSUPP, EPERM } from '../../protocol/errno.ts';
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, STATX_INO } from '../sys/constants.ts';
import { type CString, cstring, EMPTY } from '../sys/cstring.ts';
import { statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { isMarkOf, setMark, stands } from './marks.ts';
import { inodeText } from './spot.ts';
import { WAIT, waitWhile } from './waitwhile.ts';

/** The name of a mark, in our folder of records. */
export type MoveMark = string;

const stat = new Stat();

/** @param name in `dir`, EMPTY for that itself. @returns the directory's mark, or a negative errno. */
export function moveMarkOf(dir: number, name: CString): MoveMark | number {
  const flags = name === EMPTY ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
  const found = statx(dir, name, flags, STATX_INO, stat);
  return found < 0 ? found : `moving-${inodeText(stat)}`;
}

export function isMoveMark(value: unknown): value is MoveMark {
  return typeof value === 'string' && /^moving-[0-9a-f]{16}$/.test(value);
}

/**
 * Call it as the daemon, before the first step. @param folder of the record. @returns 0, also where another host moves the directory too or the
 * storage has no links, or a negative errno.
 */
export function setMoveMark(folder: number, record: CString, mark: MoveMark): number {
  const set = setMark(folder, record, cstring(mark));
  return DONE_WITHOUT.includes(-set) ? 0 : set;
}

const DONE_WITHOUT: readonly number[] = [EEXIST, EPERM, EOPNOTSUPP];

/** Call it as the daemon, when all steps are made or undone and while the record stands: a mark of another host's record stays. */
export function removeMoveMarks(folder: number, record: CString, marks: readonly MoveMark[]): void {
  if (statx(folder, record, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat) < 0) return;
  for (const name of marks) {
    const mark = cstring(name);
    if (isMarkOf(folder, mark, stat)) unlinkat(folder, mark, 0);
  }
}

/** How long a directory that is being moved is waited for, in milliseconds. */
const PATIENCE_MS = 1000;

/**
 * Waits until a directory is not being moved by anybody.
 * @param side a descriptor of it in the topmost layer. @returns 0 when nobody was at it; 1 when somebody was: what was found of it before must be
 * looked at again; -EBUSY when it takes too long, since a host has died over it; -EINTR, or another negative errno.
 */
export function awaitMoved(fs: FileSystem, side: number): number {
  const mark = moveMarkOf(side, EMPTY);
  if (typeof mark === 'number') return mark;
  const path = cstring(`intents/${mark}`);
  let moved = 0;
  const waited = waitWhile(fs, PATIENCE_MS, () => {
    const found = stands(fs, path);
    if (found !== 1) return found;
    moved = 1;
    return WAIT;
  });
  return waited === WAIT ? -EBUSY : waited < 0 ? waited : moved;
}
