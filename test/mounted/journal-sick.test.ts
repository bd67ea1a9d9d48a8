// The journal's file alone fails or hangs, all else of the new storage is well: files come up, are renamed and removed as if nothing were, the log
// tells once that it begins and once that it is over, and the end of the mount does not wait for it.

import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { eventsOf, filesOf, recordsOf } from './journal-support.ts';
import { type Mounted, type MountTestOptions, mountTest, run, until } from './support.ts';

const JOURNAL = '^/.migratefs/journal/.*ndjson';
const ROUNDS = 4;
/** Milliseconds that users may need on a loaded machine; 5 s of them once, for the journal. */
const SOON = 15_000;

const options: MountTestOptions = {
  root: true,
  sick: 'upper',
  prepare: ({ lower: [lower] }) => {
    for (let i = 0; i < ROUNDS; i++) {
      mkdirSync(`${lower}/d${i}`);
      for (const name of ['up', 'moved', 'removed']) writeFileSync(`${lower}/d${i}/${name}`, 'old\n');
    }
  },
};

/** Each of what is recorded: a copy-up, a rename, two removals. */
const WORK = 'set -e; cd "$1"; echo more >>up; mv moved new; rm removed; mkdir d; rmdir d; cat up new';
const RECORDS = 4;

/** By another process, so that one that hangs does not hang the test. */
function work(t: Test, m: Mounted, round: number): void {
  const done = run('bash', ['-c', WORK, 'bash', `${m.mnt}/d${round}`], { timeout: SOON });
  t.equal(done.signal ?? `${done.stdout}${done.stderr}`, 'old\nmore\nold\n', 'users do not notice');
  t.same(readdirSync(`${m.mnt}/d${round}`).sort(), ['new', 'up']);
  t.notOk(existsSync(`${m.lower[0]}/d${round}/up`), 'the source has gone');
}

const fsyncs = async (m: Mounted) => (await m.sick.counts()).FSYNC ?? 0;

await mountTest(t, 'a journal that cannot be synced', options, async (t, m) => {
  await m.sick.fail('EIO', { operations: ['FSYNC'], path: JOURNAL });
  work(t, m, 0);
  await until('told', () => eventsOf(m).includes('journal_not_synced'));
  t.match(m.log(), / level=error event=journal_not_synced path=\S+\.ndjson error=EIO consequence=/);
  work(t, m, 1);
  // The copy's own and the journal's.
  const before = await fsyncs(m);
  let now = before;
  for (const end = Date.now() + 10_000; now === before && Date.now() < end; ) now = await fsyncs(m);
  t.ok(now > before, 'it is tried again');
  t.same(eventsOf(m), ['journal_not_synced'], 'and told once');
  await m.sick.release();
  work(t, m, 2);
  await until('told that it is over', () => eventsOf(m).includes('journal_synced'));
  t.same(eventsOf(m), ['journal_not_synced', 'journal_synced']);
  t.equal(recordsOf(m).length, 3 * RECORDS, 'no record is lost');
});

await mountTest(t, 'a journal whose sync hangs', options, async (t, m) => {
  await m.sick.hang({ operations: ['FSYNC'], path: JOURNAL });
  work(t, m, 0);
  await m.sick.hangs(1);
  for (const round of [1, 2]) work(t, m, round);
  t.same(eventsOf(m), ['journal_failed']);
  t.match(m.log(), / event=journal_failed path=\S+ error=ETIMEDOUT /);
  const before = performance.now();
  m.signal('SIGTERM');
  t.equal(await m.ended(), 0);
  const seconds = (performance.now() - before) / 1000;
  t.ok(seconds < 12, `the mount ends within bounds: ${seconds.toFixed(1)} s`);
  t.same(eventsOf(m), ['journal_failed', 'journal_not_synced', 'journal_lost']);
  t.match(m.log(), / event=journal_not_synced path=\S+ error=ETIMEDOUT /);
  await m.sick.release();
  // The sync begins a second after the first record: on a slow machine not all of the first round is there by then.
  const lost = 3 * RECORDS - recordsOf(m).length;
  t.ok(lost >= 2 * RECORDS && lost < 3 * RECORDS, `${lost} records are lost`);
  t.match(m.log(), new RegExp(` event=journal_lost path=\\S+ lost=${lost}\n`));
});

await mountTest(t, 'a journal that cannot be written, until the end of the mount', options, async (t, m) => {
  work(t, m, 0);
  await m.sick.fail('EIO', { operations: ['WRITE'], path: JOURNAL });
  work(t, m, 1);
  await m.unmount();
  t.same(eventsOf(m), ['journal_failed', 'journal_lost']);
  t.match(m.log(), new RegExp(` level=error event=journal_lost path=\\S+ lost=${RECORDS}\n`));
  await m.sick.release();
  await m.remount();
  work(t, m, 2);
  t.equal(recordsOf(m).length, 2 * RECORDS);
});

const SMALL: MountTestOptions = { ...options, options: 'journal-size=64K' };

await mountTest(t, 'a journal that cannot be put away', SMALL, async (t, m) => {
  work(t, m, 0);
  const [file = ''] = filesOf(m);
  appendFileSync(file, '\n'.repeat(70_000)); // empty lines are no records
  await m.sick.fail('EIO', { operations: ['RENAME', 'RENAME2', 'LINK'], path: JOURNAL });
  // A file is put away by who writes to it a second after it was last looked at.
  let name = 'up';
  const move = () => {
    const to = name === 'up' ? 'again' : 'up';
    const done = run('mv', [`${m.mnt}/d0/${name}`, `${m.mnt}/d0/${to}`], { timeout: SOON });
    t.equal(done.status, 0, done.stderr.toString());
    name = to;
  };
  await until('told', () => {
    move();
    return eventsOf(m).length > 0;
  });
  move();
  t.same(eventsOf(m), ['journal_not_rotated']);
  t.match(m.log(), / level=warn event=journal_not_rotated path=\S+ error=EIO consequence=/);
  t.equal(filesOf(m).length, 1);
  t.match(JSON.parse(readFileSync(file, 'latin1').trimEnd().split('\n').at(-1) as string), { op: 'rename' });
  await m.sick.release();
  await until('put away', () => {
    move();
    return filesOf(m).length === 2;
  });
});
