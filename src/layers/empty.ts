// Whether a directory is empty: in one layer, or as the merged tree shows it.

import { EACCES, ENOENT, ENOTEMPTY } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { O_CLOEXEC, O_DIRECTORY, O_RDONLY } from '../sys/constants.ts';
import { cstring } from '../sys/cstring.ts';
import { eachDirent } from '../sys/dirents.ts';
import { close, openat } from '../sys/fd.ts';
import { asEither } from './either.ts';
import type { FileSystem } from './filesystem.ts';
import { allSides } from './livesides.ts';
import { refreshSides, side } from './sides.ts';

const DOT = cstring('.');

/** @returns 0 when no side of the directory holds anything, -ENOTEMPTY, or the errno of a side that cannot be read. */
export function isEmpty(fs: FileSystem, node: NodeId): number {
  refreshSides(fs, node);
  const sides = allSides(fs, node);
  if (typeof sides === 'number') return sides;
  // As the daemon: who may remove a directory need not be allowed to read it.
  for (const layer of sides) {
    const result = asEither(fs, () => isEmptySide(side(fs, node, layer)));
    // An ordinary user's daemon may not look either: the layer decides, when the directory is removed.
    if (result < 0 && result !== -EACCES) return result;
  }
  return 0;
}

/** @returns 0 when a layer's directory holds nothing, -ENOTEMPTY, or the errno of reading it. */
export function isEmptySide(dir: number): number {
  const fd = openat(dir, DOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fd === -ENOENT ? 0 : fd;
  let empty = true;
  const read = eachDirent(fd, () => {
    empty = false;
    return false;
  });
  close(fd);
  if (!empty) return -ENOTEMPTY;
  return read === -ENOENT ? 0 : read;
}
