// Which directories of a mount are the working directory (or the root) of a process: those must keep their place in the kernel's
// tree, or getcwd(2) fails there. Processes that cannot be looked at, of other users or other pid namespaces, are not seen.

import { readdirSync } from 'node:fs';
import { AT_FDCWD, AT_NO_AUTOMOUNT, AT_STATX_DONT_SYNC, STATX_INO } from '../sys/constants.ts';
import { cstring } from '../sys/cstring.ts';
import { statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';

const stat = new Stat();
const LINKS = ['cwd', 'root'];

/** One key for an inode number in two words. */
export function inodeKey(lo: number, hi: number): string {
  return `${hi}:${lo}`;
}

/**
 * The keys of the inode numbers of all such directories on the file system with this device number.
 * @param minor of an anonymous device (major 0), as FUSE mounts have
 */
export function workingDirectories(minor: number): Set<string> {
  const found = new Set<string>();
  for (const pid of readdirSync('/proc')) {
    if (!/^[0-9]/.test(pid)) continue;
    for (const link of LINKS) {
      // What is known of it without asking the mount: the answer would come from this very process.
      const flags = AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT;
      const result = statx(AT_FDCWD, cstring(`/proc/${pid}/${link}`), flags, STATX_INO, stat);
      if (result === 0 && stat.devMajor === 0 && stat.devMinor === minor)
        found.add(inodeKey(stat.inoLo, stat.inoHi));
    }
  }
  return found;
}
