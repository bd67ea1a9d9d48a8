// What a hanging old storage can hold of the workers: never all of them, however many processes wait for it.

import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { Hung, type Mounted, mountTest, run, until } from './support.ts';

const PROCESSES = 16;
const SOON = 8000;

const OPTIONS = {
  root: true,
  sick: 'lower',
  options: 'cache=exclusive,threads=4',
  prepare: ({ upper, lower: [lower] }: { upper: string; lower: string[] }) => {
    mkdirSync(`${upper}/own`);
    writeFileSync(`${upper}/own/file`, 'mine');
    mkdirSync(`${lower}/below`);
    for (let i = 0; i < PROCESSES; i++) writeFileSync(`${lower}/below/${i}`, 'x');
  },
} as const;

function well(m: Mounted): string {
  const script = 'set -e; ls own; [ "$(cat own/file)" = mine ]; touch own/file own/new; rm own/new; stat own';
  const done = run('bash', ['-c', script], { cwd: m.mnt, timeout: SOON });
  return done.signal ?? `${done.status} ${done.stderr}`;
}

const ACTS: [string, (file: string) => [string, ...string[]]][] = [
  ['stat', (file) => ['stat', file]],
  ['cat', (file) => ['cat', file]],
  ['list', (file) => ['ls', file.replace(/\d+$/, '')]],
  ['open for writing', (file) => ['bash', '-c', 'echo x >>"$1"', 'bash', file]],
];

for (const [name, command] of ACTS) {
  await mountTest(t, `${PROCESSES} processes hang with four workers: ${name}`, OPTIONS, async (t, m) => {
    t.equal(well(m), '0 ');
    statSync(`${m.mnt}/below`);
    if (name !== 'stat') for (let i = 0; i < PROCESSES; i++) statSync(`${m.mnt}/below/${i}`);
    await m.sick.hang();
    const hung = Array.from({ length: PROCESSES }, (_, i) => new Hung(...command(`${m.mnt}/below/${i}`)));
    await m.sick.hangs(name === 'open for writing' ? 2 : 3);
    for (let round = 0; round < 3; round++) t.equal(well(m), '0 ', 'users of the new storage go on');
    t.ok((await m.sick.hanging()).length <= 3, 'a worker is left');
    t.ok(hung.every(({ isRunning }) => isRunning));
    await m.sick.release();
    t.same(
      await Promise.all(hung.map(({ ended }) => ended)),
      hung.map(() => '0'),
      'and all others when it is well',
    );
  });
}

const TOLD = { ...OPTIONS, debug: true, needs: ['perl'] };

await mountTest(t, 'who waits for a worker can be killed, and nothing else ends it', TOLD, async (t, m) => {
  statSync(`${m.mnt}/below`);
  await m.sick.hang();
  const holding = [0, 1, 2].map((i) => new Hung('stat', `${m.mnt}/below/${i}`));
  await m.sick.hangs(3);
  const waiting: Hung[] = [];
  for (let i = 3; i < 6; i++) {
    const script = '$SIG{USR1} = sub {}; exit(stat($ARGV[0]) ? 0 : 9)';
    waiting.push(new Hung('perl', '-e', script, `${m.mnt}/below/${i}`));
    await until('put aside', () => (m.log().match(/event=parked /g) ?? []).length === waiting.length);
  }
  const [killed, both, signalled] = waiting as [Hung, Hung, Hung];
  killed.kill('SIGKILL');
  t.equal(await killed.ended, 'SIGKILL');
  for (const one of [both, signalled]) one.kill('SIGUSR1');
  await until('both signals are told', () => (m.log().match(/ INTERRUPT /g) ?? []).length >= 3);
  both.kill('SIGKILL');
  t.equal(await both.ended, 'SIGKILL', 'also after a signal that did not');
  t.ok(signalled.isRunning);
  t.equal((await m.sick.hanging()).length, 3, 'none of that has come to the storage');
  await m.sick.release();
  t.same(await Promise.all([...holding, signalled].map(({ ended }) => ended)), ['0', '0', '0', '0']);
});
