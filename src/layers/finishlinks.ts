// Files of the link index all of whose names have come up, of which a daemon died before the index had forgotten them (linkindex.ts): their copies
// would count one name too many for ever. That only the index knows the file is certain at any moment: no name can come back.

import { ENOENT, errnoName } from '../../protocol/errno.ts';
import type { Log } from '../log/log.ts';
import {
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  STATX_BASIC_STATS,
} from '../sys/constants.ts';
import { type CString, cstring } from '../sys/cstring.ts';
import { eachDirent } from '../sys/dirents.ts';
import { close, openat } from '../sys/fd.ts';
import { statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { forgetKey } from './linkentries.ts';
import { type FileSystemSetup, type LayerSetup, UPPER } from './setup.ts';
import { textOf } from './spot.ts';

const LINKS = cstring('links');

/** It looks at each file of the index: call it when a daemon has died, not at every mount. */
export function finishLinks({ layers }: FileSystemSetup, log: Log): void {
  const { ours } = layers[UPPER] as LayerSetup;
  for (const layer of layers.slice(UPPER + 1)) {
    const result = finishIn(layer, ours);
    if (result < 0) log.error('recovery_failed', { layer: layer.path, error: errnoName(-result) });
  }
}

/** @returns 0 or the first negative errno */
function finishIn(layer: LayerSetup, upper: number): number {
  const dir = openat(layer.ours, LINKS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (dir < 0) return dir === -ENOENT ? 0 : dir;
  const names: CString[] = [];
  let result = eachDirent(dir, ({ name }) => names.push(name.slice()) > 0);
  for (const name of names) {
    const finished = isLast(dir, name) ? forgetKey(upper, textOf(name), dir, name) : 0;
    if (result === 0) result = finished;
  }
  close(dir);
  return result;
}

const stat = new Stat();

function isLast(dir: number, name: CString): boolean {
  const found = statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat);
  return found === 0 && stat.isFile && stat.nlink === 1;
}
