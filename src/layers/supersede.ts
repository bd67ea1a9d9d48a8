// A rename that puts a file of one layer in the place of what a layer below shows: the old content is the only one until the new one and its name
// are durable, since the two lie on different storages. So that comes first, and the old one goes after it.

import { EACCES, errnoName } from '../../protocol/errno.ts';
import {
  AT_EMPTY_PATH,
  O_CLOEXEC,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  S_IFREG,
  STATX_BASIC_STATS,
} from '../sys/constants.ts';
import { EMPTY } from '../sys/cstring.ts';
import { close, open, openat } from '../sys/fd.ts';
import { procPath, statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { MOVED } from './again.ts';
import type { End } from './bringup.ts';
import { syncSide } from './durable.ts';
import { asEither } from './either.ts';
import type { FileSystem } from './filesystem.ts';
import { removeHidden } from './hidden.ts';
import { namedPath } from './journal.ts';
import { syncFile } from './sync.ts';

/** Whether the target is one that only a layer below `layer` has. */
export const supersedes = (layer: number, to: End): boolean => to.layer > layer;

/**
 * Before the rename: brings the new content to disk. @param dir the directory that has it.
 * @returns 0 or the storage's negative errno, as of fsync(2); `MOVED` when the name is another object's by now; -EACCES or -EPERM when nobody may
 * open it, so that it cannot be asked for
 */
export function syncContent(fs: FileSystem, dir: number, { name, stat }: End): number {
  if (stat.type !== S_IFREG) return 0;
  const object = asEither(fs, () => openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (object < 0) return object;
  const fd = openSame(fs, object, stat);
  close(object);
  if (fd < 0) return fd;
  const result = syncFile(fd);
  close(fd);
  return result;
}

// Something that must not be opened (a FIFO, a device) may have taken the name.
function openSame(fs: FileSystem, object: number, file: Stat): number {
  const seen = statx(object, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, found);
  if (seen < 0) return seen;
  if (!found.sameObject(file)) return MOVED;
  return asEither(fs, () => open(procPath(object), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
}

const found = new Stat();

/** After it: what is left of the old target below `layer` must not come back when the new file is deleted natively. */
export function dropOldTargets(fs: FileSystem, layer: number, to: End, isContentDurable: boolean): void {
  let result = isContentDurable ? 0 : -EACCES;
  if (result === 0 && supersedes(layer, to)) result = syncSide(fs, to.parent, layer);
  if (result === 0) result = removeHidden(fs, to.parent, to.name, layer);
  reportKept(fs, to, result);
}

function reportKept(fs: FileSystem, to: End, result: number): void {
  if (result < 0)
    fs.log.warn('hidden_copy_kept', { path: namedPath(fs, to.parent, to.name), error: errnoName(-result) });
}
