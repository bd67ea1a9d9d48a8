// A lower layer that hangs or fails: what the upper layer has stays usable, the error reaches who asked, and nothing is taken for missing.
// Defect 26: with one sick lower layer, files of the healthy upper layer could not be reached.

import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { mountAt } from '../../src/sys/mountinfo.ts';
import { errnoOf, leftovers, pathsIn } from './defects-support.ts';
import { Hung, type Mounted, mountTest, outcome, run, treeDigest, until } from './support.ts';

/** Milliseconds that what is well may take beside what hangs, on a loaded machine. */
const SOON = 8000;

/** Everything that users do with files of the upper layer, by other processes, so that a failure cannot hang the test. */
const WELL = `
set -e
[ "$(cat own/file)" = mine ]
[ "$(cat both/up)" = up ]
stat -c %s own/file both/up
ls own
echo more >>own/file
touch own/file both/up
echo new >own/new
mkdir own/d; mv own/new own/d/new; ln own/d/new own/link; rm -r own/d own/link
printf mine >own/file
`;

function well(m: Mounted): string {
  const done = run('bash', ['-c', WELL], { cwd: m.mnt, timeout: SOON });
  return done.signal ?? `${done.status} ${done.stderr}`;
}

function prepare({ upper, lower: [lower] }: { upper: string; lower: string[] }): void {
  for (const dir of [`${lower}/both`, `${lower}/below`, `${upper}/own`, `${upper}/both`]) mkdirSync(dir);
  for (const name of ['both/low', 'below/a', 'below/b'])
    writeFileSync(`${lower}/${name}`, 'x'.repeat(3 << 20));
  writeFileSync(`${upper}/own/file`, 'mine');
  writeFileSync(`${upper}/both/up`, 'up');
}

// One host alone: what is not below is not asked for again, so the storage may hang with all it has.
const ALONE = { root: true, sick: 'lower', prepare, options: 'cache=exclusive,threads=8' } as const;
const SHARED = { root: true, sick: 'lower', prepare } as const;

await mountTest(t, 'an old storage that hangs altogether', ALONE, async (t, m) => {
  t.equal(well(m), '0 ', 'while all is well');
  const names = ['both/low', 'below/a', 'below/b'];
  for (const name of ['both/low', 'below/a']) statSync(`${m.mnt}/${name}`);
  await m.sick.hang();
  const hung = [
    new Hung('cat', `${m.mnt}/both/low`),
    new Hung('stat', `${m.mnt}/below/b`),
    new Hung('bash', '-c', 'echo x >>"$1"', 'bash', `${m.mnt}/below/a`),
  ];
  await m.sick.hangs(3);
  t.equal(well(m), '0 ', 'while it hangs');
  t.ok(hung.every(({ isRunning }) => isRunning));
  await m.sick.release();
  t.same(await Promise.all(hung.map(({ ended }) => ended)), ['0', '0', '0']);
  t.equal(statSync(`${m.mnt}/below/a`).size, (3 << 20) + 2);
  t.same(
    names.map((name) => existsSync(`${m.behind}/${name}`)),
    [true, false, true],
    'moved when it was well again',
  );
});

const NOT_KEPT = { ...SHARED, options: 'cache=none' } as const;
await mountTest(t, 'an old storage that hangs at one operation', NOT_KEPT, async (t, m) => {
  for (const operation of ['LOOKUP', 'OPEN', 'READ', 'READDIR'] as const) {
    await m.sick.hang({ operations: [operation], path: '^/below(/|$)' });
    const hung =
      operation === 'READDIR' ? new Hung('ls', `${m.mnt}/below`) : new Hung('cat', `${m.mnt}/below/a`);
    await m.sick.hangs(1);
    t.equal(well(m), '0 ', operation);
    t.ok(readFileSync(`${m.mnt}/both/low`).length > 0, 'so are its other files');
    await m.sick.release();
    t.equal(await hung.ended, '0');
  }
});

await mountTest(t, 'an old storage that fails', SHARED, async (t, m) => {
  const before = treeDigest(m.behind);
  const upper = pathsIn(m.upper);
  await m.sick.fail('EIO', { operations: ['LOOKUP', 'READDIR', 'OPENDIR'], path: '^/(both|below)/?' });
  t.equal(well(m), '0 ');
  t.same(
    {
      stat: errnoOf(() => statSync(`${m.mnt}/both/low`)),
      'a name that nobody has': errnoOf(() => statSync(`${m.mnt}/both/none`)),
      'a new name': errnoOf(() => writeFileSync(`${m.mnt}/both/none`, '')),
      list: errnoOf(() => readdirSync(`${m.mnt}/both`)),
      'unlink of what is above': errnoOf(() => unlinkSync(`${m.mnt}/both/up`)),
      rename: errnoOf(() => renameSync(`${m.mnt}/both/up`, `${m.mnt}/both/moved`)),
      'rename of the directory': errnoOf(() => renameSync(`${m.mnt}/both`, `${m.mnt}/moved`)),
    },
    {
      stat: 'EIO',
      'a name that nobody has': 'EIO',
      'a new name': 'EIO',
      list: 'EIO',
      'unlink of what is above': 'EIO',
      rename: 'EIO',
      'rename of the directory': 'EIO',
    },
  );
  await m.sick.release();
  t.same(treeDigest(m.behind), before, 'the old storage is as it was');
  t.same(pathsIn(m.upper), upper, 'and the new one');
  t.same(readdirSync(`${m.mnt}/both`).sort(), ['low', 'up'], 'well again');
});

await mountTest(
  t,
  'removals and renames that the old storage refuses change nothing',
  SHARED,
  async (t, m) => {
    const before = treeDigest(m.behind);
    await m.sick.fail('EIO', { operations: ['UNLINK', 'RENAME', 'RENAME2', 'RMDIR', 'LINK', 'MKNOD'] });
    const acts = [
      () => unlinkSync(`${m.mnt}/below/a`),
      () => renameSync(`${m.mnt}/below/a`, `${m.mnt}/below/c`),
      () => renameSync(`${m.mnt}/below`, `${m.mnt}/elsewhere`),
    ];
    t.same(acts.map(errnoOf), ['EIO', 'EIO', 'EIO']);
    t.same(readdirSync(`${m.mnt}/below`).sort(), ['a', 'b']);
    await m.sick.release();
    t.same(treeDigest(m.behind), before);
  },
);

await mountTest(t, 'a copy whose reading fails half-way is none', SHARED, async (t, m) => {
  const before = treeDigest(m.behind);
  for (const operations of [['OPEN'], ['READ'], ['GETATTR'], ['LISTXATTR']] as const) {
    statSync(`${m.mnt}/below/a`);
    const path = '^/below/a$';
    await m.sick.fail('EIO', { operations, path, from: operations[0] === 'READ' ? 3 : 1 });
    t.equal(
      errnoOf(() => appendFileSync(`${m.mnt}/below/a`, 'x')),
      'EIO',
      operations[0],
    );
    await m.sick.release();
    t.same(treeDigest(m.behind), before);
    t.same(leftovers(m.upper), []);
    t.notOk(existsSync(`${m.upper}/below/a`));
  }
  appendFileSync(`${m.mnt}/below/a`, 'x');
  t.equal(statSync(`${m.upper}/below/a`).size, (3 << 20) + 1);
});

await mountTest(t, 'the end of a mount whose old storage hangs', SHARED, async (t, m) => {
  await m.sick.hang({ path: '^/below/a$', operations: ['OPEN'] });
  const hung = new Hung('cat', `${m.mnt}/below/a`);
  await m.sick.hangs(1);
  m.signal('SIGTERM');
  await until('detached', () => mountAt(m.mnt) === undefined);
  t.match(m.log(), /detached/);
  m.signal('SIGTERM');
  await until('aborted, or killed', () => /aborting/.test(m.log()));
  m.signal('SIGTERM');
  await m.ended();
  t.equal(
    outcome(() => readFileSync(`${m.behind}/below/a`).length),
    `${3 << 20}`,
  );
  await m.sick.release();
  t.not(await hung.ended, '0', 'who waited gets an error');
});

await mountTest(
  t,
  'an old storage that has no fsync for directories, and one that fails in it',
  SHARED,
  async (t, m) => {
    const sync = (dir: string) => outcome(() => fsyncDirectory(`${m.mnt}/${dir}`));
    for (const [errno, both] of [
      ['EINVAL', 'ok'],
      ['EIO', 'EIO'],
    ] as const) {
      await m.sick.fail(errno, { operations: ['FSYNCDIR'] });
      t.equal(sync('both'), both, errno);
      t.equal(sync('below'), both);
      t.equal(sync('own'), 'ok', 'a directory of the new storage alone');
      await m.sick.release();
    }
    t.equal(sync('both'), 'ok');
  },
);

function fsyncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
