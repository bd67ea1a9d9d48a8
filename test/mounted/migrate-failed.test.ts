// A file that could not move is told in the log: where the storage is at fault, not where its user may not or has given up; and a full storage
// does not flood it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { errnoOf, NOBODY } from './defects-support.ts';
import { cleanEnv, type Mounted, mountTest, sh, shAs, until } from './support.ts';

const lines = (m: Mounted) =>
  m
    .log()
    .split('\n')
    .filter((line) => line.includes('event=migrate_failed'));

await mountTest(
  t,
  'the new storage is full',
  {
    backing: 'tmpfs',
    size: '24M',
    prepare: ({ upper, lower: [lower] }) => {
      mkdirSync(`${lower}/d`);
      for (const name of ['big', 'big2']) writeFileSync(`${lower}/d/${name}`, Buffer.alloc(9 << 20, 1));
      writeFileSync(`${upper}/fill`, Buffer.alloc(18 << 20, 1));
    },
  },
  async (t, m) => {
    const append = (name: string) => errnoOf(() => sh('echo >>"$1"', { args: [`${m.mnt}/d/${name}`] }));
    t.not(append('big'), 'ok');
    const [line = '', ...more] = lines(m);
    t.match(
      line,
      / level=error event=migrate_failed path=\/d\/big layer=\S+\/lower uid=\d+ size=9437184 error=ENOSPC$/,
    );
    t.same(more, []);
    sh('for i in $(seq 40); do { echo >>"$1"; } 2>/dev/null && exit 1; done; true', {
      args: [`${m.mnt}/d/big`],
    });
    t.ok(lines(m).length < 35, `${lines(m).length} lines for 41 failures`);
    await sleep(1100);
    // Which thread serves it is not said; one that has kept quiet tells how often.
    for (let i = 0; i < 20; i++) append('big2');
    t.ok(
      lines(m).some((line) => /path=\/d\/big2 .* error=ENOSPC( untold=\d+)?$/.test(line)),
      'told again after a pause',
    );
  },
);

await mountTest(
  t,
  "what its user may not do, and what he has given up, is nobody else's affair",
  {
    root: true,
    sick: 'lower',
    needs: ['setpriv'],
    prepare: ({ lower: [lower] }) => {
      writeFileSync(`${lower}/big`, Buffer.alloc(64 << 20, 1));
      writeFileSync(`${lower}/closed`, 'x', { mode: 0o600 });
    },
  },
  async (t, m) => {
    t.match(shAs(NOBODY, 'echo >>"$1"', { args: [`${m.mnt}/closed`] }).stderr, /Permission denied/);
    await m.sick.hang({ operations: ['READ'] });
    const opener = spawn('sh', ['-c', 'exec 9>>"$0"', `${m.mnt}/big`], { env: cleanEnv(), stdio: 'ignore' });
    const ended = once(opener, 'exit');
    await sleep(500);
    opener.kill('SIGKILL');
    await m.sick.release();
    await ended;
    await until(
      'journal',
      () => sh('cat "$1"/.migratefs/journal/*', { args: [m.upper] }).includes('EINTR'),
      5000,
    ).catch(() => t.comment('it was quicker than the signal'));
    t.same(lines(m), []);
    await m.sick.fail('EIO', { operations: ['READ'] });
    t.not(
      errnoOf(() => sh('echo >>"$1"', { args: [`${m.mnt}/big`] })),
      'ok',
    );
    await m.sick.release();
    t.match(lines(m).at(-1) ?? '', / path=\/big .* error=EIO$/);
  },
);
