// The last step of a copy-up, on a sick old storage: the copy is published and durable, and its source cannot be removed, or the removal hangs. Who
// has opened the file waits for that and nobody else does, has the whole file, and what stays of the source is hidden until the name goes.

import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { leftovers } from './defects-support.ts';
import { recordsOf } from './journal-support.ts';
import { Opener } from './opener.ts';
import { type Mounted, type MountTestOptions, mountTest, run } from './support.ts';

const OLD = 'old\n'.repeat(1000);
const NEW = `${OLD}more\n`;
const MOVES = ['RENAME', 'RENAME2'] as const;
const SOON = 8000;

const NAMES = ['EIO', 'EROFS', 'EACCES', 'stuck', 'other'];

const options: MountTestOptions = {
  root: true,
  sick: 'lower',
  needs: ['perl'],
  options: 'cache=exclusive',
  prepare: ({ upper, lower: [lower] }) => {
    mkdirSync(`${upper}/own`);
    writeFileSync(`${upper}/own/file`, 'mine');
    for (const name of NAMES) writeFileSync(`${lower}/${name}`, OLD);
  },
};

const text = (m: Mounted, name: string) => readFileSync(`${m.mnt}/${name}`, 'utf8');

await mountTest(t, 'an old storage that refuses', options, async (t, m) => {
  // Where it cannot be moved out of the way first, it is removed in its place; where it is out of the way, it comes back.
  for (const [errno, operations] of [
    ['EIO', [...MOVES, 'UNLINK']],
    ['EROFS', ['UNLINK']],
    ['EACCES', [...MOVES, 'UNLINK']],
  ] as const) {
    await m.sick.fail(errno, { operations });
    appendFileSync(`${m.mnt}/${errno}`, 'more\n');
    await m.sick.release();
    t.match(
      m.log(),
      new RegExp(` level=warn event=source_kept path=/${errno} layer=\\S+ error=${errno} consequence=`),
    );
    t.match(recordsOf(m).at(-1), { op: 'migrate', result: 'ok', path: `/${errno}`, source: 'kept' });
    t.equal(text(m, errno), NEW, 'the copy is shown');
    t.equal(readFileSync(`${m.behind}/${errno}`, 'utf8'), OLD, 'the source is there as it was');
    t.same(leftovers(m.behind), []);
  }
  await m.remount();
  for (const name of ['EIO', 'EROFS', 'EACCES']) {
    t.equal(text(m, name), NEW, 'nothing has changed at the next mount');
    rmSync(`${m.mnt}/${name}`);
    t.notOk(existsSync(`${m.mnt}/${name}`), 'and the source goes with the name');
    t.notOk(existsSync(`${m.behind}/${name}`));
  }
});

await mountTest(t, 'a source that can neither go nor get its name back', options, async (t, m) => {
  await m.sick.fail('EIO', { operations: ['UNLINK'] });
  await m.sick.fail('EIO', { operations: [...MOVES, 'LINK'], from: 2 });
  appendFileSync(`${m.mnt}/stuck`, 'more\n');
  await m.sick.release();
  t.match(m.log(), / level=error event=name_not_given_back name=stuck layer=\S+ kept=\S+ error=EIO\n/);
  t.equal(text(m, 'stuck'), NEW);
  const [kept = '', ...others] = leftovers(m.behind);
  t.same(others, []);
  t.equal(readFileSync(`${m.behind}/.migratefs/work/${kept}`, 'utf8'), OLD, 'it is where the log says');
  await m.remount();
  t.same(leftovers(m.behind), [], 'the next mount removes what is known to be the source');
  t.equal(text(m, 'stuck'), NEW);
});

/** What others do meanwhile: with the file, and with what the new storage alone has. */
const others = (m: Mounted) => {
  const script =
    'cat stuck | md5sum; cat own/file; echo x >>own/file; echo x >own/new; mv own/new own/file; printf mine >own/file';
  const done = run('bash', ['-c', script], { cwd: m.mnt, timeout: SOON });
  return done.signal ?? `${done.stdout}${done.stderr}`;
};

for (const [what, operations] of [
  ['to move it out of the way', MOVES],
  ['to remove it', ['UNLINK']],
] as const) {
  await mountTest(t, `an old storage that hangs: ${what}`, options, async (t, m) => {
    const before = others(m);
    await m.sick.hang({ operations, path: what === 'to remove it' ? '/work/' : '^/stuck$' });
    const opener = new Opener(`${m.mnt}/stuck`, 'more');
    await m.sick.hangs(1);
    t.ok(opener.isRunning, 'who has opened it waits');
    t.equal(others(m), before, 'others read it, and do their own work');
    t.equal(readFileSync(`${m.upper}/stuck`, 'utf8'), OLD, 'the copy is there');
    await m.sick.release();
    t.equal(await opener.ended, 'ok');
    t.equal(text(m, 'stuck'), NEW);
    t.notOk(existsSync(`${m.behind}/stuck`), 'the source has gone');
    t.same(leftovers(m.behind), []);
    t.notMatch(m.log(), /level=(?:warn|error)/);

    await m.sick.hang({ operations, path: what === 'to remove it' ? '/work/' : '^/other$' });
    const second = new Opener(`${m.mnt}/other`, 'more');
    await m.sick.hangs(1);
    await m.kill9();
    t.match(await second.ended, /^(?:ENOTCONN|ECONNABORTED)$/);
    await m.sick.release();
    await m.remount();
    t.equal(text(m, 'other'), OLD, 'a daemon that dies over it has lost nothing');
    t.notOk(existsSync(`${m.behind}/other`), 'and the next mount has finished it');
    t.same(leftovers(m.behind), []);
  });
}
