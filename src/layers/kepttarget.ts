// The file that a rename within an old storage replaces, until it is certain that the rename stands: another link of it waits in our private
// directory there. So a rename that has to be taken back gives the replaced file its name again, which is missed at no moment, whatever becomes of
// whoever renames. Others can do anything to both names at each of these steps: nothing is deleted that was not looked at where nobody else reaches
// it, and the renamed file has both names before it loses one.

import { EEXIST, EINVAL, ENOENT, errnoName } from '../../protocol/errno.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_NOFOLLOW,
  O_PATH,
  RENAME_EXCHANGE,
  STATX_BASIC_STATS,
} from '../sys/constants.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { close, openat } from '../sys/fd.ts';
import { linkat, procPath, renameat2, statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { type Aside, keptSuffix, takeAside } from './aside.ts';
import type { End } from './bringup.ts';
import { reach } from './faultpoint.ts';
import type { FileSystem } from './filesystem.ts';
import { removalIn } from './linkindex.ts';
import { moveNew } from './movenew.ts';
import { openPrivateOf, privateName } from './private.ts';
import { isExclusive, UPPER } from './setup.ts';
import { giveNameBack, statSame, takeAway } from './takeaway.ts';
import { unterminated } from './xattrpolicy.ts';

const stat = new Stat();

/** A file that is about to be replaced. Call `giveBack` or `drop`, once. */
export class KeptTarget {
  readonly #fs: FileSystem;
  readonly #kept: Aside;
  readonly #its: Stat;
  /** Descriptor of the directory that has it. */
  readonly #dir: number;
  readonly #to: CString;

  private constructor(fs: FileSystem, kept: Aside, its: Stat, dir: number, to: CString) {
    this.#fs = fs;
    this.#kept = kept;
    this.#its = its;
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
      if (linkat(dir, to.name, work, name, 0) === 0) {
        const its = new Stat();
        const found = statx(work, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, its);
        if (found === 0) return new KeptTarget(fs, { layer, work, name }, its, dir, to.name);
        unlinkat(work, name, 0);
      }
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
      const linked = this.#linkBack(old, from);
      // Where no link of it can be made, a move gives it its name back, at last.
      const isTaken = linked === -EEXIST || linked === -ENOENT;
      const result = isTaken ? linked : this.#exchange(from, old, linked);
      if (linked === 0 && result < 0) this.#unlinkBack(old, from);
      const isRenamedFile = result === 0 && statSame(this.#kept.work, this.#kept.name, from.stat) === 0;
      this.#dispose(this.#kept, isRenamedFile ? from.stat : this.#its);
      return result;
    });
  }

  /** The rename stands, or was not done. */
  drop(): void {
    this.#fs.caller.asDaemon(() => this.#dispose(this.#kept, this.#its));
  }

  // By a descriptor: what has been looked at is what gets the name.
  #linkBack(old: number, from: End): number {
    const fd = openat(this.#dir, this.#to, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return fd;
    const same = statSame(fd, EMPTY, from.stat, AT_EMPTY_PATH);
    const result = same < 0 ? same : linkat(AT_FDCWD, procPath(fd), old, from.name, AT_SYMLINK_FOLLOW);
    close(fd);
    return result;
  }

  #unlinkBack(old: number, from: End): void {
    const [fs, { layer }] = [this.#fs, this.#kept];
    takeAway(fs, layer, old, from.name, from.stat, removalIn(fs, layer));
  }

  #exchange(from: End, old: number, linked: number): number {
    const { work, name } = this.#kept;
    const swap = () => renameat2(work, name, this.#dir, this.#to, RENAME_EXCHANGE);
    reach('rename.linked');
    const swapped = swap();
    if (swapped === -EINVAL) return linked < 0 ? linked : this.#giveBackByLink(from);
    if (swapped < 0) return swapped;
    reach('rename.exchanged');
    const same = statSame(work, name, from.stat);
    const back = same === 0 && linked < 0 ? moveNew(work, name, old, from.name) : same;
    // Another host has replaced the renamed file, or given its old name away, and has not replaced this one since.
    if (back < 0 && statSame(this.#dir, this.#to, this.#its) === 0) swap();
    return back;
  }

  // Where renameat2(2) has no flags (NFS, GlusterFS): what has the name goes out of the way first, so the name is missing for a moment, but nothing
  // is replaced that has not been looked at.
  #giveBackByLink(from: End): number {
    const aside = takeAside(this.#fs, this.#kept.layer, this.#dir, this.#to, from.stat);
    if (typeof aside === 'number') return aside;
    reach('rename.exchanged');
    const same = statSame(aside.work, aside.name, from.stat);
    const result = same < 0 ? same : this.#linkKept();
    if (result === 0) this.#dispose(aside, from.stat);
    else giveNameBack(this.#fs, aside, this.#dir, this.#to);
    return result;
  }

  #linkKept(): number {
    const { work, name } = this.#kept;
    if (linkat(work, name, this.#dir, this.#to, 0) === 0) return 0;
    // What somebody has put there since replaces it, as it would have without us. What the errno of that is depends on the storage.
    if (statx(this.#dir, this.#to, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat) === 0) return 0;
    // GlusterFS answers EEXIST though nothing is there, for a name that was this file's before: it takes a rename.
    return renameat2(work, name, this.#dir, this.#to, 0);
  }

  /**
   * Deletes what is out of the way if it is what it is meant to be; anything else gets its name back.
   * As a name that nothing shows: another host may have counted it among the names of the file, and have brought that up (linkindex.ts).
   */
  #dispose(aside: Aside, its: Stat): void {
    const [fs, { layer, work, name }] = [this.#fs, aside];
    const same = statSame(work, name, its);
    if (same === -ENOENT) {
      giveNameBack(fs, aside, this.#dir, this.#to);
      return;
    }
    const result = same < 0 ? same : removalIn(fs, layer)(work, name);
    close(work);
    if (result < 0 && result !== -ENOENT) {
      const report = { name: unterminated(this.#to), layer: fs.pathOf(layer), kept: unterminated(name) };
      fs.log.warn('hidden_copy_kept', { ...report, error: errnoName(-result) });
    }
  }
}
