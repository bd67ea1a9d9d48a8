// What the daemon does for itself fails, and nothing of users' doing: times that are set back, records, leftovers, hidden files, signs of life. Users get
// what they asked for, the log says what was left undone, and when all is well the next mount, or the next step, does it.

import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { leftovers } from './defects-support.ts';
import { list } from './hosts.ts';
import { Opener } from './opener.ts';
import { type Mounted, type MountTestOptions, mountTest, must, until } from './support.ts';

const MOVES = ['RENAME', 'RENAME2', 'LINK'] as const;

const UPPER: MountTestOptions = {
  root: true,
  faults: true,
  sick: 'upper',
  needs: ['perl'],
  options: 'cache=none',
  prepare: ({ upper, lower: [lower] }) => {
    for (const layer of [upper, lower]) {
      for (const dir of ['d', 'e']) mkdirSync(`${layer}/${dir}`);
      writeFileSync(`${layer}/e/in-${layer === upper ? 'upper' : 'lower'}`, '');
    }
    for (const name of ['d/file', 'd/other', 'deleted', 'last']) writeFileSync(`${lower}/${name}`, 'old\n');
  },
};

const text = (m: Mounted, name: string) => readFileSync(`${m.mnt}/${name}`, 'utf8');

await mountTest(t, 'a new storage on which times cannot be set', UPPER, async (t, m) => {
  await m.sick.fail('EIO', { operations: ['SETATTR'], path: '^/d$' });
  appendFileSync(`${m.mnt}/d/file`, 'more\n');
  t.match(m.log(), / level=warn event=directory_time_changed path=\/d error=EIO\n/);
  rmSync(`${m.mnt}/d/other`);
  t.match(m.log(), / level=warn event=directory_time_kept path=\/d error=EIO\n/);
  await m.sick.release();
  t.equal(text(m, 'd/file'), 'old\nmore\n');
  t.same(list(`${m.mnt}/d`), ['file']);
});

await mountTest(t, 'the record of a rename that cannot be removed', UPPER, async (t, m) => {
  await m.sick.fail('EIO', { operations: ['UNLINK'], path: '^/.migratefs/intents/' });
  renameSync(`${m.mnt}/e`, `${m.mnt}/f`);
  await m.sick.release();
  t.match(m.log(), / level=warn event=intent_kept name=\S+ error=EIO\n/);
  t.same(list(`${m.mnt}/f`), ['in-lower', 'in-upper']);
  t.not(list(`${m.behind}/.migratefs/intents`).length, 0);
  await m.remount();
  t.match(m.log(), / event=rename_finished /);
  t.same(list(`${m.mnt}/f`), ['in-lower', 'in-upper']);
  t.same(list(`${m.behind}/.migratefs/intents`), []);
});

await mountTest(t, 'the copy of a deleted file that cannot be set aside', UPPER, async (t, m) => {
  const stopped = m.faults.pause('copyup.durable');
  const opener = new Opener(`${m.mnt}/deleted`, 'more');
  const there = await stopped();
  rmSync(`${m.lower[0]}/deleted`);
  await m.sick.fail('EIO', { operations: MOVES, path: '^/deleted$' });
  there.go();
  t.equal(await opener.ended, 'ok', 'who has opened it has it');
  await m.sick.release();
  t.match(m.log(), / level=error event=copy_of_deleted_kept name=deleted error=EIO\n/);
  t.equal(text(m, 'deleted'), 'old\nmore\n', 'what may be the only copy is not lost');
});

await mountTest(t, 'what a dead daemon has left, and folders that cannot be read', UPPER, async (t, m) => {
  renameSync(`${m.mnt}/e`, `${m.mnt}/f`); // makes the folder of such records
  m.faults.kill('copyup.durable');
  const opener = new Opener(`${m.mnt}/last`, 'more');
  t.match(await opener.ended, /^(?:ENOTCONN|ECONNABORTED)$/);
  await m.ended();
  await m.sick.fail('EIO', { operations: ['OPENDIR'], path: '^/.migratefs/(slots|intents|work)$' });
  await m.remount();
  await until('a sign of life', () => /event=sign_of_life_failed/.test(m.log()));
  const events = [...m.log().matchAll(/ level=(?:warn|error) event=(\S+) .*error="?EIO/g)];
  t.same(
    [...new Set(events.map(([, event]) => event))].sort(),
    ['recovery_failed', 'sign_of_life_failed', 'sweep_failed'],
    'each is told',
  );
  t.equal(m.log().split('event=sign_of_life_failed').length, 2, 'and told once');
  t.equal(text(m, 'last'), 'old\n', 'the mount serves');
  appendFileSync(`${m.mnt}/d/file`, 'more\n');
  await m.sick.release();
  t.ok(existsSync(`${m.lower[0]}/last`), 'the source is there still');
  await m.remount();
  t.match(m.log(), / event=source_removed path=last /);
  t.notOk(existsSync(`${m.lower[0]}/last`));
  t.equal(text(m, 'last'), 'old\n');
  for (const folder of ['slots', 'intents']) t.same(list(`${m.behind}/.migratefs/${folder}`), []);
});

const LOWER: MountTestOptions = {
  root: true,
  faults: true,
  sick: 'lower',
  needs: ['perl'],
  options: 'cache=none',
  prepare: ({ upper, lower: [lower] }) => {
    writeFileSync(`${upper}/new`, 'new\n');
    for (const name of ['target', 'last']) writeFileSync(`${lower}/${name}`, 'old\n');
  },
};

await mountTest(t, 'a replaced file of an old storage that refuses', LOWER, async (t, m) => {
  await m.sick.fail('EIO', { operations: ['UNLINK', ...MOVES], path: '^/target$' });
  renameSync(`${m.mnt}/new`, `${m.mnt}/target`);
  t.match(m.log(), / level=warn event=hidden_copy_kept path=\/target error=EIO\n/);
  t.equal(text(m, 'target'), 'new\n');
  await m.sick.release();
  await m.remount();
  t.equal(text(m, 'target'), 'new\n', 'hidden still');
  rmSync(`${m.mnt}/target`);
  t.notOk(existsSync(`${m.mnt}/target`), 'and gone with the name');
  t.notOk(existsSync(`${m.behind}/target`));
});

await mountTest(t, 'leftovers that an old storage keeps', LOWER, async (t, m) => {
  m.faults.kill('source.aside');
  const opener = new Opener(`${m.mnt}/last`, 'more');
  t.match(await opener.ended, /^(?:ENOTCONN|ECONNABORTED)$/);
  await m.ended();
  await m.sick.fail('EROFS', { operations: ['UNLINK'], path: '/work/' });
  await m.remount();
  t.match(m.log(), / level=warn event=sweep_failed layer=\S+ name=\S+ error=EROFS\n/);
  t.equal(text(m, 'last'), 'old\n');
  t.equal(leftovers(m.behind).length, 1);
  await m.sick.release();
  await m.remount();
  t.same(leftovers(m.behind), [], 'the next mount tries again');
  t.equal(text(m, 'last'), 'old\n');
});

await mountTest(
  t,
  'a directory of our name that others reach, mounted ro',
  {
    root: true,
    options: 'ro',
    prepare: ({ lower: [lower] }) => {
      must('mkdir', ['-m', '777', `${lower}/.migratefs`]);
      writeFileSync(`${lower}/file`, 'old\n');
    },
  },
  (t, m) => {
    t.match(
      m.log(),
      / level=warn event=private_not_ours layer=\S+ why="may be reached by others \(mode 777\)"\n/,
    );
    t.same(list(m.mnt), ['file']);
    t.equal(text(m, 'file'), 'old\n');
  },
);
