// The files that a visible file hides in layers below, while its name is removed or renamed: they wait in our private directories of their
// layers until that has happened, and come back if it has not. So nothing that was deleted or renamed appears again, whatever fails, and a
// host that has just published the visible file as the copy of a hidden one, and is about to remove its source, can tell that somebody is
// at the copy (takeback.ts). What else is hidden there (directories), or cannot be moved, goes at once.

import { ENOENT, errnoName } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, STATX_BTIME } from '../sys/constants.ts';
import type { CString } from '../sys/cstring.ts';
import { close } from '../sys/fd.ts';
import { statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { type Aside, putAsideBack, takeAside } from './aside.ts';
import { syncSide } from './durable.ts';
import { reach } from './faultpoint.ts';
import type { FileSystem } from './filesystem.ts';
import { mayRemoveFor, removeHiddenIn } from './hidden.ts';
import { namedPath } from './journal.ts';
import { keepLinked, removeHiddenName } from './linkindex.ts';
import { liveSide } from './livesides.ts';
import { UPPER } from './setup.ts';
import { side } from './sides.ts';
import { syncDirectory } from './sync.ts';
import { takeAway } from './takeaway.ts';
import { voidMarks } from './voidmarks.ts';
import { unterminated } from './xattrpolicy.ts';

const stat = new Stat();
const covering = new Stat();

interface Waiting {
  readonly aside: Aside;
  readonly stat: Stat;
}

/** Call `take`; when it has succeeded, `discard` or `putBack`, once. */
export class HiddenAside {
  readonly #fs: FileSystem;
  readonly #parent: NodeId;
  readonly #name: CString;
  readonly #waiting: Waiting[] = [];
  #above = UPPER;

  constructor(fs: FileSystem, parent: NodeId, name: CString) {
    this.#fs = fs;
    this.#parent = parent;
    this.#name = name;
  }

  /** Takes what is below `above`, which shows the name, lowest layer first. @returns 0, or the errno of a layer that refused: all is as it was. */
  take(above: number): number {
    const fs = this.#fs;
    this.#above = above;
    for (let layer = fs.layers.length - 1; layer > above; layer--) {
      const dir = liveSide(fs, this.#parent, layer);
      if (dir === -ENOENT) continue;
      const result = dir < 0 ? dir : this.#takeIn(layer, dir, above);
      if (result < 0) {
        this.putBack();
        return result;
      }
      reach(`hidden.gone-${layer}`);
    }
    return 0;
  }

  // A power cut after the name has changed must not bring back what was hidden: so it is gone from the disk first.
  #takeIn(layer: number, dir: number, above: number): number {
    const [fs, parent, name] = [this.#fs, this.#parent, this.#name];
    const found = statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, stat);
    if (found < 0) return found === -ENOENT ? 0 : found;
    if (!stat.isDirectory && mayRemoveFor(fs, parent, stat)) {
      const voided = voidMarks(fs, layer, stat, dir, name);
      if (voided < 0) return voided;
      // What hides it may be its copy, of which another host has not made sure yet.
      const upper = above === UPPER ? side(fs, parent, UPPER) : -ENOENT;
      const taken = fs.caller.asDaemon(() => {
        const durable = upper < 0 ? 0 : syncDirectory(upper);
        const ready = durable < 0 ? durable : keepLinked(fs, dir, name, layer, stat);
        return ready < 0 ? ready : takeAside(fs, layer, dir, name, stat);
      });
      if (typeof taken !== 'number') {
        const its = new Stat();
        its.copyFrom(stat);
        this.#waiting.push({ aside: taken, stat: its });
        return syncSide(fs, parent, layer);
      }
    }
    const removed = removeHiddenIn(fs, parent, name, layer, dir);
    return removed < 0 ? removed : syncSide(fs, parent, layer);
  }

  /** The name has changed: nothing hidden is wanted any more. */
  discard(): void {
    this.#end((waiting) => this.#drop(waiting));
  }

  /** It has not. But another host may have removed or renamed meanwhile what hid this: it does not come back then. */
  putBack(): void {
    this.#end((waiting) => {
      if (!this.#isCovered()) return this.#drop(waiting);
      const { aside, stat } = waiting;
      const { layer } = aside;
      const dir = side(this.#fs, this.#parent, layer);
      const back = putAsideBack(aside, dir, this.#name);
      if (back < 0 || this.#isCovered()) return back;
      const remove = (from: number, its: CString) => removeHiddenName(this.#fs, from, its, layer, stat);
      return takeAway(this.#fs, layer, dir, this.#name, stat, remove);
    });
  }

  #drop({ aside: { layer, work, name } }: Waiting): number {
    const found = statx(work, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, stat);
    const result = found < 0 ? found : removeHiddenName(this.#fs, work, name, layer, stat);
    close(work);
    return result;
  }

  /** Whether anything has the name where it was visible; also where that cannot be told. */
  #isCovered(): boolean {
    const dir = side(this.#fs, this.#parent, this.#above);
    return dir < 0 || statx(dir, this.#name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, covering) !== -ENOENT;
  }

  #end(finish: (waiting: Waiting) => number): void {
    const fs = this.#fs;
    if (this.#waiting.length === 0) return;
    fs.caller.asDaemon(() => {
      for (const waiting of this.#waiting.reverse()) {
        const { aside } = waiting;
        const result = finish(waiting);
        if (result === 0 || result === -ENOENT) continue;
        fs.log.warn('hidden_copy_kept', {
          path: namedPath(fs, this.#parent, this.#name),
          layer: fs.pathOf(aside.layer),
          kept: unterminated(aside.name),
          error: errnoName(-result),
        });
      }
    });
  }
}
