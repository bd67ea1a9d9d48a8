// Two hosts change which layers have a directory, and under which name, without a step in common: one renames it in an old storage, one
// makes the side of it that the new storage lacks (mirror.ts). So each says so first, by an empty file in our directory on the upper layer
// that stands for the directory under its name, and looks afterwards for what the other has said or done. Whoever has made a side takes others'
// announcements away; whoever renames and does not find his own at the end, or finds another one, takes the rename back and begins again.

import { createHash } from 'node:crypto';
import { ENOENT } from '../../protocol/errno.ts';
import {
  AT_EMPTY_PATH,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_WRONLY,
  STATX_BASIC_STATS,
} from '../sys/constants.ts';
import { type CString, cstring, EMPTY } from '../sys/cstring.ts';
import { eachDirent } from '../sys/dirents.ts';
import { close, openat } from '../sys/fd.ts';
import { statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { openPrivateOf, privateName } from './private.ts';
import { UPPER } from './setup.ts';
import { textOf } from './spot.ts';

const DOT = cstring('.');
const stat = new Stat();

/** An announcement that stands. Call `end`. */
export class Announcement {
  readonly #fs: FileSystem;
  readonly #work: number;
  readonly #name: CString;
  /** How the names of all announcements of this directory under this name end. */
  readonly #suffix: string;
  #ended = false;

  private constructor(fs: FileSystem, work: number, name: CString, suffix: string) {
    this.#fs = fs;
    this.#work = work;
    this.#name = name;
    this.#suffix = suffix;
  }

  /**
   * @param dir a descriptor of the directory in the topmost layer that has it. @param parent the same of its parent in that layer.
   * @param name the name that the directory has there. @returns undefined where nothing of ours can be made (a full or read-only upper layer):
   * then it is done without.
   */
  static begin(fs: FileSystem, dir: number, parent: number, name: CString): Announcement | undefined {
    return fs.caller.asDaemon(() => {
      const suffix = suffixOf(dir, parent, name);
      const work = suffix === undefined ? -ENOENT : openPrivateOf(fs, UPPER, 'work');
      if (suffix === undefined || work < 0) return undefined;
      const its = privateName(fs, suffix);
      const fd = openat(work, its, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600);
      close(fd < 0 ? work : fd);
      return fd < 0 ? undefined : new Announcement(fs, work, its, suffix);
    });
  }

  /** How many others there are of the same directory, those of dead daemons among them; or a negative errno. */
  others(): number {
    return this.#eachOther(() => 0);
  }

  /** Takes the others away: their makers learn of it at their end. @returns as `others` */
  meet(): number {
    return this.#eachOther((name) => unlinkat(this.#work, name, 0));
  }

  /** @returns 0, also when it has ended before, -ENOENT when somebody has met it, or another negative errno. */
  end(): number {
    if (this.#ended) return 0;
    this.#ended = true;
    return this.#fs.caller.asDaemon(() => {
      const result = unlinkat(this.#work, this.#name, 0);
      close(this.#work);
      return result;
    });
  }

  #eachOther(act: (name: CString) => number): number {
    return this.#fs.caller.asDaemon(() => {
      const fd = openat(this.#work, DOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      if (fd < 0) return fd;
      const own = textOf(this.#name);
      let count = 0;
      let result = 0;
      const read = eachDirent(fd, ({ name }) => {
        const text = textOf(name);
        if (!text.endsWith(this.#suffix) || text === own) return true;
        count++;
        result = act(name);
        return result === 0 || result === -ENOENT;
      });
      close(fd);
      if (read < 0) return read;
      return result < 0 && result !== -ENOENT ? result : count;
    });
  }
}

/** The same for all hosts: of the directory's inode, its parent's, and the name in there. */
function suffixOf(dir: number, parent: number, name: CString): string | undefined {
  const hash = createHash('sha256');
  for (const fd of [dir, parent]) {
    if (statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, stat) < 0) return undefined;
    hash.update(`${stat.inoHi} ${stat.inoLo} `);
  }
  return `.at-${hash.update(name).digest('hex').slice(0, 16)}`;
}
