// One sequence of operations, done on the plain directory and on the merged tree, each time from a freshly laid out start.

import { rmSync } from 'node:fs';
import { errnoName } from '../../protocol/errno.ts';
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS } from '../../src/sys/constants.ts';
import { setfsgid, setfsuid, setgroups, umask } from '../../src/sys/credentials.ts';
import { mkdirat, statx } from '../../src/sys/path.ts';
import { Stat } from '../../src/sys/stat.ts';
import { COMPARE, runOperation } from './calls.ts';
import { build, type Entry, merged } from './layout.ts';
import { bytes, isRoot, SHARED_GROUP } from './names.ts';
import { type Operation, Side } from './side.ts';
import { compareTrees, look, type Numbers, type Tree, TreeFault } from './tree.ts';

/** Where the two trees lie. */
export interface Place {
  /** Mount point, and the layers behind it from top to bottom. */
  readonly mount: string;
  readonly layers: readonly string[];
  /** A directory on the upper layer's file system, for the plain trees. */
  readonly plain: string;
}

export interface Difference {
  /** What was done, up to and with the operation that differed. */
  readonly operations: readonly Operation[];
  readonly expected: string;
  readonly got: string;
}

/** What whoever chooses the next operation may ask: what the plain directory holds, and which slots hold something. */
export interface View {
  readonly tree: () => Tree;
  readonly open: readonly number[];
}

/** Gives the operations one after the other. */
export type Source = (index: number, view: View) => Operation | undefined;

const EXDEV = 'EXDEV';
let trials = 0;

export class Trial {
  readonly #place: Place;
  readonly #name = `t${++trials}`;
  readonly #plain: Side;
  readonly #merged: Side;
  readonly #numbers: Numbers = new Map();
  readonly #done: Operation[] = [];
  /** Operations that were left out on the plain side, since the merged tree may refuse them. */
  excused = 0;

  constructor(place: Place, layout: readonly Entry[]) {
    this.#place = place;
    this.#plain = new Side(`${place.plain}/${this.#name}`);
    this.#merged = new Side(`${place.mount}/${this.#name}`);
    mkdirat(AT_FDCWD, bytes(place.plain), 0o755);
    place.layers.forEach((root, layer) => {
      build(
        `${root}/${this.#name}`,
        layout.filter((each) => each.layer === layer),
      );
    });
    build(this.#plain.root, merged(layout));
  }

  run(source: Source): Difference | undefined {
    umask(0o022);
    const first = this.#compare();
    if (first) return first;
    for (let i = 0; ; i++) {
      const open = [...this.#plain.slots.keys()].filter((slot) => (this.#plain.slots[slot] as number) >= 0);
      const operation = source(i, { tree: () => look(this.#plain.root), open });
      if (!operation) break;
      const difference = this.#step(operation);
      if (difference) return difference;
    }
    umask(0o022);
    return this.#compare();
  }

  #step(operation: Operation): Difference | undefined {
    this.#done.push(operation);
    if (operation.call === COMPARE) return this.#compare();
    const got = this.#as(operation, this.#merged);
    if (got === EXDEV && operation.call === 'rename') {
      this.excused++;
      return undefined;
    }
    const expected = this.#as(operation, this.#plain);
    // POSIX has both for a directory that is not empty, and xfs the other one.
    if (expected === 'EEXIST' && got === 'ENOTEMPTY' && operation.call === 'rename') return undefined;
    return expected === got ? undefined : { operations: this.#done, expected, got };
  }

  #as(operation: Operation, side: Side): string {
    become(operation.as);
    try {
      return runOperation(side, operation);
    } finally {
      become(0);
    }
  }

  #compare(): Difference | undefined {
    const plain = look(this.#plain.root);
    let got: string | undefined;
    try {
      got = compareTrees(plain, look(this.#merged.root), this.#numbers);
    } catch (error) {
      if (!(error instanceof TreeFault)) throw error;
      got = error.message;
    }
    return got === undefined ? undefined : { operations: this.#done, expected: 'the same tree', got };
  }

  /** Removes the merged tree as a user would. @returns what is left of it on the layers, which must be nothing, or why it could not go */
  removeMerged(): string | undefined {
    this.#merged.closeAll();
    this.#plain.closeAll();
    try {
      rmSync(Buffer.from(this.#merged.root), { recursive: true });
    } catch (error) {
      return `cannot be removed: ${(error as Error).message}`;
    }
    const left = this.#place.layers.filter((layer) => exists(`${layer}/${this.#name}`));
    return left.length === 0 ? undefined : `left behind in ${left.join(', ')}`;
  }

  /** Takes away whatever is still there: through the mount, which is to know, and then from the layers. */
  clear(): void {
    if (exists(this.#merged.root)) this.removeMerged();
    this.#plain.closeAll();
    for (const root of [...this.#place.layers, this.#place.plain]) {
      rmSync(`${root}/${this.#name}`, { recursive: true, force: true });
    }
  }
}

function exists(path: string): boolean {
  return statx(AT_FDCWD, bytes(path), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, new Stat()) === 0;
}

const NO_GROUPS = new Uint32Array(0);
const SHARED = new Uint32Array([SHARED_GROUP]);
let present = 0;

/** This thread's calls are a user's from here on. */
function become(uid: number): void {
  if (!isRoot || uid === present) return;
  present = uid;
  // Groups change before the identity does, and after it has come back: the real user stays root and may.
  for (const result of [
    setgroups(uid === 0 ? NO_GROUPS : SHARED, uid === 0 ? 0 : 1),
    setfsgid(uid),
    setfsuid(uid),
  ]) {
    if (result < 0) throw new Error(`cannot act as ${uid}: ${errnoName(result)}`);
  }
}
