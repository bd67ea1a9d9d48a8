// The bytes of a copy-up, kept in the kernel: a reflink where the two files share a file system that has it, else copy_file_range
// over the data segments, so that holes stay holes, else read and write. Every short count is looked at; nothing is assumed.

import { EBADF, EINTR, EINVAL, EIO, ENOSYS, ENXIO, EOPNOTSUPP, EPERM, EXDEV } from '../../protocol/errno.ts';
import type { Int64 } from '../../protocol/types.ts';
import { SEEK_DATA, SEEK_HOLE } from '../sys/constants.ts';
import { copyFileRange, ficlone } from '../sys/copy.ts';
import { ftruncate, lseek, pread, pwrite } from '../sys/fd.ts';

/** How the data came over, for the log and the journal. */
export type CopyMethod = 'reflink' | 'copy_file_range' | 'read/write' | 'none';

export interface CopyReport {
  method: CopyMethod;
  /** Bytes that were moved; holes and shared extents do not count. */
  bytes: number;
}

/** One call's worth of copy_file_range: a caller who gives up waits at most for this much. */
const SLICE = 16 << 20;
const BUFFER = 1 << 20;

/** The source is not what it was: the copy has to start again. No errno, and never an answer. */
export const CHANGED = -10_007;

/**
 * Copies the first `size` bytes of `source` to the empty file `target`, and makes `target` that long.
 * @param whole the source is `size` bytes long, so that a reflink would be the same.
 * @returns 0, -EINTR when the caller has given up, CHANGED when the source ended early, or either file's error.
 */
export function copyData(
  source: number,
  target: number,
  size: Int64,
  whole: boolean,
  interrupted: () => boolean,
  report: CopyReport,
): number {
  report.bytes = 0;
  report.method = 'none';
  if (size === 0) return 0;
  if (whole && ficlone(target, source) === 0) {
    report.method = 'reflink';
    return 0;
  }
  report.method = 'copy_file_range';
  // A sparse file may be longer than a number is exact.
  const all = BigInt(size);
  let at = 0n;
  while (at < all) {
    const start = lseek(source, at, SEEK_DATA);
    if (start === -ENXIO) break; // only a hole is left
    const known = start >= 0;
    if (!known && start !== -EINVAL) return Number(start);
    const from = known ? BigInt(start) : at; // a file system without holes: all is data
    const hole = known ? lseek(source, from, SEEK_HOLE) : all;
    if (hole < 0) return hole === -ENXIO ? CHANGED : Number(hole);
    const end = hole < all ? BigInt(hole) : all;
    if (from >= all) break;
    const result = copySegment(source, target, from, end, interrupted, report);
    if (result < 0) return result;
    at = end;
  }
  return ftruncate(target, size);
}

function copySegment(
  source: number,
  target: number,
  from: bigint,
  end: bigint,
  interrupted: () => boolean,
  report: CopyReport,
): number {
  let at = from;
  while (at < end) {
    if (interrupted()) return -EINTR;
    const length = Math.min(SLICE, Number(end - at));
    let count = 0;
    if (report.method === 'copy_file_range') {
      count = copyFileRange(source, at, target, at, length);
      // 0 before the end is what some file systems answer for what they cannot do (copy_file_range(2), BUGS).
      if (count === 0 || isUnsupported(count)) report.method = 'read/write';
    }
    if (report.method === 'read/write') count = copyThroughBuffer(source, target, at, length);
    if (count < 0) return count;
    if (count === 0) return CHANGED;
    at += BigInt(count);
    report.bytes += count;
  }
  return 0;
}

function isUnsupported(result: number): boolean {
  return (
    result === -EXDEV ||
    result === -EOPNOTSUPP ||
    result === -EINVAL ||
    result === -ENOSYS ||
    result === -EBADF ||
    result === -EPERM
  );
}

let buffer: Uint8Array | undefined;

/** @returns bytes written, 0 at the end of the source. */
function copyThroughBuffer(source: number, target: number, at: bigint, length: number): number {
  buffer ??= new Uint8Array(BUFFER);
  const got = pread(source, buffer, Math.min(length, BUFFER), at);
  if (got <= 0) return got;
  let done = 0;
  while (done < got) {
    const put = pwrite(target, done === 0 ? buffer : buffer.subarray(done), got - done, at + BigInt(done));
    if (put < 0) return put;
    if (put === 0) return -EIO; // a device that takes nothing and says nothing: never loop on it
    done += put;
  }
  return got;
}
