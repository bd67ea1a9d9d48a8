// What must be on disk before something else is changed. A storage that loses power has all that it was asked to make durable, and of the rest
// whatever it likes; two storages are not equally quick. So a step that only makes sense after one on another storage waits for that.

import { EINVAL, ENOENT } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { asEither, isRefused } from './either.ts';
import type { FileSystem } from './filesystem.ts';
import { UPPER } from './setup.ts';
import { side } from './sides.ts';
import { syncDirectory } from './sync.ts';

// What a file system answers that has no fsync for directories, as some that are never written to (squashfs, iso9660).
const isUnknown = (layer: number, result: number): boolean => layer !== UPPER && result === -EINVAL;

/**
 * Makes durable which entries a layer's side of a directory has. One that neither the daemon nor the caller may read (a server that squashes
 * root) cannot be asked to, nor can an old storage that does not know how. @returns 0, also where the layer has no side, or a negative errno
 */
export function syncSide(fs: FileSystem, directory: NodeId, layer: number): number {
  const dir = side(fs, directory, layer);
  if (dir < 0) return dir === -ENOENT ? 0 : dir;
  const result = asEither(fs, () => syncDirectory(dir));
  return isRefused(result) || isUnknown(layer, result) ? 0 : result;
}

/** The same of several directories, in several layers. @returns 0 or the first negative errno */
export function syncSides(fs: FileSystem, directories: readonly NodeId[], layers: readonly number[]): number {
  for (const layer of layers) {
    for (const directory of new Set(directories)) {
      const result = syncSide(fs, directory, layer);
      if (result < 0) return result;
    }
  }
  return 0;
}
