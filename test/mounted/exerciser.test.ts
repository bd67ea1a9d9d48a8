// The exercisers of contents and of names (test/long/*.c), a little and always the same: files of both layers in four processes, with
// every way of caching; one tree in three layers.

import t from 'tap';
import { ContentRun, lasting, seedOf } from '../long/exerciser.ts';
import { assertHealthy } from '../long/support.ts';
import { TreeRun } from '../long/tree.ts';
import { mountTest } from './support.ts';

/** Or as long as MIGRATEFS_EXERCISER_SECONDS says. */
const OPERATIONS = lasting(0) === 0 ? 1000 : 0;

for (const options of ['cache=shared,threads=8', 'cache=none,threads=1', 'cache=exclusive,threads=8']) {
  const run = new ContentRun(4, seedOf(1));
  await mountTest(
    t,
    `contents, ${options}`,
    { options, needs: ['gcc'], prepare: ({ upper, lower }) => run.lay(`${upper}/..`, [upper, ...lower]) },
    async (t, m) => {
      await run.work(t, m, { seconds: lasting(0), operations: OPERATIONS });
      assertHealthy(t, m);
    },
  );
}

const tree = new TreeRun(4, seedOf(1));
await mountTest(
  t,
  'names',
  {
    root: true,
    lowers: 2,
    needs: ['gcc'],
    prepare: ({ upper, lower }) => tree.lay(`${upper}/..`, [upper, ...lower]),
  },
  (t, m) => tree.work(t, m, { seconds: lasting(0), operations: OPERATIONS }),
);
