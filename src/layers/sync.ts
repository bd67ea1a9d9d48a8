// Durable data and directory entries: what must be on disk before the only other copy goes.

import { O_CLOEXEC, O_DIRECTORY, O_RDONLY } from '../sys/constants.ts';
import { cstring } from '../sys/cstring.ts';
import { close, dupCloexec, fsync, openat, syncfs } from '../sys/fd.ts';

const DOT = cstring('.');

/** fsync(2) of a file, and what close(2) would say: some file systems put errors off until then. @returns 0 or a negative errno. */
export function syncFile(fd: number): number {
  const result = fsync(fd);
  const copy = result < 0 ? result : dupCloexec(fd);
  return copy < 0 ? copy : close(copy);
}

/** fsync(2) of a directory. O_PATH descriptors cannot be synced, so it is opened once more. @returns 0 or a negative errno. */
export function syncDirectory(dir: number): number {
  const fd = openat(dir, DOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fd;
  const result = fsync(fd);
  const closed = close(fd);
  return result < 0 ? result : closed;
}

/** syncfs(2) of the file system that holds a layer's root. */
export function syncLayer(root: number): number {
  const fd = openat(root, DOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fd;
  const result = syncfs(fd);
  close(fd);
  return result;
}
