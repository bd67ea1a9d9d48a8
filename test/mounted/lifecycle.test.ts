// A mount's beginning and end: in the background, by signals, from outside, in use.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';
import t from 'tap';
import { mountAt } from '../../src/sys/mountinfo.ts';
import {
  cleanEnv,
  isAlive,
  isRoot,
  mountTest,
  must,
  outcome,
  program,
  run,
  sh,
  until,
  whereIs,
} from './support.ts';

const prepare = ({ lower: [a = ''] }: { lower: string[] }) =>
  void sh('for i in {1..200}; do echo $i >f$i; done', { cwd: a });

await mountTest(
  t,
  'in the background: back when ready, alone in its session, ends with the mount',
  { background: true, prepare },
  async (t, m) => {
    t.equal(readdirSync(m.mnt).length, 200, 'served as soon as the command is back');
    const stat = readFileSync(`/proc/${m.daemonPid}/stat`, 'latin1')
      .replace(/^.*\) /, '')
      .split(' ');
    t.equal(Number(stat[3]), m.daemonPid, 'a session of its own');
    t.equal(stat[4], '0', 'no terminal');
    must(process.execPath, [program, 'umount', m.mnt]);
    await m.ended();
    t.equal(mountAt(m.mnt), undefined);
  },
);

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  await mountTest(t, `${signal} while idle unmounts and ends with status 0`, { prepare }, async (t, m) => {
    sh('cat f1; echo more >>f2', { cwd: m.mnt });
    m.signal(signal);
    t.equal(await m.ended(), 0);
    t.equal(mountAt(m.mnt), undefined);
    t.equal(whereIs(m, 'f2'), 'upper');
  });
}

await mountTest(t, 'SIGTERM while busy: every copy is whole, nothing is lost', { prepare }, async (t, m) => {
  const script = 'trap "" PIPE; for i in {1..200}; do echo more >>"f$i" || true; done';
  const busy = [1, 2, 3, 4].map(() =>
    spawn('bash', ['-c', `cd "$1"; ${script}; cd /; sleep 0`, 'bash', m.mnt], {
      cwd: '/',
      env: cleanEnv(),
      stdio: 'ignore',
    }),
  );
  const ends = busy.map((each) => once(each, 'exit'));
  await until('work has begun', () => readdirSync(m.upper).some((name) => name.startsWith('f')));
  m.signal('SIGTERM');
  await Promise.all(ends);
  await m.ended(20_000);
  t.equal(mountAt(m.mnt), undefined, 'unmounted');
  for (let i = 1; i <= 200; i++) {
    const where = whereIs(m, `f${i}`);
    t.match(where, /^(upper|lower)$/, `f${i} on one layer`);
    const text = readFileSync(`${where === 'upper' ? m.upper : m.lower[0]}/f${i}`, 'utf8');
    t.match(text, where === 'lower' ? new RegExp(`^${i}\n$`) : new RegExp(`^${i}\n(more\n){0,4}$`));
  }
  t.equal(sh('ls -A .migratefs/work 2>/dev/null || true', { cwd: m.upper }), '');
});

await mountTest(t, 'unmounted from outside: refused in use, then clean', { prepare }, async (t, m) => {
  const fd = openSync(`${m.mnt}/f1`, 'r+');
  const umount = isRoot ? ['umount', m.mnt] : ['fusermount3', '-u', m.mnt];
  t.not(run(umount[0] as string, umount.slice(1)).status, 0, 'busy');
  t.not(run(process.execPath, [program, 'umount', m.mnt]).status, 0, 'busy for our own command too');
  writeSync(fd, 'still ');
  closeSync(fd);
  await m.unmount();
  t.equal(readFileSync(`${m.upper}/f1`, 'utf8'), 'still ');
  t.equal(isAlive(m.daemonPid), false);
  await m.remount();
  t.equal(readFileSync(`${m.mnt}/f1`, 'utf8'), 'still ');
});

await mountTest(t, 'a lazy unmount lets open files work to their end', { prepare }, async (t, m) => {
  const fd = openSync(`${m.mnt}/f3`, 'a');
  must(process.execPath, [program, 'umount', '--lazy', m.mnt]);
  t.equal(mountAt(m.mnt), undefined);
  t.ok(isAlive(m.daemonPid), 'served as long as it is used');
  t.equal(writeSync(fd, 'late'), 4);
  closeSync(fd);
  await m.ended();
  t.equal(readFileSync(`${m.upper}/f3`, 'utf8'), '3\nlate');
});

await mountTest(t, 'ro: nothing can be changed, reading works', { options: 'ro', prepare }, (t, m) => {
  t.equal(readFileSync(`${m.mnt}/f7`, 'utf8'), '7\n');
  for (const flags of ['a', 'w', 'r+'])
    t.equal(
      outcome(() => openSync(`${m.mnt}/f7`, flags)),
      'EROFS',
    );
  t.equal(
    outcome(() => writeFileSync(`${m.mnt}/new`, '')),
    'EROFS',
  );
  for (const act of ['rm -f f7', 'mv f7 f8', 'chmod 600 f7', 'mkdir d', 'ln f7 g', 'truncate -s 0 f7']) {
    t.throws(() => sh(act, { cwd: m.mnt }), /Read-only file system/, act);
  }
  t.same(readdirSync(m.upper), []);
  t.equal(statSync(`${m.lower[0]}/f7`).size, 2);
});
