// What a copy carries of its source's file flags: those that say how to treat the file, and of a directory also those that say how what is
// made in it shall lie. What only tells how a storage keeps it (extents, compression of a file, encryption…) is the new storage's affair, as
// is the quota project, which new files take from their directory. Append-only comes last of all, since a guarded file takes no name.

import { EBADF, EIO, EPERM, errnoName } from '../../protocol/errno.ts';
import {
  AT_EMPTY_PATH,
  O_CLOEXEC,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  S_IFDIR,
  S_IFREG,
  STATX_BASIC_STATS,
} from '../sys/constants.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { close, open, openat } from '../sys/fd.ts';
import {
  FS_APPEND_FL,
  FS_COMPR_FL,
  FS_DIRSYNC_FL,
  FS_NOATIME_FL,
  FS_NOCOMP_FL,
  FS_NOCOW_FL,
  FS_NODUMP_FL,
  FS_SYNC_FL,
  getFileFlags,
  setFileFlags,
} from '../sys/ioctl.ts';
import { procPath, statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { unterminated } from './xattrpolicy.ts';

const OF_FILES = FS_SYNC_FL | FS_NODUMP_FL | FS_NOATIME_FL;
const OF_DIRECTORIES = OF_FILES | FS_DIRSYNC_FL | FS_COMPR_FL | FS_NOCOMP_FL | FS_NOCOW_FL;

/**
 * Gives a copy the flags of its source; either may be O_PATH. They are hints: one that the layer cannot hold is left out, and the log says so.
 * @param type of both
 */
export function copyFlags(fs: FileSystem, source: number, target: number, type: number, name: CString): void {
  if (type !== S_IFREG && type !== S_IFDIR) return;
  const of = withOpen(source, getFileFlags);
  const wanted = of < 0 ? 0 : of & (type === S_IFDIR ? OF_DIRECTORIES : OF_FILES);
  if (wanted === 0) return;
  const refused = withOpen(target, (fd) => addFlags(fd, wanted));
  if (refused === 0) return;
  fs.log.warn('flags_dropped', {
    name: unterminated(name),
    flags: `0x${(refused < 0 ? wanted : refused).toString(16)}`,
    ...(refused < 0 ? { error: errnoName(-refused) } : {}),
  });
}

/** Whether a file can be made append-only where its copy is to be: tried on the unpublished copy. @returns 0 or -EPERM. */
export function canBeAppendOnly(copy: number): number {
  const set = addFlags(copy, FS_APPEND_FL);
  if (set !== 0) return -EPERM;
  const own = getFileFlags(copy);
  const cleared = own < 0 ? own : setFileFlags(copy, own & ~FS_APPEND_FL);
  return cleared < 0 ? -EPERM : 0;
}

/** Makes a published copy append-only. @returns 0 or a negative errno. */
export function makeAppendOnly(copy: number): number {
  const set = addFlags(copy, FS_APPEND_FL);
  return set > 0 ? -EIO : set;
}

/** Does what takes the name of an append-only source away, for which it must cease to be so; it is again if that fails. */
export function takingAppendOnly(dir: number, name: CString, source: Stat, take: () => number): number {
  const fd = openSame(dir, name, source);
  if (fd < 0) return fd;
  const own = getFileFlags(fd);
  let result = own < 0 ? own : setFileFlags(fd, own & ~FS_APPEND_FL);
  if (result === 0) {
    result = take();
    if (result < 0) setFileFlags(fd, own);
  }
  close(fd);
  return result;
}

function openSame(dir: number, name: CString, source: Stat): number {
  const fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return fd;
  const result = statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, now);
  if (result === 0 && now.sameObject(source)) return fd;
  close(fd);
  return result < 0 ? result : -EPERM;
}

const now = new Stat();

/** @returns the flags that the file system does not take, 0 when all are there, or a negative errno when it has no flags at all. */
function addFlags(fd: number, flags: number): number {
  const own = getFileFlags(fd);
  if (own < 0) return own;
  if (setFileFlags(fd, own | flags) === 0) return missing(fd, flags);
  let has = own;
  for (let bit = 1; bit <= flags; bit <<= 1) {
    if ((flags & bit) !== 0 && setFileFlags(fd, has | bit) === 0) has |= bit;
  }
  return missing(fd, flags);
}

/** Some file systems leave flags out without a word. */
function missing(fd: number, flags: number): number {
  const own = getFileFlags(fd);
  return own < 0 ? own : flags & ~own;
}

/** An O_PATH descriptor takes no ioctl. */
function withOpen(fd: number, work: (fd: number) => number): number {
  const result = work(fd);
  if (result !== -EBADF) return result;
  const opened = open(procPath(fd), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (opened < 0) return opened;
  const again = work(opened);
  close(opened);
  return again;
}
