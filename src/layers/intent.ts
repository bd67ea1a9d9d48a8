// What takes a step in each of several layers, the rename or exchange of a directory, is written down before the first one, durably: the next
// mount undoes what a crash has left half done (recover.ts). A record lies in our directory on the upper layer, under a name of its maker's.

import { EACCES, EIO, ENOENT, EROFS, errnoName } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import {
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_WRONLY,
  STATX_BASIC_STATS,
} from '../sys/constants.ts';
import type { CString } from '../sys/cstring.ts';
import { close, fsync, openat, write } from '../sys/fd.ts';
import { statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { End } from './bringup.ts';
import { syncSides } from './durable.ts';
import type { FileSystem } from './filesystem.ts';
import { identityAt, type LayerMark, markOf } from './identity.ts';
import { isMoveMark, type MoveMark, moveMarkOf, removeMoveMarks, setMoveMark } from './movemarks.ts';
import { openPrivateOf, privateName } from './private.ts';
import { type LayerSetup, UPPER } from './setup.ts';
import { side } from './sides.ts';
import { type Spot, spotOf, textOf } from './spot.ts';
import { syncDirectory } from './sync.ts';
import { unterminated } from './xattrpolicy.ts';

/** A step, of one layer. Objects are told by `identityOf`. */
export interface Step extends LayerMark {
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
  /** What tells other hosts that the directories are on their way. */
  readonly marks: readonly MoveMark[];
}

/** What one layer is about to do. */
export interface Planned {
  readonly layer: number;
  /** Whether it has what lies at `from`, and at `to`, that changes places. */
  readonly first: boolean;
  readonly second: boolean;
  readonly aside?: CString | undefined;
}

/** Another host has an intent's record: its steps are that host's. No errno, and never an answer. */
export const TAKEN = -10_003;

/** What the caller of a rename is told whose record was taken. Not -ESTALE: the kernel would begin again. */
export function answerTaken(fs: FileSystem, from: CString, to: CString): number {
  const mend = 'the storage lost this host for minutes: look whether it is under one name in all layers';
  fs.log.error('intent_taken', { from: unterminated(from), to: unterminated(to), mend });
  return -EIO;
}

const stat = new Stat();

/** A record that stands. Call `end` when all steps are made or undone. */
export class OpenIntent {
  readonly #fs: FileSystem;
  readonly #name: CString;
  readonly #marks: readonly MoveMark[];

  private constructor(fs: FileSystem, name: CString, marks: readonly MoveMark[]) {
    this.#fs = fs;
    this.#name = name;
    this.#marks = marks;
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
          ...markOf(fs.layers[layer] as LayerSetup),
          first: first ? at(from) : undefined,
          second: second ? at(to) : undefined,
          aside: aside && textOf(aside),
        };
      });
      const intent: Intent = {
        version: 1,
        from: spotOf(fs, from.parent, from.name),
        to: spotOf(fs, to.parent, to.name),
        steps,
        marks: marksFor(fs, from, to, planned),
      };
      const name = privateName(fs);
      const result = put(fs, name, intent);
      if (result === -EACCES || result === -EROFS) return undefined;
      return result < 0 ? result : new OpenIntent(fs, name, intent.marks);
    });
  }

  /**
   * Whether another host has taken this daemon for dead (vigil.ts), and the record: what it says is that host's to finish or to undo. Ask it
   * before each step; when it is so, make none and undo none (`TAKEN`).
   */
  isTaken(): boolean {
    const fs = this.#fs;
    return fs.caller.asDaemon(() => {
      const folder = openPrivateOf(fs, UPPER, 'intents');
      if (folder < 0) return false;
      const found = statx(folder, this.#name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat);
      close(folder);
      return found === -ENOENT;
    });
  }

  /** @param parents, in all of `layers`: where the steps were made, which must last longer than the record. */
  end(parents: readonly NodeId[], layers: readonly number[]): void {
    const fs = this.#fs;
    let result = syncSides(fs, parents, layers);
    fs.caller.asDaemon(() => {
      const folder = result < 0 ? result : openPrivateOf(fs, UPPER, 'intents');
      if (folder >= 0) {
        removeMoveMarks(folder, this.#name, this.#marks);
        result = unlinkat(folder, this.#name, 0);
        close(folder);
      } else result = folder;
      // It says what has been done, or undone: the next mount finds nothing to do.
      if (result < 0) fs.log.warn('intent_kept', { name: textOf(this.#name), error: errnoName(-result) });
    });
  }
}

/** Of what moves from each end, in the topmost layer that has it there. */
function marksFor(fs: FileSystem, from: End, to: End, planned: readonly Planned[]): MoveMark[] {
  const at = ({ parent, name }: End, layer: number | undefined) =>
    layer === undefined ? -ENOENT : moveMarkOf(side(fs, parent, layer), name);
  const topOf = (end: 'first' | 'second') => planned.findLast((each) => each[end])?.layer;
  return [at(from, topOf('first')), at(to, topOf('second'))].filter(isMoveMark);
}

function put(fs: FileSystem, name: CString, intent: Intent): number {
  const folder = openPrivateOf(fs, UPPER, 'intents');
  if (folder < 0) return folder;
  const fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600);
  let result = fd < 0 ? fd : writeAll(fd, Buffer.from(`${JSON.stringify(intent)}\n`));
  if (result === 0) result = fsync(fd);
  if (fd >= 0) close(fd);
  if (result === 0) result = syncDirectory(folder);
  for (const mark of intent.marks) result ||= setMoveMark(folder, name, mark);
  if (result < 0 && fd >= 0) {
    removeMoveMarks(folder, name, intent.marks);
    unlinkat(folder, name, 0);
  }
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
