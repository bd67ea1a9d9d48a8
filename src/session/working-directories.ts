// Which directories of a mount are the working directory (or the root) of a process: those must keep their place in the kernel's
// tree, or getcwd(2) fails there. Processes that cannot be looked at, of other users or other pid namespaces, are not seen.

import {
  AT_FDCWD,
  AT_NO_AUTOMOUNT,
  AT_STATX_DONT_SYNC,
  O_CLOEXEC,
  O_DIRECTORY,
  O_RDONLY,
  SEEK_SET,
  STATX_INO,
} from '../sys/constants.ts';
import { cstring } from '../sys/cstring.ts';
import { eachDirent } from '../sys/dirents.ts';
import { lseek, open } from '../sys/fd.ts';
import { statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';

const LINKS = ['cwd', 'root'];

/** One key for an inode number in two words. */
export function inodeKey(lo: number, hi: number): string {
  return `${hi}:${lo}`;
}

/** Opens /proc once: it is asked when descriptors are short, and needs none then. */
export class WorkingDirectories {
  readonly #minor: number;
  readonly #proc = open(cstring('/proc'), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  readonly #stat = new Stat();

  /** @param minor of an anonymous device (major 0), as FUSE mounts have */
  constructor(minor: number) {
    this.#minor = minor;
  }

  /** The keys of the inode numbers of all such directories on the file system with this device number. */
  find(): Set<string> {
    const found = new Set<string>();
    lseek(this.#proc, 0, SEEK_SET);
    eachDirent(this.#proc, ({ name }) => {
      this.#look(name, found);
      return true;
    });
    return found;
  }

  #look(name: Uint8Array, found: Set<string>): void {
    const pid = Buffer.from(name.subarray(0, -1)).toString();
    if (!/^[0-9]/.test(pid)) return;
    for (const link of LINKS) {
      // What is known of it without asking the mount: the answer would come from this very process.
      const flags = AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT;
      const stat = this.#stat;
      const result = statx(AT_FDCWD, cstring(`/proc/${pid}/${link}`), flags, STATX_INO, stat);
      if (result === 0 && stat.devMajor === 0 && stat.devMinor === this.#minor)
        found.add(inodeKey(stat.inoLo, stat.inoHi));
    }
  }
}
