// The sweep at the start of a mount: unpublished copies in our private directories that a daemon of this host left when it died. What a living
// process owns is left alone, and what one of another host has left, unless it is known to be gone (vigil.ts).

import { EEXIST, ENOENT, ENOTEMPTY, errnoName } from '../../protocol/errno.ts';
import type { Log } from '../log/log.ts';
import {
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  DT_DIR,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  STATX_BASIC_STATS,
} from '../sys/constants.ts';
import { type CString, cstring } from '../sys/cstring.ts';
import { eachDirent } from '../sys/dirents.ts';
import { close, openat } from '../sys/fd.ts';
import { statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { asideSuffix } from './aside.ts';
import { isUnfinishedLinks, removeLinks } from './linkentries.ts';
import { type IsGone, makerOf } from './maker.ts';
import { type FileSystemSetup, UPPER } from './setup.ts';
import { textOf } from './spot.ts';

const WORK = cstring('work');

/** @param isGone whose leftovers are wanted. */
export function sweep(setup: FileSystemSetup, log: Log, isGone: IsGone): void {
  for (const [layer, { path, ours }] of setup.layers.entries()) {
    const fd = openat(ours, WORK, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd === -ENOENT) continue;
    const swept = fd < 0 ? fd : sweepDirectory(fd, layer, path, isGone, log);
    if (swept < 0) log.warn('sweep_failed', { layer: path, error: errnoName(-swept) });
    if (fd >= 0) close(fd);
  }
}

/** @returns 0, or the errno of reading the directory. */
function sweepDirectory(dir: number, layer: number, path: string, isGone: IsGone, log: Log): number {
  return eachDirent(dir, ({ name, type }) => {
    const maker = makerOf(name);
    if (maker === undefined || !isGone(maker)) return true;
    const report = { layer: path, name: name.subarray(0, -1) };
    if (mustStay(dir, layer, name)) {
      log.error('strange_file_kept', { ...report, mend: 'look whose it is, and move it back' });
      return true;
    }
    const result = remove(dir, name, type === DT_DIR);
    if (result === 0) log.info('swept', report);
    else if (result !== -ENOENT && result !== -ENOTEMPTY && result !== -EEXIST) {
      log.warn('sweep_failed', { ...report, error: errnoName(-result) });
    }
    return true;
  });
}

const stat = new Stat();

/**
 * Whether what was out of the way when the daemon died may be wanted: what is not what it was meant to be, and had not been put back yet; and on
 * the upper layer a copy that was being taken back (takeback.ts), which has no other link: it may be the only one.
 */
function mustStay(dir: number, layer: number, name: CString): boolean {
  const meant = textOf(name).match(/\.of-[0-9a-f]+$/)?.[0];
  if (meant === undefined) return false;
  const found = statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat);
  return found !== 0 || asideSuffix(stat) !== meant || (layer === UPPER && stat.nlink <= 1);
}

function remove(dir: number, name: CString, isDirectory: boolean): number {
  if (!isDirectory) return unlinkat(dir, name, 0);
  return isUnfinishedLinks(name) ? removeLinks(dir, name) : unlinkat(dir, name, AT_REMOVEDIR);
}
