// Of two old storages the one that hangs never holds so many workers that the other cannot be reached.

import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { Hung, mountTest, run } from './support.ts';

const PROCESSES = 16;
const SOON = 15_000;

const OPTIONS = {
  root: true,
  sick: 'lower',
  lowers: 2,
  options: 'cache=exclusive,threads=4',
  prepare: ({ upper, lower: [sick, well] }: { upper: string; lower: string[] }) => {
    for (const dir of [`${upper}/own`, `${sick}/below`, `${well}/other`]) mkdirSync(dir);
    writeFileSync(`${upper}/own/file`, 'mine');
    writeFileSync(`${well}/other/file`, 'old');
    writeFileSync(`${well}/other/grows`, 'old');
    for (let i = 0; i < PROCESSES; i++) writeFileSync(`${sick}/below/${i}`, 'x');
  },
} as const;

for (const [name, command, most] of [
  ['stat', (file: string) => ['stat', file], 2],
  ['open for writing', (file: string) => ['bash', '-c', 'echo x >>"$1"', 'bash', file], 1],
] as const) {
  await mountTest(t, `${PROCESSES} processes hang on one: ${name}`, OPTIONS, async (t, m) => {
    const [sick = '', well = ''] = m.lower;
    for (const dir of ['own', 'below', 'other']) run('ls', ['-l', `${m.mnt}/${dir}`]);
    if (most === 1) for (let i = 0; i < PROCESSES; i++) statSync(`${m.mnt}/below/${i}`);
    await m.sick.hang();
    const hung = Array.from({ length: PROCESSES }, (_, i) => {
      const [program = '', ...args] = command(`${m.mnt}/below/${i}`);
      return new Hung(program, ...args);
    });
    await m.sick.hangs(most);
    const users = (script: string) => run('bash', ['-ec', script], { cwd: m.mnt, timeout: SOON });
    for (const [who, script] of [
      ['the new storage', '[ "$(cat own/file)" = mine ]; touch own/new; rm own/new; ls own'],
      ['the other old one', '[ "$(cat other/file)" = old ]; ls other; stat other/file other'],
      ['who bring files up from it', 'echo new >>other/grows; touch other/made; rm other/made other/file'],
    ] as const) {
      const done = users(script);
      t.equal(done.signal ?? `${done.status} ${done.stderr}`, '0 ', `users of ${who} go on`);
    }
    t.equal((await m.sick.hanging()).length, most, 'no more than these are there');
    t.ok(hung.every(({ isRunning }) => isRunning));
    t.notOk(existsSync(`${well}/other/grows`), 'it has come up');
    t.equal(readFileSync(`${m.upper}/other/grows`, 'utf8'), 'oldnew\n');
    await m.sick.release();
    t.same(
      await Promise.all(hung.map(({ ended }) => ended)),
      hung.map(() => '0'),
      'and all others when it is well',
    );
    t.equal(statSync(`${sick}/below`).isDirectory(), true);
  });
}
