// Ctrl-C while a large file comes up: open(2) says EINTR, or the process ends, and nothing has happened to the file. That the daemon has read
// the kernel's INTERRUPT before it goes on is certain: of two workers the one is stopped, and the other has served something since.

import { statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { leftovers, pathsIn } from './defects-support.ts';
import { recordsOf } from './journal-support.ts';
import { Opener } from './opener.ts';
import { hashOf, type Mounted, mountTest, must, treeDigest, until } from './support.ts';

const MB = 1 << 20;

// Between two file systems without reflinks the data is read and written; nothing is left of that but to look at the interrupt.
const common = {
  root: true,
  faults: true,
  debug: true,
  backing: 'tmpfs' as const,
  needs: ['perl'],
  prepare: ({ upper, lower: [lower] }: { upper: string; lower: string[] }) => {
    writeFileSync(`${lower}/file`, 'old\n'.repeat(8 * MB), { mode: 0o640 });
    writeFileSync(`${upper}/own`, ''); // of two workers one is always free for the new storage
  },
};

const interrupts = (m: Mounted) => m.log().split(' INTERRUPT ').length - 1;

/** Sends a signal to a process that waits for the worker that is stopped, and waits until the daemon knows of it. */
async function interrupt(m: Mounted, opener: Opener): Promise<void> {
  const before = interrupts(m);
  opener.kill('SIGINT');
  await until('the daemon reads the INTERRUPT', () => interrupts(m) > before);
  // The only other worker has answered, so it is done with what it had before.
  must('stat', [`${m.mnt}/own`], { timeout: 10_000 });
}

function untouched(t: Test, m: Mounted, before: unknown, lower = m.lower[0] as string): void {
  t.same(treeDigest(lower), before, 'the source is as it was');
  t.same(pathsIn(m.upper), ['own'], 'nothing on the new storage');
  t.same(leftovers(m.upper), []);
  t.match(recordsOf(m).at(-1), { op: 'migrate', path: '/file', result: 'EINTR', copied: 0 });
  t.notMatch(m.log(), /level=(?:warn|error)/);
}

await mountTest(
  t,
  'who has a handler of the signal gets EINTR',
  { ...common, options: 'threads=2,cache=none' },
  async (t, m) => {
    const before = treeDigest(m.lower[0] as string);
    const stopped = m.faults.pause('copyup.temporary');
    const opener = new Opener(`${m.mnt}/file`, 'more', true);
    const there = await stopped();
    await interrupt(m, opener);
    t.ok(opener.isRunning, 'the daemon has the request');
    there.go();
    t.equal(await opener.ended, 'EINTR');
    untouched(t, m, before);
    const whole = hashOf(`${m.mnt}/file`);
    t.equal(whole, before.file?.content);
    t.equal(await new Opener(`${m.mnt}/file`, 'more').ended, 'ok', 'another one is not concerned');
    t.same(pathsIn(m.upper), ['file', 'own']);
    t.equal(statSync(`${m.upper}/file`).size, 32 * MB + 5);
  },
);

await mountTest(t, 'who has none ends', { ...common, options: 'threads=2,cache=none' }, async (t, m) => {
  const before = treeDigest(m.lower[0] as string);
  const stopped = m.faults.pause('copyup.temporary');
  const opener = new Opener(`${m.mnt}/file`, 'more');
  const there = await stopped();
  await interrupt(m, opener);
  there.go();
  t.equal(await opener.ended, 'SIGINT');
  // He is let go by the kernel before the record is there, or after.
  await until('the copy has ended', () => recordsOf(m).length > 0);
  untouched(t, m, before);
});

await mountTest(
  t,
  'who waits for another one who has the file copied is let go at once, and the copy goes on',
  { ...common, options: 'threads=4,cache=none' },
  async (t, m) => {
    const stopped = m.faults.pause('copyup.temporary');
    const first = new Opener(`${m.mnt}/file`, 'first');
    const there = await stopped();
    const second = new Opener(`${m.mnt}/file`, 'second', true);
    await until('the second one waits', () => / event=parked .* OPEN /.test(m.log()));
    second.kill('SIGINT');
    t.equal(await second.ended, 'EINTR');
    t.same(pathsIn(m.upper), ['own']);
    there.go();
    t.equal(await first.ended, 'ok');
    t.same(pathsIn(m.upper), ['file', 'own']);
    t.equal(statSync(`${m.upper}/file`).size, 32 * MB + 6);
  },
);

// With one worker nobody reads the INTERRUPT: who copies looks at the caller himself, ten times a second.
for (const threads of [1, 2]) {
  await mountTest(
    t,
    `in the middle of the data, ${threads} workers`,
    { ...common, faults: false, sick: 'lower', options: `threads=${threads},cache=none` },
    async (t, m) => {
      const before = treeDigest(m.behind);
      await m.sick.hang({ operations: ['READ'], path: '^/file$', from: 3 });
      const opener = new Opener(`${m.mnt}/file`, 'more', true);
      await m.sick.hangs(1);
      if (threads > 1) await interrupt(m, opener);
      else {
        opener.kill('SIGINT');
        await sleep(200); // the copy has lasted for long enough to be looked after
      }
      t.ok(opener.isRunning);
      await m.sick.release();
      t.equal(await opener.ended, 'EINTR');
      const { READ = 0 } = await m.sick.counts();
      t.ok(READ < 20, `after ${READ} READs, of ${(32 * MB) >> 17} or so`);
      untouched(t, m, before, m.behind);
      t.equal(await new Opener(`${m.mnt}/file`, 'more', true).ended, 'ok');
      t.equal(statSync(`${m.upper}/file`).size, 32 * MB + 5);
    },
  );
}
