// The last step of a copy-up: the source goes, only now, and only if it still is what was copied.

import { ENOENT, errnoName } from '../../protocol/errno.ts';
import { AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS } from '../sys/constants.ts';
import { statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import type { Place } from './locate.ts';
import { unterminated } from './xattrpolicy.ts';

const now = new Stat();

/** @returns whether the source is gone. If not, it lies hidden under its copy, and is removed when the name is. */
export function removeSource(fs: FileSystem, at: Place, source: Stat): boolean {
  const found = statx(at.dir, at.ref.bytes, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, now);
  if (found === -ENOENT) return true;
  const result = found < 0 ? found : now.sameObject(source) ? unlinkat(at.dir, at.ref.bytes, 0) : 0;
  if (result === 0) return now.sameObject(source);
  fs.log.warn('source-kept', {
    name: unterminated(at.ref.bytes),
    layer: at.layer,
    error: errnoName(-result),
    consequence: 'the copy is in use; the source stays hidden below it until the name is deleted',
  });
  return false;
}
