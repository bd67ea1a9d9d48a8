// kill -9 of the daemon at each step in which a name of a file with two leaves the old storage: the next mount shows both, one file, and counts them
// right, and when both have come up the index has forgotten it. The steps that a third name changes nothing of are in crash-points.

import { linkSync, mkdirSync, readFileSync, type Stats, statSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import type { FaultPoint } from '../../src/layers/faultpoint.ts';
import { killedAt, nothingLeft } from './crash-support.ts';
import { list } from './hosts.ts';
import { type Mounted, type MountTestOptions, mountTest, run, whereIs } from './support.ts';

const OLD = 'old\n'.repeat(3000);

/** In a directory for each point a file with two names. */
const options = (points: readonly FaultPoint[]): MountTestOptions => ({
  root: true,
  faults: true,
  prepare: ({ lower: [lower] }) => {
    for (const point of points) {
      mkdirSync(`${lower}/${point}`);
      writeFileSync(`${lower}/${point}/a`, OLD);
      linkSync(`${lower}/${point}/a`, `${lower}/${point}/b`);
    }
  },
});

const index = (m: Mounted) => [m.upper, ...m.lower].flatMap((layer) => list(`${layer}/.migratefs/links`));

/**
 * Both names show one file. @param hidden the name that is left in the old storage, where its copy hides it: it counts until it is removed
 * (docs/semantics.md). @param others files that the index still knows
 */
function assertWhole(
  t: Test,
  m: Mounted,
  dir: FaultPoint,
  content: string,
  hidden: string | undefined,
  others: number,
): void {
  nothingLeft(t, m, dir);
  // Looked at once, both have come up.
  for (const name of ['b', 'a']) t.equal(readFileSync(`${m.mnt}/${dir}/${name}`, 'utf8'), content, name);
  const [a, b] = ['a', 'b'].map((name) => statSync(`${m.mnt}/${dir}/${name}`)) as [Stats, Stats];
  t.equal(a.ino, b.ino, `${dir}: one file`);
  for (const name of ['a', 'b'])
    t.equal(whereIs(m, `${dir}/${name}`), name === hidden ? 'upper lower' : 'upper');
  const links = hidden === undefined ? 2 : 3;
  t.same([a.nlink, b.nlink], [links, links], `${dir}: names`);
  t.equal(index(m).length, 2 * (others + (hidden === undefined ? 0 : 1)), `${dir}: the index`);
  t.equal(run('rm', ['-r', dir], { cwd: m.mnt }).status, 0);
  t.equal(whereIs(m, dir), '', 'nothing comes back');
  t.equal(index(m).length, 2 * others, 'nothing waits for names that are gone');
}

/** The name that has come up by then is the copy's, and was to leave the old storage next. */
const STAYS: readonly FaultPoint[] = ['link.keeping', 'link.kept'];

const FIRST: FaultPoint[] = ['link.entered', 'link.keeping', 'link.kept', 'link.gone'];

await mountTest(t, 'the first of two names leaves the old storage', options(FIRST), async (t, m) => {
  for (const point of FIRST) {
    await killedAt(m, point, `echo more >>${point}/a`);
    assertWhole(t, m, point, OLD, STAYS.includes(point) ? 'a' : undefined, 0);
  }
});

const LAST: FaultPoint[] = [
  'link.seen',
  'link.keeping',
  'link.kept',
  'source.aside',
  'link.gone',
  'links.opened',
  'link.dropped',
];

await mountTest(t, 'the last of two names leaves the old storage', options(LAST), async (t, m) => {
  for (const point of LAST) run('bash', ['-c', `echo more >>${point}/a`], { cwd: m.mnt });
  // But for the first these daemons have brought nothing up, and leave no record of it.
  for (const [i, point] of LAST.entries()) {
    await killedAt(m, point, `stat ${point}/b`);
    assertWhole(t, m, point, `${OLD}more\n`, STAYS.includes(point) ? 'b' : undefined, LAST.length - i - 1);
  }
  t.equal(list(`${m.upper}/.migratefs/alive`).length, 1, 'the dead leave no sign of life');
});
