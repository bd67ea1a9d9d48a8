// The exerciser of contents (exerciser.c): every byte that is read, in every way, is what was last written, also through what was
// opened and mapped before a copy-up; on every storage, with one worker and with eight, with every way of caching.

import t from 'tap';
import { type Backing, mountTest, must } from '../mounted/support.ts';
import { ContentRun, compiled, lasting, ran, seedOf } from './exerciser.ts';
import { assertHealthy, limit, scaled } from './support.ts';

const SECONDS = lasting(scaled(8));

for (const backing of ['ext4', 'xfs', 'btrfs', 'tmpfs'] as const satisfies Backing[]) {
  for (const [threads, cache] of [
    [1, 'shared'],
    [8, 'none'],
    [8, 'exclusive'],
  ] as const) {
    const run = new ContentRun(4);
    await mountTest(
      t,
      `contents on ${backing}, ${threads} workers, cache=${cache}`,
      {
        root: true,
        backing,
        lowers: 2,
        options: `threads=${threads},cache=${cache}`,
        needs: ['gcc'],
        timeout: limit(300_000),
        prepare: ({ upper, lower }) => run.lay(`${upper}/..`, [upper, ...lower]),
      },
      async (t, m) => {
        await run.work(t, m, { seconds: SECONDS, operations: 0 });
        assertHealthy(t, m);
      },
    );
  }
}

await mountTest(
  t,
  'the exerciser is right about the storage itself',
  { root: true, backing: 'ext4', needs: ['gcc'], timeout: limit(120_000) },
  async (t, m) => {
    const program = compiled('long/exerciser', m.dir);
    const seed = seedOf();
    for (const each of [seed, seed + 1]) {
      must(program, ['lay', m.upper, 'x', `${each}`]);
      t.equal(await ran(program, ['run', m.upper, 'x', each, SECONDS, 0, m.dir], limit(60_000)), 'ok');
    }
  },
);
