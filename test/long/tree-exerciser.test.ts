// The exerciser of names (tree-exerciser.c): many processes do anything at all in one tree whose parts lie in three layers. Nothing fails
// in a way that a local file system's would not, and the tree is what the layers hold.

import t from 'tap';
import { type Backing, mountTest, must } from '../mounted/support.ts';
import { compiled, lasting, ran, seedOf } from './exerciser.ts';
import { limit, scaled } from './support.ts';
import { TreeRun } from './tree.ts';

const duration = { seconds: lasting(scaled(15)), operations: 0 };

for (const [backing, options] of [
  ['ext4', 'threads=8'],
  ['xfs', 'threads=8,cache=none'],
  ['btrfs', 'threads=8,cache=exclusive'],
  ['tmpfs', 'threads=8,metadata=copyup'],
  ['ext4', 'threads=1'],
] as const satisfies [Backing, string][]) {
  const tree = new TreeRun(6);
  await mountTest(
    t,
    `names on ${backing}, ${options}`,
    {
      root: true,
      backing,
      lowers: 2,
      options,
      needs: ['gcc'],
      timeout: limit(400_000),
      prepare: ({ upper, lower }) => tree.lay(`${upper}/..`, [upper, ...lower]),
    },
    (t, m) => tree.work(t, m, duration),
  );
}

await mountTest(
  t,
  'the exerciser is right about the storage itself',
  { root: true, backing: 'ext4', needs: ['gcc'] },
  async (t, m) => {
    const program = compiled('long/tree-exerciser', m.dir);
    must(program, ['lay', m.upper, `${seedOf()}`, '300']);
    const runs = [1, 2, 3].map((i) => ran(program, ['run', m.upper, seedOf() + i, 5, 0], 60_000));
    t.same(await Promise.all(runs), ['ok', 'ok', 'ok']);
    t.equal(await ran(program, ['check', m.upper], 60_000), 'ok');
  },
);
