// The file that a rename within an old storage replaces, until it is certain that the rename stands: another link of it waits in our private
// directory there. So a rename that has to be taken back gives the replaced file its name again, which is missed at no moment, whatever becomes of
// whoever renames.

import { EINVAL, ENOENT, errnoName } from '../../protocol/errno.ts';
import { AT_SYMLINK_NOFOLLOW, RENAME_EXCHANGE, STATX_BASIC_STATS, STATX_BTIME } from '../sys/constants.ts';
import type { CString } from '../sys/cstring.ts';
import { close } from '../sys/fd.ts';
import { linkat, renameat2, statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { keptSuffix } from './aside.ts';
import type { End } from './bringup.ts';
import type { FileSystem } from './filesystem.ts';
import { removeHiddenName } from './linkindex.ts';
import { moveNew } from './movenew.ts';
import { openPrivateOf, privateName } from './private.ts';
import { isExclusive, UPPER } from './setup.ts';
import { statSame } from './takeaway.ts';
import { unterminated } from './xattrpolicy.ts';

const stat = new Stat();

/** A file that is about to be replaced. Call `giveBack` or `drop`, once. */
export class KeptTarget {
  readonly #fs: FileSystem;
  readonly #work: number;
  readonly #name: CString;
  /** Descriptor of the directory that has it. */
  readonly #dir: number;
  readonly #to: End;

  private constructor(fs: FileSystem, work: number, name: CString, dir: number, to: End) {
    this.#fs = fs;
    this.#work = work;
    this.#name = name;
    this.#dir = dir;
    this.#to = to;
  }

  /**
   * @param layer in which the rename is. @param dir the target's directory there. @returns undefined where nothing is replaced there, where a host that is
   * alone takes nothing back, and where nothing can be kept (a storage without hard links, a server that squashes root, a file of another user's)
   */
  static keep(fs: FileSystem, layer: number, dir: number, to: End): KeptTarget | undefined {
    if (layer === UPPER || to.layer !== layer || isExclusive(fs.policy)) return undefined;
    return fs.caller.asDaemon(() => {
      const work = openPrivateOf(fs, layer, 'work');
      if (work < 0) return undefined;
      const name = privateName(fs, keptSuffix(to.stat));
      // Whatever has the name by now: that is what will be replaced.
      if (linkat(dir, to.name, work, name, 0) === 0) return new KeptTarget(fs, work, name, dir, to);
      close(work);
      return undefined;
    });
  }

  /**
   * When the rename was done: takes it back. @param from the renamed file as it was found, `old` the directory that had it.
   * @returns 0, or a negative errno when either name is another's by now: then the rename stands
   */
  giveBack(old: number, from: End): number {
    return this.#fs.caller.asDaemon(() => {
      const result = this.#exchange(old, from);
      if (result === 0) close(this.#work);
      else this.#drop();
      return result;
    });
  }

  /** The rename stands, or was not done. */
  drop(): void {
    this.#fs.caller.asDaemon(() => this.#drop());
  }

  #exchange(old: number, from: End): number {
    const swap = () => renameat2(this.#work, this.#name, this.#dir, this.#to.name, RENAME_EXCHANGE);
    const swapped = swap();
    if (swapped === -EINVAL) return this.#giveBackByLink(old, from);
    if (swapped < 0) return swapped;
    // Another host may have replaced the renamed file.
    const back =
      statSame(this.#work, this.#name, from.stat) || moveNew(this.#work, this.#name, old, from.name);
    if (back < 0) swap();
    return back;
  }

  // Where renameat2(2) has no flags (NFS, GlusterFS).
  #giveBackByLink(old: number, from: End): number {
    const linked = linkat(this.#dir, this.#to.name, old, from.name, 0);
    if (linked < 0) return linked;
    const same = statSame(old, from.name, from.stat);
    const back = same < 0 ? same : renameat2(this.#work, this.#name, this.#dir, this.#to.name, 0);
    if (back < 0) unlinkat(old, from.name, 0);
    return back;
  }

  // As a name that nothing shows: another host may have counted it among the names of the file, and have brought that up (linkindex.ts).
  #drop(): void {
    const [fs, work, name, { layer }] = [this.#fs, this.#work, this.#name, this.#to];
    const found = statx(work, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, stat);
    const result = found < 0 ? found : removeHiddenName(fs, work, name, layer, stat);
    close(work);
    if (result < 0 && result !== -ENOENT) {
      const report = { name: unterminated(this.#to.name), layer: fs.pathOf(layer), kept: unterminated(name) };
      fs.log.warn('hidden_copy_kept', { ...report, error: errnoName(-result) });
    }
  }
}
