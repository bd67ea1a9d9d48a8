// The sweep at the start of a mount: unpublished copies in our private directories that a daemon of this host left when it died. What a living
// process owns is left alone, and what one of another host has left, unless it is known to be gone (vigil.ts).

import { EEXIST, ENOENT, ENOTEMPTY, errnoName } from '../../protocol/errno.ts';
import type { Log } from '../log/log.ts';
import { AT_REMOVEDIR, AT_SYMLINK_NOFOLLOW, DT_DIR, STATX_BASIC_STATS } from '../sys/constants.ts';
import type { CString } from '../sys/cstring.ts';
import { statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { asideSuffix } from './aside.ts';
import { eachLeftover } from './leftovers.ts';
import { isUnfinishedLinks, removeLinks } from './linkentries.ts';
import type { IsGone } from './maker.ts';
import { type FileSystemSetup, UPPER } from './setup.ts';
import { textOf } from './spot.ts';

/** @param isGone whose leftovers are wanted. */
export function sweep(setup: FileSystemSetup, log: Log, isGone: IsGone): void {
  for (const [layer, each] of setup.layers.entries()) {
    const { path } = each;
    const read = eachLeftover(each, 'work', isGone, (dir, name, type) => {
      sweepOne(dir, name, type === DT_DIR, layer, path, log);
    });
    if (read < 0) log.warn('sweep_failed', { layer: path, error: errnoName(-read) });
  }
}

function sweepOne(
  dir: number,
  name: CString,
  isDirectory: boolean,
  layer: number,
  path: string,
  log: Log,
): void {
  const report = { layer: path, name: name.subarray(0, -1) };
  if (mustStay(dir, layer, name)) {
    log.error('strange_file_kept', { ...report, mend: 'look whose it is, and move it back' });
    return;
  }
  const result = remove(dir, name, isDirectory);
  if (result === 0) log.info('swept', report);
  else if (result !== -ENOENT && result !== -ENOTEMPTY && result !== -EEXIST) {
    log.warn('sweep_failed', { ...report, error: errnoName(-result) });
  }
}

const stat = new Stat();

/**
 * Whether what was out of the way when the daemon died may be wanted: what is not what it was meant to be, and had not been put back yet; and on
 * the upper layer a copy that was being taken back (takeback.ts), which has no other link: it may be the only one. What is kept while a rename replaces it
 * (kepttarget.ts), or has changed places with that, is a further link: only the last one may be wanted.
 */
function mustStay(dir: number, layer: number, name: CString): boolean {
  const [, kept, meant] = textOf(name).match(/(\.kept)?(\.of-[0-9a-f]+)$/) ?? [];
  if (meant === undefined) return false;
  const found = statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat);
  if (found === 0 && kept !== undefined && stat.nlink > 1) return false;
  return found !== 0 || asideSuffix(stat) !== meant || (layer === UPPER && stat.nlink <= 1);
}

function remove(dir: number, name: CString, isDirectory: boolean): number {
  if (!isDirectory) return unlinkat(dir, name, 0);
  return isUnfinishedLinks(name) ? removeLinks(dir, name) : unlinkat(dir, name, AT_REMOVEDIR);
}
