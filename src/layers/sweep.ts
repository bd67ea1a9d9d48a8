// The sweep at the start of a mount: unpublished copies in our private directories that a daemon of this host left when it died. What a living
// process owns, or another host, is left alone.

import { EEXIST, ENOENT, ENOTEMPTY, errnoName } from '../../protocol/errno.ts';
import type { Log } from '../log/log.ts';
import { AT_REMOVEDIR, DT_DIR, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../sys/constants.ts';
import { type CString, cstring } from '../sys/cstring.ts';
import { eachDirent } from '../sys/dirents.ts';
import { close, openat } from '../sys/fd.ts';
import { unlinkat } from '../sys/path.ts';
import { isUnfinishedLinks, removeLinks } from './linkentries.ts';
import type { FileSystemSetup } from './setup.ts';

const WORK = cstring('work');

export function sweep(setup: FileSystemSetup, log: Log): void {
  for (const { path, ours } of setup.layers) {
    const fd = openat(ours, WORK, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd === -ENOENT) continue;
    const swept = fd < 0 ? fd : sweepDirectory(fd, path, setup.host, log);
    if (swept < 0) log.warn('sweep_failed', { layer: path, error: errnoName(-swept) });
    if (fd >= 0) close(fd);
  }
}

/** @returns 0, or the errno of reading the directory. */
function sweepDirectory(dir: number, path: string, host: string, log: Log): number {
  return eachDirent(dir, ({ name, type }) => {
    if (!isLeftover(name, host)) return true;
    const result = remove(dir, name, type === DT_DIR);
    const report = { layer: path, name: name.subarray(0, -1) };
    if (result === 0) log.info('swept', report);
    else if (result !== -ENOENT && result !== -ENOTEMPTY && result !== -EEXIST) {
      log.warn('sweep_failed', { ...report, error: errnoName(-result) });
    }
    return true;
  });
}

function remove(dir: number, name: CString, isDirectory: boolean): number {
  if (!isDirectory) return unlinkat(dir, name, 0);
  return isUnfinishedLinks(name) ? removeLinks(dir, name) : unlinkat(dir, name, AT_REMOVEDIR);
}

/** Whether a name is one of `privateName` of a process of this host that is gone. */
export function isLeftover(name: Uint8Array, host: string): boolean {
  const text = new TextDecoder('latin1').decode(name.subarray(0, -1));
  const match = /^(.+)\.(\d+)\.\d+\.\d+\.[0-9a-f]+(?:\.links)?$/.exec(text);
  return match !== null && match[1] === host && !isAlive(Number(match[2]));
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return false; // a former process had this number: nothing has been made yet
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
