// Random differential testing: the same sequence of system calls on a plain directory and on a merged mount whose objects lay in random
// layers, compared after each call: result, errno, data; and, now and then and at the end, the whole trees. What differs is reduced and
// printed. The layers are tmpfs for root, else plain directories; the plain directory lies on the upper layer's file system.
//
// Long, with npx tap --timeout=7200 test/differential/differential.test.ts and in the environment:
//
//   MIGRATEFS_DIFFERENTIAL_SEEDS=200       how many seeds (default 3 for each of the four mounts)
//   MIGRATEFS_DIFFERENTIAL_OPS=500         operations for each (default 250)
//   MIGRATEFS_DIFFERENTIAL_FIRST=1         the first seed
//   MIGRATEFS_DIFFERENTIAL_BACKING=ext4    what the layers lie on: dir, tmpfs, ext4, xfs, btrfs
//   MIGRATEFS_DIFFERENTIAL_OPTIONS=metadata=copyup  more mount options
//   MIGRATEFS_DIFFERENTIAL_REDUCE=120      seconds for the reduction of each difference
//   MIGRATEFS_DIFFERENTIAL_REPLAY=FILE     runs what a report's line `replay:` holds instead
//
// Differences that are allowed, and therefore not looked at:
// - st_nlink of a directory with several sides is 1: no count of subdirectories would be right (find and fts know that).
// - times of directories, unless set by the call just before: making the copy of a file, and removing it below, are changes of
//   directories; atime and ctime of anything: they are the layer's business.
// - st_size of directories, st_blocks and where SEEK_DATA finds data: how a file system stores things; a copy is stored anew.
// - rename answers EXDEV where a layer cannot take a directory's new place, because there something that is no directory has the name
//   of one of its parents, hidden: who renames then copies, as between file systems.
// - set-user-ID and set-group-ID bits after a fallocate that the layer refuses: the kernel takes them before it asks. Not tried on such files.
// - times of FIFOs, which the kernel does not tell a file system when data goes through; lseek and read on directories; chown to nobody
//   (-1, -1), by which a local file loses its set-id bits: the kernel does not say so to other file systems.
// - rename onto a directory that is not empty answers ENOTEMPTY, also where a layer (xfs) says EEXIST: POSIX has both.
// - O_TMPFILE and RENAME_EXCHANGE, which have a test of their own (mounted/exchange-tmpfile); FALLOC_FL_COLLAPSE_RANGE and INSERT_RANGE, which FUSE does not carry.

import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { DT_DIR, DT_LNK, DT_REG } from '../../src/sys/constants.ts';
import { type Backing, type Mounted, mountTest } from '../mounted/support.ts';
import { drawOperation } from './calls.ts';
import { Chooser, type Listing } from './chooser.ts';
import { type Entry, randomLayout } from './layout.ts';
import { Random } from './random.ts';
import { attempt, type Case, reduce } from './reduce.ts';
import { describeCase } from './report.ts';
import type { Operation } from './side.ts';
import type { Tree } from './tree.ts';
import { type Place, Trial } from './trial.ts';

const number = (name: string, otherwise: number): number =>
  Number(process.env[`MIGRATEFS_DIFFERENTIAL_${name}`] ?? otherwise);

const MOUNTS = [
  'cache=none,threads=1',
  'cache=shared,threads=8',
  'cache=none,threads=8',
  'cache=shared,threads=1',
];
const seeds = number('SEEDS', 3 * MOUNTS.length);
const operations = number('OPS', 250);
const first = number('FIRST', 1);
const reduceSeconds = number('REDUCE', 120);
const more = process.env.MIGRATEFS_DIFFERENTIAL_OPTIONS;
const replay = process.env.MIGRATEFS_DIFFERENTIAL_REPLAY;
const backing = (process.env.MIGRATEFS_DIFFERENTIAL_BACKING ?? 'tmpfs') as Backing;

/** How often the chooser looks at what is there. */
const LOOK_EVERY = 8;

/** Where in this file it was noticed means nothing. */
const HERE = { at: null, stack: '' };

function placeOf(m: Mounted): Place {
  return { mount: m.mnt, layers: [m.upper, ...m.lower], plain: `${m.upper}/plain` };
}

function listingOf(tree: Tree): Listing {
  const paths = (type: number) => [...tree].flatMap(([path, seen]) => (seen.type === type ? [path] : []));
  const linked = [...tree].flatMap(([path, seen]) => (seen.type !== DT_DIR && seen.links > 1 ? [path] : []));
  return {
    all: [...tree.keys()],
    directories: paths(DT_DIR),
    files: paths(DT_REG),
    links: paths(DT_LNK),
    linked,
  };
}

/** @returns the operations that were left out, or the difference */
function trySeed(place: Place, seed: number): { excused: number } | Case {
  const layout = randomLayout(seed, place.layers.length);
  const chooser = new Chooser(new Random(seed));
  const trial = new Trial(place, layout);
  try {
    const difference = trial.run((i, view) => {
      if (i >= operations) return undefined;
      if (i % LOOK_EVERY === 0) chooser.listing = listingOf(view.tree());
      chooser.open = view.open;
      return drawOperation(chooser);
    });
    if (difference) return { layout, operations: difference.operations, difference };
    const left = trial.removeMerged();
    if (left === undefined) return { excused: trial.excused };
    return {
      layout,
      operations: [],
      difference: { operations: [], expected: 'a tree that can go', got: left },
    };
  } finally {
    trial.clear();
  }
}

function runSeeds(t: Test, m: Mounted, mine: readonly number[]): void {
  const place = placeOf(m);
  let excused = 0;
  for (const seed of mine) {
    const result = trySeed(place, seed);
    if ('excused' in result) {
      excused += result.excused;
      t.pass(`seed ${seed}`);
      continue;
    }
    const reduced = result.operations.length === 0 ? result : reduce(place, result, reduceSeconds * 1000);
    t.fail(`seed ${seed}: the merged tree differs`, { report: describeCase(reduced), ...HERE });
  }
  t.comment(`${mine.length} seeds of ${operations} operations; ${excused} operations that may differ`);
}

function runReplay(t: Test, m: Mounted, file: string): void {
  const { layout, operations } = JSON.parse(readFileSync(file, 'utf8')) as {
    layout: Entry[];
    operations: Operation[];
  };
  const difference = attempt(placeOf(m), layout, operations);
  if (difference) t.fail('differs', { report: describeCase({ layout, operations, difference }), ...HERE });
  else t.pass('no difference');
}

for (const [i, mount] of MOUNTS.entries()) {
  const options = more === undefined ? mount : `${mount},${more}`;
  const mine = Array.from({ length: seeds }, (_, k) => first + k).filter(
    (seed) => seed % MOUNTS.length === i,
  );
  if (mine.length === 0 && replay === undefined) continue;
  await mountTest(
    t,
    `${backing}, ${options}`,
    // An ordinary user's daemon cannot copy what he may write but not read, which the plain side does not need.
    { root: true, backing, lowers: 2, options, timeout: 86_400_000 },
    (t, m) => {
      if (replay !== undefined) runReplay(t, m, replay);
      else runSeeds(t, m, mine);
    },
  );
}
