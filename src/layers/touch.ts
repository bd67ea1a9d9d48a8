// A merged directory shows the times of its topmost side. A user's change that only a side further down has seen (a name removed, moved or
// linked in an old storage) sets the topmost side's too, as it would set the one of a plain directory.

import { EACCES, EPERM, EROFS, errnoName } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { AT_FDCWD } from '../sys/constants.ts';
import { procPath, utimensat } from '../sys/path.ts';
import { ATIME, MTIME, TimeSpecs, UTIME_NOW, UTIME_OMIT } from '../sys/times.ts';
import type { FileSystem } from './filesystem.ts';
import { pathOf } from './migrated.ts';
import { side, topSide } from './sides.ts';

const times = new TimeSpecs().set(ATIME, 0, UTIME_OMIT).set(MTIME, 0, UTIME_NOW);

/** After an entry of the directory has changed in `layer` and in none above. */
export function touch(fs: FileSystem, directory: NodeId, layer: number): void {
  const top = topSide(fs, directory);
  if (top < 0 || top >= layer) return;
  // The caller may write there, which is less than it takes to set one time and not the other.
  const dir = side(fs, directory, top);
  const result = fs.caller.asDaemon(() => utimensat(AT_FDCWD, procPath(dir), times, 0));
  // A server that squashes root: the time stays. What the user has asked for is done.
  if (result === 0 || result === -EPERM || result === -EACCES || result === -EROFS) return;
  fs.log.warn('directory_time_kept', { path: pathOf(fs, directory), error: errnoName(-result) });
}
