// Renaming to a name that nothing has: by one flag of renameat2(2), and by other exclusive steps where a layer has none (NFS, GlusterFS).

import { EEXIST, EINVAL, ENODATA, ENOENT, ENOTDIR, ENOTEMPTY, ESTALE, EXDEV } from '../../protocol/errno.ts';
import { AT_SYMLINK_NOFOLLOW, RENAME_NOREPLACE, STATX_BASIC_STATS } from '../sys/constants.ts';
import type { CString } from '../sys/cstring.ts';
import { linkat, renameat2, statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { reach } from './faultpoint.ts';

const there = new Stat();

/** Renames anything but a directory to a name that nothing has. @returns 0, -EEXIST or a negative errno. */
export function moveNew(from: number, name: CString, to: number, newName: CString): number {
  const moved = renameat2(from, name, to, newName, RENAME_NOREPLACE);
  // Some layers link where they do not rename (quota projects).
  return moved === -EINVAL || moved === -EXDEV ? Math.min(moveByLink(from, name, to, newName), 0) : moved;
}

/**
 * The same by a link. In between the object has both names. @returns 0; 1 when it has the new name, and somebody else has taken the old one away
 * meanwhile; -EEXIST or a negative errno
 */
export function moveByLink(from: number, name: CString, to: number, newName: CString): number {
  const linked = linkat(from, name, to, newName, 0);
  if (linked < 0) return isLost(linked) && isThere(to, newName) ? -EEXIST : linked;
  reach('name.linked');
  const unlinked = unlinkat(from, name, 0);
  return unlinked === -ENOENT ? 1 : unlinked;
}

// What GlusterFS can answer to who was second.
const isLost = (result: number): boolean => result === -ENODATA || result === -ESTALE;

/** Renames a directory to a name that nothing has. @returns 0, -EEXIST or a negative errno. */
export function moveNewDirectory(from: number, name: CString, to: number, newName: CString): number {
  const moved = renameat2(from, name, to, newName, RENAME_NOREPLACE);
  if (moved !== -EINVAL) return moved;
  // A directory takes no links, and a rename of one replaces an empty directory at most.
  if (isThere(to, newName)) return -EEXIST;
  reach('directory.free');
  const result = renameat2(from, name, to, newName, 0);
  return result === -ENOTEMPTY || result === -ENOTDIR ? -EEXIST : result;
}

const isThere = (dir: number, name: CString): boolean =>
  statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, there) === 0;
