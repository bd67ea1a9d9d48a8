// The layers of a read-only mount are reached through mounts of the daemon's own, which nothing can be written through: reading leaves no
// access time behind, and whatever else goes wrong, nothing changes.

import { readlinkSync } from 'node:fs';
import {
  AT_EMPTY_PATH,
  AT_RECURSIVE,
  MOUNT_ATTR__ATIME,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_RDONLY,
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from '../sys/constants.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { close, open } from '../sys/fd.ts';
import { openTree, setMountAttributes } from '../sys/mount.ts';
import { readMounts } from '../sys/mountinfo.ts';

/**
 * Opens a layer's root for reading alone. Ordinary users, kernels before 5.12, and layers with mounts that cannot be copied have no such
 * mounts: there the storage keeps access times as it is mounted. @returns an O_PATH descriptor or a negative errno.
 */
export function openUntouched(path: CString): number {
  const plain = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (plain < 0 || cannotCopy(plain)) return plain;
  const fd = openTree(plain, EMPTY, AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  if (fd < 0) return plain;
  const set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME;
  // `plain` stays open beside: the administrator's own mount must be as busy as it is in use.
  if (setMountAttributes(fd, AT_RECURSIVE, set, MOUNT_ATTR__ATIME) === 0) return fd;
  close(fd);
  return plain;
}

/**
 * Whether a copy of the mounts below a layer would leave something out, and show an empty directory in its place: an unbindable mount, or
 * what an automounter would mount there.
 */
function cannotCopy(layer: number): boolean {
  const root = readlinkSync(`/proc/self/fd/${layer}`);
  const below = root === '/' ? root : `${root}/`;
  return readMounts().some(
    ({ point, type, unbindable }) => point.startsWith(below) && (unbindable || type === 'autofs'),
  );
}
