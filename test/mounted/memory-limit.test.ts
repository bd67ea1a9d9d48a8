// A daemon with little memory: it copies up files larger than all of it, walks through many, and goes on. One that the kernel ends for want
// of memory is as one that was killed: nothing is lost.

import {
  appendFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { limitMemory, memoryGroupMissing } from './cgroup.ts';
import { isAlive, mountTest, run, sh, until, whereIs } from './support.ts';

const MiB = 2 ** 20;
const DIRECTORIES = 100;
const FILES = 200;

const skip = memoryGroupMissing();
if (skip !== undefined) t.test('memory', { skip }, async () => {});
else {
  await mountTest(
    t,
    'what it has in hand does not grow with the files',
    {
      root: true,
      prepare: ({ lower: [lower] }) => {
        sh('head -c 300M /dev/urandom >big', { cwd: lower as string });
        for (let d = 0; d < DIRECTORIES; d++) {
          mkdirSync(`${lower}/d${d}`);
          for (let f = 0; f < FILES; f++) writeFileSync(`${lower}/d${d}/f${f}`, '');
        }
      },
    },
    async (t, m) => {
      // What it has by now is not counted.
      const group = limitMemory(m.daemonPid, 64 * MiB);
      appendFileSync(`${m.mnt}/big`, 'more');
      t.equal(whereIs(m, 'big'), 'upper');
      t.equal(statSync(`${m.mnt}/big`).size, 300 * MiB + 4);
      sh('cat big | cmp - ../upper/big', { cwd: m.mnt });
      sh('cp big copy; cmp big copy; rm copy', { cwd: m.mnt });
      for (let d = 0; d < DIRECTORIES; d++) {
        for (const name of readdirSync(`${m.mnt}/d${d}`)) lstatSync(`${m.mnt}/d${d}/${name}`);
      }
      sh('for d in d?; do for f in $d/*; do echo more >>$f; done; done', { cwd: m.mnt });
      t.ok(isAlive(m.daemonPid));
      t.equal(group.killed(), 0, `at most ${Math.round(group.most() / MiB)} MiB`);
      await m.unmount();
      await group.remove();
    },
  );

  await mountTest(
    t,
    'ended by the kernel, it has lost nothing',
    {
      root: true,
      prepare: ({ lower: [lower] }) => {
        for (let f = 0; f < 2000; f++) writeFileSync(`${lower}/f${f}`, `old ${f}\n`);
      },
    },
    async (t, m) => {
      const group = limitMemory(m.daemonPid, MiB);
      run('bash', ['-c', 'for f in f*; do echo more >>$f; done; cat f*'], { cwd: m.mnt });
      await until('the end of the daemon', () => !isAlive(m.daemonPid), 60_000);
      t.equal(group.killed(), 1);
      await group.remove();
      await m.remount();
      const names = readdirSync(m.mnt);
      t.equal(names.length, 2000);
      const expected = (name: string) => new RegExp(`^old ${name.slice(1)}\n(more\n)?$`);
      t.same(
        names.filter((name) => !expected(name).test(readFileSync(`${m.mnt}/${name}`, 'utf8'))),
        [],
      );
    },
  );
}
