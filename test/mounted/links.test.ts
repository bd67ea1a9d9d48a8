// A file with several names stays one file: through its copy-up, whichever name brings it about, in this mount and the next.
// Defect 23: after an append by one name the other one showed the old content.

import {
  appendFileSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { mountTest, run } from './support.ts';

const text = (path: string) => readFileSync(path, 'utf8');

/** Three names of one file in the old storage, two directories apart. */
function threeNames({ lower: [lower] }: { lower: string[] }): void {
  mkdirSync(`${lower}/d`);
  writeFileSync(`${lower}/a`, 'base\n');
  linkSync(`${lower}/a`, `${lower}/b`);
  linkSync(`${lower}/a`, `${lower}/d/c`);
}

await mountTest(
  t,
  'what is appended by one name is read by all',
  { prepare: threeNames, options: 'cache=none' },
  (t, m) => {
    const before = lstatSync(`${m.mnt}/b`);
    t.equal(text(`${m.mnt}/d/c`), 'base\n');
    appendFileSync(`${m.mnt}/a`, 'more\n');
    for (const name of ['a', 'b', 'd/c']) {
      t.equal(text(`${m.mnt}/${name}`), 'base\nmore\n', name);
      t.equal(lstatSync(`${m.mnt}/${name}`).ino, before.ino, 'one inode number');
      t.ok(existsSync(`${m.upper}/${name}`), 'on the new storage');
      t.notOk(existsSync(`${m.lower[0]}/${name}`), 'and gone from the old');
    }
    t.equal(lstatSync(`${m.upper}/a`).nlink, 3);
    t.same(
      readdirSync(`${m.upper}/.migratefs/links`),
      [],
      'the index forgets a file whose names have all come',
    );
    t.same(readdirSync(`${m.lower[0]}/.migratefs/links`), []);
  },
);

await mountTest(
  t,
  'names that nobody looked at come later, in the next mount too',
  { prepare: threeNames },
  async (t, m) => {
    appendFileSync(`${m.mnt}/a`, 'more\n');
    t.ok(existsSync(`${m.lower[0]}/b`), 'not touched yet');
    await m.remount();
    appendFileSync(`${m.mnt}/b`, 'again\n');
    t.equal(text(`${m.mnt}/d/c`), 'base\nmore\nagain\n');
    t.equal(text(`${m.mnt}/a`), 'base\nmore\nagain\n');
  },
);

await mountTest(
  t,
  'removing one name leaves the others',
  { prepare: threeNames, options: 'cache=none' },
  (t, m) => {
    appendFileSync(`${m.mnt}/a`, 'more\n');
    unlinkSync(`${m.mnt}/a`);
    t.equal(text(`${m.mnt}/b`), 'base\nmore\n');
    unlinkSync(`${m.mnt}/b`);
    t.equal(text(`${m.mnt}/d/c`), 'base\nmore\n');
    unlinkSync(`${m.mnt}/d/c`);
    t.same(readdirSync(`${m.lower[0]}/d`), []);
    t.same(readdirSync(`${m.lower[0]}/.migratefs/links`), [], 'the old file is gone with its last name');
  },
);

await mountTest(
  t,
  'renaming one name over a file of the new storage',
  {
    options: 'cache=none',
    prepare: (layers) => {
      threeNames(layers);
      writeFileSync(`${layers.upper}/over`, 'old');
    },
  },
  (t, m) => {
    text(`${m.mnt}/a`);
    text(`${m.mnt}/b`);
    renameSync(`${m.mnt}/a`, `${m.mnt}/over`);
    t.equal(text(`${m.mnt}/over`), 'base\n');
    appendFileSync(`${m.mnt}/b`, 'more\n');
    t.equal(text(`${m.mnt}/over`), 'base\nmore\n');
    t.notOk(existsSync(`${m.mnt}/a`));
  },
);

await mountTest(
  t,
  'another file with the same inode number is another file',
  { prepare: threeNames },
  (t, m) => {
    appendFileSync(`${m.mnt}/a`, 'more\n');
    // What the index goes by is the file's birth, which nothing in it changes.
    utimesSync(`${m.lower[0]}/b`, 1, 1);
    t.equal(text(`${m.mnt}/b`), 'base\nmore\n');
  },
);

await mountTest(
  t,
  'a link to an old file that has just lost the only name the mount knew of it: the name is looked up again',
  { prepare: threeNames },
  (t, m) => {
    const fd = openSync(`${m.mnt}/a`, 'r');
    unlinkSync(`${m.mnt}/a`);
    const { stderr } = run('ln', ['-L', `/proc/${process.pid}/fd/${fd}`, `${m.mnt}/new`]);
    closeSync(fd);
    t.match(stderr.toString(), /Stale file handle/);
    t.notOk(existsSync(`${m.mnt}/new`));
    linkSync(`${m.mnt}/b`, `${m.mnt}/new`);
    t.equal(lstatSync(`${m.mnt}/new`).nlink, 3);
  },
);
