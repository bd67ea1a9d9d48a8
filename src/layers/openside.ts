// One directory of one layer, opened for work in it.

import {
  AT_EMPTY_PATH,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  STATX_BASIC_STATS,
  STATX_BTIME,
} from '../sys/constants.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { close, openat } from '../sys/fd.ts';
import { statx } from '../sys/path.ts';
import type { Stat } from '../sys/stat.ts';

/** Opens the directory `name` of `dir` itself, never what a symlink there points to, and fills `found`. */
export function openSide(dir: number, name: CString, found: Stat): number {
  const fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return fd;
  const result = statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, found);
  if (result === 0) return fd;
  close(fd);
  return result;
}
