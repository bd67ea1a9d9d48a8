// A rename that puts a file of one layer in the place of what a layer below shows: the old content is the only one until the new one and its name
// are durable, since the two lie on different storages. So that comes first, and the old one goes after it.

import { EACCES, errnoName } from '../../protocol/errno.ts';
import { O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, S_IFREG } from '../sys/constants.ts';
import { close, openat } from '../sys/fd.ts';
import type { End } from './bringup.ts';
import { syncSide } from './durable.ts';
import { asEither } from './either.ts';
import type { FileSystem } from './filesystem.ts';
import { removeHidden } from './hidden.ts';
import { syncFile } from './sync.ts';
import { unterminated } from './xattrpolicy.ts';

/** Whether the target is one that only a layer below `layer` has. */
export const supersedes = (layer: number, to: End): boolean => to.layer > layer;

/**
 * Before the rename: brings the new content to disk. @param dir the directory that has it.
 * @returns 0 or the storage's negative errno, as of fsync(2); -EACCES or -EPERM when nobody may open it, so that it cannot be asked for
 */
export function syncContent(fs: FileSystem, dir: number, { name, stat }: End): number {
  if (stat.type !== S_IFREG) return 0;
  const fd = asEither(fs, () => openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  if (fd < 0) return fd;
  const result = syncFile(fd);
  close(fd);
  return result;
}

/** After it: what is left of the old target below `layer` must not come back when the new file is deleted natively. */
export function dropOldTargets(fs: FileSystem, layer: number, to: End, isContentDurable: boolean): void {
  let result = isContentDurable ? 0 : -EACCES;
  if (result === 0 && supersedes(layer, to)) result = syncSide(fs, to.parent, layer);
  if (result === 0) result = removeHidden(fs, to.parent, to.name, layer);
  if (result < 0) {
    fs.log.warn('hidden_copy_kept', { name: unterminated(to.name), error: errnoName(-result) });
  }
}
