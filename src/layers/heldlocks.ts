// Which locks are held through a descriptor, as the kernel tells it in /proc: it alone knows what is left of a range after all that was
// locked, joined and cut.

import { EIO } from '../../protocol/errno.ts';
import { F_RDLCK, F_WRLCK, LOCK_EX, LOCK_SH, O_CLOEXEC, O_RDONLY } from '../sys/constants.ts';
import { cstring } from '../sys/cstring.ts';
import { close, open, read } from '../sys/fd.ts';
import type { FileSystem } from './filesystem.ts';

/** A range of a file, both ends in it. */
export interface HeldRange {
  readonly type: number;
  readonly start: bigint;
  readonly end: bigint;
}

export interface Held {
  readonly ranges: HeldRange[];
  /** LOCK_SH, LOCK_EX, or 0 for none. */
  readonly flock: number;
}

/** The end of a lock that has none. */
export const NO_END = 2n ** 63n - 1n;

const LINE = /^lock:\s+\d+: (OFDLCK|FLOCK)\s+\S+\s+(READ|WRITE)\s+\S+ \S+ (\d+) (\d+|EOF)$/gm;
const chunk = new Uint8Array(4096);

/** @returns the locks, or a negative errno: then nothing is known of them. */
export function heldLocks(fs: FileSystem, fd: number): Held | number {
  const text = fs.caller.asDaemon(() => readText(`/proc/self/fdinfo/${fd}`));
  if (typeof text === 'number') return text;
  const ranges: HeldRange[] = [];
  let flock = 0;
  for (const [, kind, mode, start, end] of text.matchAll(LINE)) {
    const writes = mode === 'WRITE';
    if (kind === 'FLOCK') flock = writes ? LOCK_EX : LOCK_SH;
    else {
      const last = end === 'EOF' ? NO_END : BigInt(end as string);
      ranges.push({ type: writes ? F_WRLCK : F_RDLCK, start: BigInt(start as string), end: last });
    }
  }
  return { ranges, flock };
}

function readText(path: string): string | number {
  const fd = open(cstring(path), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fd;
  let text = '';
  let count: number;
  for (;;) {
    count = read(fd, chunk, chunk.length);
    if (count <= 0) break;
    text += Buffer.from(chunk.subarray(0, count)).toString('latin1');
  }
  close(fd);
  return count < 0 ? count : text === '' ? -EIO : text;
}
