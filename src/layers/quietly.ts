// Entering a name in a directory on migratefs's own account: a copy, a parent that a layer lacks, a further name of a copied file. Users
// have changed nothing there, so the directory's time of modification stays what it was: make, backups and people go by it.

import { EACCES, EPERM, errnoName } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { AT_EMPTY_PATH, AT_FDCWD, STATX_MTIME } from '../sys/constants.ts';
import { EMPTY } from '../sys/cstring.ts';
import { procPath, statx, utimensat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { ATIME, MTIME, TimeSpecs, UTIME_NOW, UTIME_OMIT } from '../sys/times.ts';
import { UNSETTLED } from './entrychanges.ts';
import type { FileSystem } from './filesystem.ts';
import { pathOf } from './migrated.ts';

const before = new Stat();
const times = new TimeSpecs();

/**
 * Does what enters a name in `dir`, a layer's side of the directory `node`, and gives `dir` its time of modification back. A user's own
 * change meanwhile counts: then the time is now. Another host's within the same microseconds may lose its time, never its entry.
 * @returns what `enter` does, 0 or a negative errno
 */
export function quietly(fs: FileSystem, node: NodeId, dir: number, enter: () => number): number {
  const { changes } = fs;
  changes.hold(node);
  try {
    const settled = changes.settled(node);
    const known = settled === UNSETTLED ? -1 : statx(dir, EMPTY, AT_EMPTY_PATH, STATX_MTIME, before);
    const result = enter();
    if (result < 0 || known < 0) return result;
    setBack(fs, node, dir, before.mtimeSec, before.mtimeNsec);
    if (changes.begun(node) !== settled) setBack(fs, node, dir, 0, UTIME_NOW);
    return result;
  } finally {
    changes.release(node);
  }
}

function setBack(fs: FileSystem, node: NodeId, dir: number, seconds: number | bigint, nsec: number): void {
  times.set(ATIME, 0, UTIME_OMIT).set(MTIME, seconds, nsec);
  const result = utimensat(AT_FDCWD, procPath(dir), times, 0);
  // A server that squashes root, and a caller who does not own the directory: it shows the time of the copy.
  if (result === 0 || result === -EPERM || result === -EACCES) return;
  fs.log.warn('directory_time_changed', { path: pathOf(fs, node), error: errnoName(-result) });
}
