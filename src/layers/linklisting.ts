// Names of a lower directory that is listed, of files that have come up under another name: they show the copy's number, as stat does.

import { ELOOP, ENOENT, ENOTDIR } from '../../protocol/errno.ts';
import {
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  STATX_BASIC_STATS,
  STATX_BTIME,
} from '../sys/constants.ts';
import { type CString, cstring } from '../sys/cstring.ts';
import { eachDirent } from '../sys/dirents.ts';
import { close, openat } from '../sys/fd.ts';
import { statx } from '../sys/path.ts';
import type { Stat } from '../sys/stat.ts';
import { asEither } from './either.ts';
import type { FileSystem } from './filesystem.ts';
import { copyOf, isLinked } from './linkindex.ts';
import { oursOf } from './private.ts';
import { UPPER } from './setup.ts';

/** @returns 0 with the copy's attributes in `copy`, -ENOENT when the entry is of no file that has one, or another negative errno. */
export type FindCopy = (dir: number, inoLo: number, inoHi: number, name: CString, copy: Stat) => number;

const LINKS = cstring('links');
const NOTHING: FindCopy = () => -ENOENT;

/**
 * For the listing of a layer's directories, whose entries tell an inode number alone. Most often the index is empty, which one question
 * tells. Call it as the daemon. @returns a negative errno when the index cannot be read
 */
export function copiesOf(fs: FileSystem, layer: number): FindCopy | number {
  if (layer === UPPER) return NOTHING;
  const known = numbersOf(fs, layer);
  // What stands in the folder's place is no index.
  if (known === -ENOENT || known === -ENOTDIR || known === -ELOOP) return NOTHING;
  if (typeof known === 'number') return known;
  if (known.size === 0) return NOTHING;
  return (dir, inoLo, inoHi, name, copy) => {
    if (!known.has(inoLo)) return -ENOENT;
    const look = () => statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, copy);
    const found = asEither(fs, look);
    if (found < 0) return found;
    if (!isLinked(copy) || copy.inoLo !== inoLo || copy.inoHi !== inoHi) return -ENOENT;
    const path = copyOf(fs, layer, copy);
    return typeof path === 'number' ? path : 0;
  };
}

/** The low words of the inode numbers that the index has of a layer. */
function numbersOf(fs: FileSystem, layer: number): Set<number> | number {
  const fd = openat(oursOf(fs, UPPER), LINKS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return fd;
  const known = new Set<number>();
  const start = `${layer}-`;
  const read = eachDirent(fd, ({ name }) => {
    const key = new TextDecoder('latin1').decode(name);
    if (key.startsWith(start)) {
      known.add(Number.parseInt(key.slice(start.length + 8, start.length + 16), 16));
    }
    return true;
  });
  close(fd);
  return read < 0 ? read : known;
}
