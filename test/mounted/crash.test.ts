// kill -9 of the daemon in the middle of work: each file is whole on the layer that shows it, and the next mount goes on.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { cleanEnv, type Mounted, mountTest, outcome, sh, treeDigest, until, whereIs } from './support.ts';

const COUNT = 150;

/** Each file is its own number over and over, so that a mixture or a short copy shows. */
const content = (i: number) => Buffer.alloc(40_000 + i * 997, `${i}-`);

/** Files of 40 to 190 kB. */
const files = ({ lower: [a = ''] }: { lower: string[] }) => {
  mkdirSync(`${a}/d`);
  for (let i = 0; i < COUNT; i++) writeFileSync(`${a}/d/f${i}`, content(i));
};

/** What is wrong with the layers after a kill, when each file may have got `more` any number of times. */
function faults(m: Mounted, name: (i: number) => string[] = (i) => [`d/f${i}`]): string[] {
  const wrong: string[] = [];
  for (let i = 0; i < COUNT; i++) {
    const found = name(i).filter((each) => whereIs(m, each) !== '');
    if (found.length !== 1) wrong.push(`${name(i)}: ${found.length} of the names`);
    for (const each of found) {
      const where = whereIs(m, each);
      const old = content(i);
      const [top] = where.split(' ');
      const data = readFileSync(`${top === 'upper' ? m.upper : m.lower[0]}/${each}`);
      if (!data.subarray(0, old.length).equals(old)) wrong.push(`${each} on ${where}: not its old content`);
      if (!/^(more\n)*$/.test(data.toString('latin1', old.length)))
        wrong.push(`${each} on ${where}: a strange end`);
      if (where.includes(' ') && !readFileSync(`${m.lower[0]}/${each}`).equals(old))
        wrong.push(`${each}: hidden, not whole`);
    }
  }
  return wrong;
}

const worker = (m: Mounted, script: string) =>
  once(
    spawn('bash', ['-c', `cd "$1" && { ${script}; }`, 'bash', m.mnt], {
      cwd: '/',
      env: cleanEnv(),
      stdio: 'ignore',
    }),
    'exit',
  );

for (const backing of ['dir', 'xfs'] as const) {
  await mountTest(t, `killed while copying up, on ${backing}`, { backing, prepare: files }, async (t, m) => {
    for (let round = 0; round < 3; round++) {
      const order = `seq 0 ${COUNT - 1} | shuf --random-source=<(yes ${round})`;
      const working = [1, 2, 3].map(() =>
        worker(m, `for i in $(${order}); do echo more >>d/f$i || exit; done`),
      );
      const before = readdirSync(`${m.lower[0]}/d`).length;
      await until(
        'copies are being made',
        () => readdirSync(`${m.lower[0]}/d`).length < Math.max(before - 8, 1),
        20_000,
      ).catch(() => {});
      await sleep(round * 5);
      await m.kill9();
      await Promise.all(working);
      t.same(
        faults(m),
        [],
        `round ${round}: ${before - readdirSync(`${m.lower[0]}/d`).length} files had moved`,
      );
      t.match(
        outcome(() => readdirSync(m.mnt)),
        /ENOTCONN|ECONNABORTED/,
        'the dead mount says so',
      );
      await m.remount();
      t.equal(readdirSync(`${m.mnt}/d`).length, COUNT);
      t.equal(
        sh('ls -A .migratefs/work 2>/dev/null || true', { cwd: m.upper }),
        '',
        'the leftovers are swept',
      );
      for (let i = 0; i < COUNT; i += 7) {
        t.ok(readFileSync(`${m.mnt}/d/f${i}`).subarray(0, content(i).length).equals(content(i)));
      }
    }
    sh('for f in d/*; do echo more >>$f; done', { cwd: m.mnt });
    // Killed between the copy and the removal of its source, the daemon has left a source hidden under its copy.
    const left = readdirSync(`${m.lower[0]}/d`).filter((name) => whereIs(m, `d/${name}`) === 'lower');
    t.same(left, [], 'and the migration is finished');
    t.same(faults(m), []);
  });
}

await mountTest(t, 'killed while renaming and removing', { prepare: files }, async (t, m) => {
  const working = [
    worker(m, 'mkdir e; for i in {0..149..2}; do mv d/f$i e/f$i || exit; done'),
    worker(m, 'for i in {1..149..2}; do echo more >>d/f$i && mv d/f$i d/g$i || exit; done'),
    worker(
      m,
      'for i in {1..1000}; do mkdir -p x$i/y && echo 1 >x$i/y/z && mv x$i w$i && rm -r w$i || exit; done',
    ),
  ];
  await until('work has begun', () => existsSync(`${m.lower[0]}/e/f20`) || whereIs(m, 'd/g21') !== '');
  await m.kill9();
  await Promise.all(working);
  const names = (i: number) => (i % 2 === 0 ? [`d/f${i}`, `e/f${i}`] : [`d/f${i}`, `d/g${i}`]);
  t.same(faults(m, names), []);
  await m.remount();
  for (let i = 0; i < COUNT; i++) {
    const [name = ''] = names(i).filter((each) => existsSync(`${m.mnt}/${each}`));
    t.ok(readFileSync(`${m.mnt}/${name}`).subarray(0, content(i).length).equals(content(i)), name);
  }
  sh('rm -rf -- *', { cwd: m.mnt });
  t.same(Object.keys(treeDigest(m.upper)), ['.']);
  t.same(Object.keys(treeDigest(m.lower[0] as string)), ['.']);
});

await mountTest(
  t,
  'killed with files open: what was written is there, handles say that the mount is dead',
  { prepare: files },
  async (t, m) => {
    const fd = openSync(`${m.mnt}/d/f1`, 'a');
    sh('printf written >>d/f2; printf fresh >new; sync -f .', { cwd: m.mnt });
    await m.kill9();
    t.match(
      outcome(() => readFileSync(fd)),
      /ENOTCONN|ECONNABORTED|EBADF/,
    );
    t.match(
      outcome(() => renameSync(`${m.mnt}/new`, `${m.mnt}/n`)),
      /ENOTCONN|ECONNABORTED/,
    );
    t.ok(readFileSync(`${m.upper}/d/f2`).toString('latin1').endsWith('written'));
    t.equal(readFileSync(`${m.upper}/new`, 'utf8'), 'fresh');
    t.equal(outcome(() => closeSync(fd)).replace(/ENOTCONN|ECONNABORTED/, 'ok'), 'ok');
    await m.remount();
    t.equal(whereIs(m, 'd/f1'), 'upper');
    t.ok(readFileSync(`${m.mnt}/d/f1`).equals(content(1)));
  },
);
