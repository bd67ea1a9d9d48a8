// The empty directory that a directory rename replaces: its sides wait in the private directories of their layers until the rename has
// happened in every layer, and come back if it has not.

import { ENOENT, errnoName } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { AT_REMOVEDIR, RENAME_NOREPLACE } from '../sys/constants.ts';
import type { CString } from '../sys/cstring.ts';
import { close } from '../sys/fd.ts';
import { renameat2, unlinkat } from '../sys/path.ts';
import type { FileSystem } from './filesystem.ts';
import { openPrivateOf, privateName } from './private.ts';
import { side } from './sides.ts';
import { unterminated } from './xattrpolicy.ts';

interface Waiting {
  readonly layer: number;
  /** Our private directory, open, and the name in it. */
  readonly work: number;
  readonly name: CString;
}

/** The sides of one directory that are out of the way. Call `putBack` or `discard`, once. */
export class TargetAside {
  readonly #fs: FileSystem;
  readonly #parent: NodeId;
  readonly #name: CString;
  readonly #waiting: Waiting[] = [];
  readonly #names = new Map<number, CString>();

  constructor(fs: FileSystem, parent: NodeId, name: CString) {
    this.#fs = fs;
    this.#parent = parent;
    this.#name = name;
  }

  /** The name that the side of a layer is to wait under. */
  nameIn(layer: number): CString {
    const known = this.#names.get(layer) ?? privateName(this.#fs);
    this.#names.set(layer, known);
    return known;
  }

  /** Takes the side of one layer away, as the daemon: that the caller may has been checked. @returns 0 or a negative errno. */
  take(layer: number): number {
    const fs = this.#fs;
    const dir = side(fs, this.#parent, layer);
    if (dir < 0) return dir;
    return fs.caller.asDaemon(() => {
      const work = openPrivateOf(fs, layer, 'work');
      if (work < 0) return work;
      const name = this.nameIn(layer);
      const moved = renameat2(dir, this.#name, work, name, 0);
      if (moved === 0) this.#waiting.push({ layer, work, name });
      else close(work);
      return moved === -ENOENT ? 0 : moved;
    });
  }

  putBack(): void {
    this.#end((dir, { work, name }) => {
      let result = renameat2(work, name, dir, this.#name, RENAME_NOREPLACE);
      if (result < 0) result = renameat2(work, name, dir, this.#name, 0);
      // Another host has removed its parent meanwhile, which was empty without it.
      return result === -ENOENT ? unlinkat(work, name, AT_REMOVEDIR) : result;
    });
  }

  /** Removes what was found empty. What another host has put in meanwhile stays, and is reported. */
  discard(): void {
    this.#end((_dir, { work, name }) => unlinkat(work, name, AT_REMOVEDIR));
  }

  #end(finish: (dir: number, waiting: Waiting) => number): void {
    const fs = this.#fs;
    fs.caller.asDaemon(() => {
      for (const waiting of this.#waiting.reverse()) {
        const result = finish(side(fs, this.#parent, waiting.layer), waiting);
        close(waiting.work);
        if (result === 0) continue;
        fs.log.error('replaced_directory_kept', {
          layer: fs.pathOf(waiting.layer),
          name: unterminated(this.#name),
          kept: unterminated(waiting.name),
          error: errnoName(-result),
        });
      }
    });
  }
}
