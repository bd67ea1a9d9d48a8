// Handles that were opened on a lower file before its copy-up go on with the copy, so that a reader sees what a writer writes later:
// the backing descriptor is replaced in place, under its own number.

import { EINVAL, errnoName } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { newIdentity } from '../inodes/table.ts';
import {
  AT_EMPTY_PATH,
  O_ACCMODE,
  O_APPEND,
  O_CLOEXEC,
  O_DIRECT,
  O_NOATIME,
  O_NONBLOCK,
  O_RDWR,
  S_IFREG,
  STATX_BASIC_STATS,
} from '../sys/constants.ts';
import { EMPTY } from '../sys/cstring.ts';
import { close, dup3, open as reopen } from '../sys/fd.ts';
import { procPath, statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { LOCK_HANDLE } from './handlekinds.ts';
import { rebind } from './rebind.ts';
import { UPPER } from './setup.ts';

/** As many handles as a process can have descriptors, which fs.nr_open bounds. */
const open = new Int32Array(1 << 20);
const identity = newIdentity();
const NONE: ReadonlyMap<number, number> = new Map();

/**
 * The node shows its copy from now on, and so do its open handles.
 * @param copy a descriptor of the copy itself: its name may be another object's by now. @param made the copy's attributes.
 * @param carried descriptors of the copy that are to take the place of handles, by these.
 */
export function redirectHandles(
  fs: FileSystem,
  node: NodeId,
  copy: number,
  made: Stat,
  carried: ReadonlyMap<number, number> = NONE,
): void {
  const { table } = fs;
  identity.layer = UPPER;
  identity.device = table.deviceIndex(made.devMajor, made.devMinor, UPPER);
  identity.inoLo = made.inoLo;
  identity.inoHi = made.inoHi;
  identity.birth = made.birth;
  // Under one lock with "a handle is added or removed": an opener that found the lower file adds its handle before, and is
  // redirected, or after, and sees the new identity.
  table.lockHandles();
  try {
    rebind(fs, node, identity);
    const count = made.type === S_IFREG ? table.handles(node, open) : 0;
    for (const handle of open.subarray(0, count)) {
      const better = carried.get(handle);
      // One that was replaced before may have been locked since.
      if (better !== undefined || !isOpenOn(handle, made)) redirect(fs, handle, copy, better);
    }
  } finally {
    table.unlockHandles();
  }
}

const now = new Stat();

/** Whether a handle is one of the copy already. */
export function isOpenOn(handle: number, copy: Stat): boolean {
  return statx(handle, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, now) === 0 && now.sameObject(copy);
}

/** One that can write was opened through /proc/PID/fd, of a file that had lost the name it was opened by and still has another below. */
const KEPT = O_ACCMODE | O_APPEND | O_DIRECT | O_NOATIME;

/** The copy, open as a handle of the file is to have it. @returns a descriptor or a negative errno. */
export function openCopyFor(fs: FileSystem, handle: number, copy: number): number {
  const isLock = fs.table.handleKind(handle) === LOCK_HANDLE;
  const flags = (isLock ? O_RDWR | O_APPEND : fs.table.handleFlags(handle) & KEPT) | O_NONBLOCK | O_CLOEXEC;
  const path = procPath(copy);
  const fd = reopen(path, flags);
  // The new storage may have no O_DIRECT, which the reader then does without.
  return fd === -EINVAL ? reopen(path, flags & ~O_DIRECT) : fd;
}

function redirect(fs: FileSystem, handle: number, copy: number, carried: number | undefined): void {
  const fd = carried ?? openCopyFor(fs, handle, copy);
  const result = fd < 0 ? fd : dup3(fd, handle, O_CLOEXEC);
  if (fd >= 0 && fd !== carried) close(fd);
  if (result < 0) fs.log.error('redirect_failed', { handle, error: errnoName(-result) });
}
