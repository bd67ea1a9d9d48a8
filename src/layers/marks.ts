// A record in our folders that other hosts must find by what it is about has another link, named by that: its mark. Where the record has gone and
// the mark has not, that has one link left, and says nothing any more.

import { EACCES, EEXIST, ENOENT } from '../../protocol/errno.ts';
import { AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, STATX_INO, STATX_NLINK } from '../sys/constants.ts';
import type { CString } from '../sys/cstring.ts';
import { linkat, statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { type LayerSetup, UPPER } from './setup.ts';
import { textOf } from './spot.ts';

const stat = new Stat();

/** Paths of both from `dir`. @returns 0, -EEXIST when another record has the mark, or a negative errno. */
export function setMark(dir: number, record: CString, mark: CString): number {
  const set = linkat(dir, record, dir, mark, 0);
  if (set !== -EEXIST || standing(dir, mark) !== STALE) return set;
  unlinkat(dir, mark, 0);
  return linkat(dir, record, dir, mark, 0);
}

/** A mark without a record. */
export const STALE = 1;

/** @returns 2 when a record has it, STALE, or a negative errno: -ENOENT when there is none. */
export function standing(dir: number, mark: CString): number {
  const found = statx(dir, mark, AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_NLINK, stat);
  return found < 0 ? found : stat.nlink > 1 ? 2 : STALE;
}

/** Whether a mark is that of a record, which `record` tells the attributes of. */
export function isMarkOf(dir: number, mark: CString, record: Stat): boolean {
  return statx(dir, mark, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat) === 0 && stat.sameObject(record);
}

/**
 * Whether a record stands that is about something. @param path of the mark, from our directory on the upper layer.
 * @returns 1, 0 or a negative errno
 */
export function stands(fs: FileSystem, path: CString): number {
  const { ours } = fs.layers[UPPER] as LayerSetup;
  const found = fs.caller.asDaemon(() => standing(ours, path));
  // An ordinary user's daemon cannot look where root keeps its records.
  if (found === STALE || found === -ENOENT || found === -EACCES) return 0;
  return found < 0 ? found : 1;
}

/** Whether a name of ours is a mark's: of a directory that is being moved, a file whose copy is being published, or a further name that one gets. */
export function isMark(name: CString): boolean {
  return /^(?:moving|publishing-\d+|adopt(?:ing|ed)-\d+-[0-9a-f]{16})-[0-9a-f]{16}$/.test(textOf(name));
}
