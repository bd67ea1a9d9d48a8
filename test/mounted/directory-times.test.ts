// A directory's time of modification is its users': what migratefs enters there on its own account (copies, parents that a layer lacks,
// further names of a copied file) leaves it, and what users do at the same time counts.

import { spawn } from 'node:child_process';
import {
  appendFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import t, { type Test } from 'tap';
import { isRoot, type Mounted, mountTest, sh, whereIs } from './support.ts';

const LONG_AGO = 981_173_106.25;
const mtime = (path: string): number => lstatSync(path).mtimeMs / 1000;
const backings = isRoot ? (['tmpfs', 'ext4', 'xfs', 'btrfs'] as const) : (['dir'] as const);

/** Sets the times of a tree's directories, deepest first. */
function age(root: string): void {
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    if (entry.isDirectory()) age(`${root}/${entry.name}`);
  }
  utimesSync(root, LONG_AGO, LONG_AGO);
}

function kept(t: Test, m: Mounted, ...paths: string[]): void {
  for (const path of paths) t.equal(mtime(`${m.mnt}/${path}`), LONG_AGO, `${path} is as old as it was`);
}

for (const backing of backings) {
  await mountTest(
    t,
    `${backing}: copies, parents and further names`,
    {
      backing,
      lowers: 2,
      prepare: ({ upper, lower }) => {
        const [first, second] = lower as [string, string];
        mkdirSync(`${first}/a/b/c`, { recursive: true });
        mkdirSync(`${second}/a/b/d`, { recursive: true });
        mkdirSync(`${upper}/links`);
        mkdirSync(`${first}/links`);
        writeFileSync(`${first}/a/b/c/file`, 'one');
        writeFileSync(`${second}/a/b/d/file`, 'two');
        writeFileSync(`${first}/links/x`, 'linked');
        linkSync(`${first}/links/x`, `${first}/links/y`);
        for (const layer of [upper, first, second]) age(layer);
      },
    },
    (t, m) => {
      appendFileSync(`${m.mnt}/a/b/c/file`, '+');
      kept(t, m, 'a', 'a/b', 'a/b/c', '');
      appendFileSync(`${m.mnt}/a/b/d/file`, '+');
      kept(t, m, 'a', 'a/b', 'a/b/d');
      appendFileSync(`${m.mnt}/links/x`, '+');
      kept(t, m, 'links');
      t.equal(lstatSync(`${m.mnt}/links/y`).size, 7, 'the further name shows the copy');
      t.equal(whereIs(m, 'links/y'), 'upper', 'a look at it has brought it up');
      kept(t, m, 'links', '');
      writeFileSync(`${m.mnt}/a/b/d/new`, '');
      t.ok(mtime(`${m.mnt}/a/b/d`) > LONG_AGO + 1, 'what a user makes counts');
      kept(t, m, 'a/b', 'a');
    },
  );
}

await mountTest(
  t,
  'many copies in one directory at once',
  {
    options: 'threads=8',
    prepare: ({ lower }) => {
      mkdirSync(`${lower[0]}/d`);
      for (let i = 0; i < 200; i++) writeFileSync(`${lower[0]}/d/${i}`, `${i}`);
      age(lower[0] as string);
    },
  },
  (t, m) => {
    sh(
      'cd "$1/d"; for k in 0 1 2 3 4 5 6 7; do (for i in $(seq $k 8 199); do echo >> $i; done) & done; wait',
      {
        args: [m.mnt],
      },
    );
    t.equal(readdirSync(`${m.upper}/d`).length, 200, 'all have come up');
    kept(t, m, 'd');
  },
);

await mountTest(
  t,
  'users make files while others are copied',
  {
    options: 'threads=8',
    prepare: ({ lower }) => {
      mkdirSync(`${lower[0]}/d`);
      for (let i = 0; i < 300; i++) writeFileSync(`${lower[0]}/d/${i}`, `${i}`);
      age(lower[0] as string);
    },
  },
  async (t, m) => {
    const drain = spawn('bash', [
      '-c',
      'cd "$1"; for i in $(seq 0 299); do echo >> $i; done',
      'bash',
      `${m.mnt}/d`,
    ]);
    const drained = new Promise((done) => drain.once('exit', done));
    let late = 0;
    for (let i = 0; drain.exitCode === null && i < 300; i++) {
      const path = `${m.mnt}/d/new${i}`;
      writeFileSync(path, '');
      // Asked of the layer itself: the kernel's attributes of the directory are as of the making.
      if (mtime(`${m.upper}/d`) < lstatSync(path).birthtimeMs / 1000 - 0.02) late++;
      await new Promise((next) => setImmediate(next));
    }
    t.equal(await drained, 0, 'all were copied');
    t.equal(late, 0, 'no time of a new entry was lost');
  },
);
