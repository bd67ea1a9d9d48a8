// What takes a step in each of several layers, the rename or exchange of a directory, is written down before the first one, durably: the next
// mount undoes what a crash has left half done (recover.ts). A record lies in our directory on the upper layer, under a name of its maker's.

import { EACCES, EIO, EROFS, errnoName } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { newNameRef, ROOT_ID } from '../inodes/table.ts';
import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_WRONLY,
  STATX_BASIC_STATS,
  STATX_BTIME,
} from '../sys/constants.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { close, fsync, openat, write } from '../sys/fd.ts';
import { statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { End } from './bringup.ts';
import { syncSides } from './durable.ts';
import type { FileSystem } from './filesystem.ts';
import { openPrivateOf, privateName } from './private.ts';
import { type LayerSetup, UPPER } from './setup.ts';
import { side } from './sides.ts';
import { syncDirectory } from './sync.ts';

/** A name in a directory, by the names of its parents from the root; each as a string of bytes (latin1). */
export interface Spot {
  readonly parents: readonly string[];
  readonly name: string;
}

/** A step, of one layer. Objects are told by `identityOf`. */
export interface Step {
  /** The layer, by its root; and by its path, since the roots of network file systems are alike (inode 1 of each GlusterFS volume, no birth). */
  readonly layer: string;
  readonly path?: string | undefined;
  /** What moves from `from` to `to`, and what moves the other way in an exchange. */
  readonly first?: string | undefined;
  readonly second?: string | undefined;
  /** The name in our `work` of what had the name `to` and is in the way. */
  readonly aside?: string | undefined;
}

export interface Intent {
  readonly version: 1;
  readonly from: Spot;
  readonly to: Spot;
  /** In the order in which they are made; the last one is what users see. */
  readonly steps: readonly Step[];
}

/** An inode number comes to be another object's; the time of birth, where a layer tells it, keeps the two apart. */
export function identityOf(stat: Stat): string {
  const birth = (stat.mask & STATX_BTIME) !== 0 ? `${stat.btimeSec}.${stat.btimeNsec}` : '';
  return `${(BigInt(stat.inoHi) << 32n) | BigInt(stat.inoLo)}@${birth}`;
}

const MASK = STATX_BASIC_STATS | STATX_BTIME;
const stat = new Stat();

/** @param name EMPTY for the directory itself. @returns undefined when nothing has the name, or the layer does not tell. */
export function identityAt(dir: number, name: CString): string | undefined {
  const flags = name === EMPTY ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
  const found = statx(dir, name, flags, MASK, stat);
  return found === 0 ? identityOf(stat) : undefined;
}

/** What one layer is about to do. */
export interface Planned {
  readonly layer: number;
  /** Whether it has what lies at `from`, and at `to`, that changes places. */
  readonly first: boolean;
  readonly second: boolean;
  readonly aside?: CString | undefined;
}

/** A record that stands. Call `end` when all steps are made or undone. */
export class OpenIntent {
  readonly #fs: FileSystem;
  readonly #name: CString;

  private constructor(fs: FileSystem, name: CString) {
    this.#fs = fs;
    this.#name = name;
  }

  /** @returns the record; undefined where none can be (nobody but a crash needs it); or a negative errno. */
  static begin(
    fs: FileSystem,
    from: End,
    to: End,
    planned: readonly Planned[],
  ): OpenIntent | undefined | number {
    return fs.caller.asDaemon(() => {
      const steps = planned.map(({ layer, first, second, aside }): Step => {
        const at = (end: End) => identityAt(side(fs, end.parent, layer), end.name);
        return {
          layer: identityAt((fs.layers[layer] as LayerSetup).fd, EMPTY) ?? '',
          path: (fs.layers[layer] as LayerSetup).path,
          first: first ? at(from) : undefined,
          second: second ? at(to) : undefined,
          aside: aside && text(aside),
        };
      });
      const intent: Intent = { version: 1, from: spotOf(fs, from), to: spotOf(fs, to), steps };
      const name = privateName(fs);
      const result = put(fs, name, intent);
      if (result === -EACCES || result === -EROFS) return undefined;
      return result < 0 ? result : new OpenIntent(fs, name);
    });
  }

  /** @param parents, in all of `layers`: where the steps were made, which must last longer than the record. */
  end(parents: readonly NodeId[], layers: readonly number[]): void {
    const fs = this.#fs;
    let result = syncSides(fs, parents, layers);
    fs.caller.asDaemon(() => {
      const folder = result < 0 ? result : openPrivateOf(fs, UPPER, 'intents');
      if (folder >= 0) {
        result = unlinkat(folder, this.#name, 0);
        close(folder);
      } else result = folder;
      // It says what has been done, or undone: the next mount finds nothing to do.
      if (result < 0) fs.log.warn('intent_kept', { name: text(this.#name), error: errnoName(-result) });
    });
  }
}

function put(fs: FileSystem, name: CString, intent: Intent): number {
  const folder = openPrivateOf(fs, UPPER, 'intents');
  if (folder < 0) return folder;
  const fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600);
  let result = fd < 0 ? fd : writeAll(fd, Buffer.from(`${JSON.stringify(intent)}\n`));
  if (result === 0) result = fsync(fd);
  if (fd >= 0) close(fd);
  if (result === 0) result = syncDirectory(folder);
  if (result < 0 && fd >= 0) unlinkat(folder, name, 0);
  close(folder);
  return result;
}

function writeAll(fd: number, bytes: Uint8Array): number {
  let done = 0;
  while (done < bytes.length) {
    const put = write(fd, bytes.subarray(done), bytes.length - done);
    if (put <= 0) return put < 0 ? put : -EIO;
    done += put;
  }
  return 0;
}

function spotOf(fs: FileSystem, end: End): Spot {
  const parents: string[] = [];
  const ref = newNameRef();
  for (let node = end.parent; node !== ROOT_ID && fs.table.nameOf(node, ref); node = ref.parent) {
    parents.unshift(text(ref.bytes));
  }
  return { parents, name: text(end.name) };
}

const text = (name: CString): string => Buffer.from(name.subarray(0, -1)).toString('latin1');
