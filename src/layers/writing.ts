// Writing through a handle's descriptor as the file's flags are now: fcntl(F_SETFL) reaches nobody but the kernel, and each request tells
// the flags that it is made under. What a shared mapping has changed is written under none of them.

import { EINVAL } from '../../protocol/errno.ts';
import type { Int64 } from '../../protocol/types.ts';
import { O_APPEND, O_CLOEXEC, O_DIRECT, O_NOATIME, O_NONBLOCK, O_WRONLY } from '../sys/constants.ts';
import { append, close, getFlags, open, pwrite, setFlags } from '../sys/fd.ts';
import { procPath } from '../sys/path.ts';
import type { FileSystem } from './filesystem.ts';

const FOLLOWED = O_APPEND | O_DIRECT | O_NOATIME;

/**
 * Makes a descriptor's flags those of a request, but for O_APPEND, which is only ever taken away: pages of a mapping that are on their
 * way would go to the file's end if it came between.
 */
export function followFlags(fs: FileSystem, fd: number, flags: number): void {
  const { table } = fs;
  if (next(table.handleFlags(fd), flags) === table.handleFlags(fd)) return;
  table.lockHandles(); // two workers may be told of different changes
  const known = table.handleFlags(fd);
  const wanted = next(known, flags);
  const change = () => setFlags(fd, (getFlags(fd) & ~FOLLOWED) | (wanted & FOLLOWED));
  if (wanted !== known && fs.caller.asDaemon(change) === 0) table.setHandleFlags(fd, wanted);
  table.unlockHandles();
}

function next(known: number, flags: number): number {
  return (known & (~FOLLOWED | (flags & O_APPEND))) | (flags & (O_DIRECT | O_NOATIME));
}

/** A write that a program has made. @returns bytes or a negative errno. */
export function writeUnder(
  fs: FileSystem,
  fd: number,
  flags: number,
  bytes: Uint8Array,
  length: number,
  offset: Int64,
): number {
  followFlags(fs, fd, flags);
  const appends = (flags & O_APPEND) !== 0 && (fs.table.handleFlags(fd) & O_APPEND) === 0;
  return appends ? append(fd, bytes, length) : pwrite(fd, bytes, length, offset);
}

/** Pages of a shared mapping, which lie where they lie and end where the file ends. @returns bytes or a negative errno. */
export function writePages(
  fs: FileSystem,
  fd: number,
  bytes: Uint8Array,
  length: number,
  offset: Int64,
): number {
  if ((fs.table.handleFlags(fd) & (O_APPEND | O_DIRECT)) === 0) {
    const written = pwrite(fd, bytes, length, offset);
    if (written !== -EINVAL) return written; // O_DIRECT may have come between
  }
  const plain = open(procPath(fd), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  if (plain < 0) return plain;
  const written = pwrite(plain, bytes, length, offset);
  const closed = close(plain);
  return written >= 0 && closed < 0 ? closed : written;
}
