// Records that outlive the daemon which has written them are believed only if nobody else can have written them: `.migratefs` is the daemon's
// alone, but a layer can have been restored, copied or mounted elsewhere meanwhile.

import { EACCES } from '../../protocol/errno.ts';
import { AT_EMPTY_PATH, O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } from '../sys/constants.ts';
import { geteuid } from '../sys/credentials.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { close, openat, read } from '../sys/fd.ts';
import { statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { STATE_MASK } from './identity.ts';

interface Ours {
  readonly bytes: Uint8Array;
  /** How many names the file has: its marks (marks.ts) are some of them. */
  readonly links: number;
}

const stat = new Stat();

/**
 * Reads a file of ours. Nothing else that has the name is waited for.
 * @param most bytes; the rest of a longer file is left. @returns -EACCES for what is not the daemon's alone, or another negative errno
 */
export function readOurs(folder: number, name: CString, most: number): Ours | number {
  const fd = openat(folder, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return fd;
  const known = statx(fd, EMPTY, AT_EMPTY_PATH, STATE_MASK, stat);
  const ours = stat.isFile && stat.uid === geteuid() && (stat.mode & 0o077) === 0;
  const links = stat.nlink;
  const bytes = known < 0 ? known : ours ? readUpTo(fd, Math.min(Number(stat.size), most)) : -EACCES;
  close(fd);
  return typeof bytes === 'number' ? bytes : { bytes, links };
}

function readUpTo(fd: number, most: number): Uint8Array | number {
  const bytes = new Uint8Array(most);
  let done = 0;
  while (done < most) {
    const count = read(fd, bytes.subarray(done), most - done);
    if (count < 0) return count;
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}
