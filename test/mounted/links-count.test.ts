// The count of links and the inode number of a file with several names, by every name and handle, while its names come up, go and are made.

import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import t, { type Test } from 'tap';
import { AT_FDCWD, AT_SYMLINK_FOLLOW } from '../../src/sys/constants.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { linkat, procPath } from '../../src/sys/path.ts';
import { mountAgain } from './second.ts';
import { type Mounted, mountTest, must, outcome, sh } from './support.ts';

/** All names of one file: each answers the same, and the listing of its directory says so too. */
function check(t: Test, mnt: string, names: string[], what: string): void {
  const ino = lstatSync(`${mnt}/${names[0]}`, { bigint: true }).ino;
  const listed = new Map(
    sh('find . -printf "%i %P\\n"', { cwd: mnt })
      .split('\n')
      .map((line) => [line.slice(line.indexOf(' ') + 1), line.slice(0, line.indexOf(' '))]),
  );
  for (const name of names) {
    const fd = openSync(`${mnt}/${name}`, 'r');
    const stats = [lstatSync(`${mnt}/${name}`, { bigint: true }), fstatSync(fd, { bigint: true })];
    closeSync(fd);
    for (const stat of stats) {
      t.equal(stat.nlink, BigInt(names.length), `${what}: links of ${name}`);
      t.equal(stat.ino, ino, `${what}: number of ${name}`);
    }
    t.equal(listed.get(name), `${ino}`, `${what}: ${name} as it is listed`);
  }
}

/** Nothing is left in our directories. */
function nothingLeft(t: Test, m: Mounted): void {
  for (const layer of [m.upper, ...m.lower])
    for (const folder of ['links', 'work', 'aside']) {
      const path = `${layer}/.migratefs/${folder}`;
      t.same(existsSync(path) ? readdirSync(path) : [], [], path);
    }
}

/** Names of one file in two directories of the lower storage. */
function names(...paths: string[]) {
  return ({ lower: [lower] }: { lower: string[] }) => {
    mkdirSync(`${lower}/d/e`, { recursive: true });
    writeFileSync(`${lower}/${paths[0]}`, 'base\n');
    for (const path of paths.slice(1)) linkSync(`${lower}/${paths[0]}`, `${lower}/${path}`);
  };
}

for (const options of ['cache=none,threads=1', 'cache=shared,threads=8']) {
  await mountTest(
    t,
    `names come up, go and are made: ${options}`,
    { prepare: names('a', 'b', 'd/a', 'd/e/a'), options },
    (t, { mnt, ...m }) => {
      check(t, mnt, ['a', 'b', 'd/a', 'd/e/a'], 'below');
      const reader = openSync(`${mnt}/d/a`, 'r');
      writeFileSync(`${mnt}/a`, 'new\n');
      t.equal(fstatSync(reader).nlink, 4, 'by a handle from before the copy-up');
      check(t, mnt, ['a', 'b', 'd/a', 'd/e/a'], 'one is up');
      linkSync(`${mnt}/b`, `${mnt}/d/e/b`);
      t.equal(fstatSync(reader).nlink, 5);
      check(t, mnt, ['a', 'b', 'd/a', 'd/e/a', 'd/e/b'], 'linked');
      unlinkSync(`${mnt}/d/e/a`);
      t.equal(fstatSync(reader).nlink, 4);
      check(t, mnt, ['a', 'b', 'd/a', 'd/e/b'], 'one less');
      renameSync(`${mnt}/d/e/b`, `${mnt}/c`);
      check(t, mnt, ['a', 'b', 'c', 'd/a'], 'renamed');
      renameSync(`${mnt}/a`, `${mnt}/b`);
      check(t, mnt, ['a', 'b', 'c', 'd/a'], 'onto a name of the same file: nothing happens');
      writeFileSync(`${mnt}/other`, 'other');
      renameSync(`${mnt}/other`, `${mnt}/a`);
      check(t, mnt, ['b', 'c', 'd/a'], 'one was replaced');
      unlinkSync(`${mnt}/b`);
      unlinkSync(`${mnt}/c`);
      unlinkSync(`${mnt}/d/a`);
      t.equal(fstatSync(reader).nlink, 0, 'open, and without a name');
      closeSync(reader);
      t.equal(readFileSync(`${mnt}/a`, 'utf8'), 'other');
      nothingLeft(t, { mnt, ...m });
    },
  );
}

await mountTest(
  t,
  'by names that nobody has looked at since',
  { prepare: names('a', 'b', 'c', 'd/a', 'd/b'), options: 'cache=none' },
  (t, { mnt, ...m }) => {
    truncateSync(`${mnt}/a`, 70_000);
    unlinkSync(`${mnt}/b`);
    t.equal(lstatSync(`${mnt}/a`).nlink, 4, 'one below was removed');
    renameSync(`${mnt}/c`, `${mnt}/d/c`);
    t.equal(lstatSync(`${mnt}/a`).nlink, 4, 'one below was renamed');
    linkSync(`${mnt}/d/a`, `${mnt}/new`);
    t.equal(lstatSync(`${mnt}/a`).nlink, 5, 'one below was linked');
    renameSync(`${mnt}/d/b`, `${mnt}/a`);
    check(t, mnt, ['a', 'd/a', 'd/b', 'd/c', 'new'], 'two names of one file: nothing happens');
    sh('rm -r a d new', { cwd: mnt });
    nothingLeft(t, { mnt, ...m });
  },
);

await mountTest(
  t,
  'names that went while the file is open, the last one below',
  { prepare: names('a', 'b'), options: 'cache=none' },
  (t, { mnt, ...m }) => {
    const fd = openSync(`${mnt}/a`, 'r+');
    unlinkSync(`${mnt}/a`);
    t.equal(fstatSync(fd).nlink, 1);
    writeSync(fd, 'BASE');
    t.equal(readFileSync(`${mnt}/b`, 'utf8'), 'BASE\n');
    const x = cstring(`${mnt}/x`);
    t.equal(linkat(AT_FDCWD, procPath(fd), AT_FDCWD, x, AT_SYMLINK_FOLLOW), 0, 'linked by the handle');
    t.equal(fstatSync(fd).nlink, 2);
    unlinkSync(`${mnt}/x`);
    unlinkSync(`${mnt}/b`);
    t.equal(fstatSync(fd).nlink, 0);
    const read = Buffer.alloc(10);
    t.equal(readSync(fd, read, 0, 10, 0), 5);
    closeSync(fd);
    nothingLeft(t, { mnt, ...m });
  },
);

await mountTest(
  t,
  'attributes that change by a name below are those of all names',
  { root: true, prepare: names('a', 'b', 'c', 'd/a'), options: 'cache=none' },
  (t, { mnt, upper }) => {
    writeFileSync(`${mnt}/a`, 'up\n');
    chmodSync(`${mnt}/b`, 0o640);
    chownSync(`${mnt}/c`, 1001, 1002);
    utimesSync(`${mnt}/d/a`, 1000, 2000);
    must('setfattr', ['-n', 'user.x', '-v', 'y', `${mnt}/d/a`]);
    for (const name of ['a', 'b', 'c', 'd/a']) {
      const stat = lstatSync(`${mnt}/${name}`);
      t.equal(stat.mode & 0o7777, 0o640, name);
      t.same([stat.uid, stat.gid, stat.mtimeMs], [1001, 1002, 2_000_000], name);
      t.equal(must('getfattr', ['-n', 'user.x', '--only-values', `${mnt}/${name}`]), 'y', name);
    }
    t.equal(lstatSync(`${upper}/a`).nlink, 4, 'on the new storage it has its names and no more');
  },
);

await mountTest(
  t,
  'symlinks, FIFOs and devices with several names stay one',
  {
    root: true,
    options: 'cache=none',
    prepare: ({ lower: [lower], upper }) => {
      mkdirSync(`${lower}/d`);
      sh('ln -s target l; mkfifo p; mknod n c 1 3', { cwd: lower as string });
      for (const name of ['l', 'p', 'n']) linkSync(`${lower}/${name}`, `${lower}/d/${name}`);
      for (const name of ['l', 'p', 'n']) writeFileSync(`${upper}/over-${name}`, '');
    },
  },
  (t, { mnt, ...m }) => {
    for (const name of ['l', 'p', 'n']) {
      const { ino } = lstatSync(`${mnt}/d/${name}`);
      renameSync(`${mnt}/${name}`, `${mnt}/over-${name}`); // brings it up
      for (const path of [`over-${name}`, `d/${name}`]) {
        const stat = lstatSync(`${mnt}/${path}`);
        t.same([stat.nlink, stat.ino], [2, ino], path);
      }
      must('chown', ['-h', '1001', `${mnt}/d/${name}`]);
      t.equal(lstatSync(`${mnt}/over-${name}`).uid, 1001, 'what one name changes');
      unlinkSync(`${mnt}/over-${name}`);
      t.equal(lstatSync(`${mnt}/d/${name}`).nlink, 1);
      unlinkSync(`${mnt}/d/${name}`);
    }
    nothingLeft(t, { mnt, ...m });
  },
);

await mountTest(
  t,
  'a name that is hidden below counts as it does there, until it goes',
  {
    options: 'cache=none',
    prepare: (layers) => {
      names('a', 'b', 'c')(layers);
      writeFileSync(`${layers.upper}/c`, 'hides a name');
    },
  },
  (t, { mnt, ...m }) => {
    t.equal(lstatSync(`${mnt}/a`).nlink, 3);
    writeFileSync(`${mnt}/a`, 'new');
    t.equal(lstatSync(`${mnt}/b`).nlink, 3);
    unlinkSync(`${mnt}/c`);
    t.equal(
      outcome(() => lstatSync(`${mnt}/c`)),
      'ENOENT',
      'the hidden name went with it',
    );
    check(t, mnt, ['a', 'b'], 'afterwards');
    unlinkSync(`${mnt}/a`);
    unlinkSync(`${mnt}/b`);
    nothingLeft(t, { mnt, ...m });
  },
);

await mountTest(
  t,
  'two mounts over the same layers bring it up by two names at once',
  { prepare: names('a', 'b', 'c', 'd/a', 'd/e/a'), options: 'cache=none' },
  async (t, m) => {
    const second = await mountAgain(t, m, 'cache=none');
    const reader = openSync(`${second}/d/e/a`, 'r');
    const was = fstatSync(reader).ino;
    sh('for i in $(seq 50); do echo A >>"$1/a"; done & for i in $(seq 50); do echo B >>"$2/b"; done; wait', {
      args: [m.mnt, second],
    });
    const lines = readFileSync(`${m.mnt}/c`, 'utf8').split('\n');
    t.equal(lines.filter((line) => line === 'A').length, 50, 'no write of the one is lost');
    t.equal(lines.filter((line) => line === 'B').length, 50, 'nor of the other');
    t.equal(readFileSync(`${second}/d/a`, 'utf8'), lines.join('\n'));
    t.equal(lstatSync(`${second}/d/e/a`).ino, was, 'the number that the other mount knew stays');
    const read = Buffer.alloc(1000);
    t.equal(readSync(reader, read, 0, 1000, 0), lines.join('\n').length, 'and its reader sees the copy');
    closeSync(reader);
    for (const mnt of [m.mnt, second]) check(t, mnt, ['a', 'b', 'c', 'd/a', 'd/e/a'], 'everywhere');
    sh('rm -r a b c d', { cwd: second });
    nothingLeft(t, m);
  },
);

await mountTest(
  t,
  'a read-only mount shows the copy by the names that are below, and a full storage too',
  { root: true, prepare: names('a', 'b', 'd/e/a'), options: 'cache=none', backing: 'tmpfs', size: '2M' },
  async (t, m) => {
    writeFileSync(`${m.mnt}/a`, 'new\n');
    const inode = () => lstatSync(`${m.mnt}/a`).ino;
    await m.remount('ro');
    for (const name of ['b', 'd/e/a']) {
      t.equal(readFileSync(`${m.mnt}/${name}`, 'utf8'), 'new\n', name);
      t.same([lstatSync(`${m.mnt}/${name}`).nlink, lstatSync(`${m.mnt}/${name}`).ino], [3, inode()], name);
      t.equal(
        outcome(() => unlinkSync(`${m.mnt}/${name}`)),
        'EROFS',
      );
    }
    t.notOk(existsSync(`${m.upper}/b`), 'nothing has been written');
    await m.remount('cache=none');
    sh('mount -o remount,ro "$1"', { args: [m.upper] });
    t.teardown(() => sh('mount -o remount,rw "$1" || true', { args: [m.upper] }));
    check(t, m.mnt, ['a', 'b', 'd/e/a'], 'the upper layer takes nothing');
    t.equal(readFileSync(`${m.mnt}/d/e/a`, 'utf8'), 'new\n');
    t.equal(
      outcome(() => unlinkSync(`${m.mnt}/b`)),
      'EROFS',
    );
    sh('mount -o remount,rw "$1"', { args: [m.upper] });
    check(t, m.mnt, ['a', 'b', 'd/e/a'], 'and takes them again');
    t.ok(existsSync(`${m.upper}/d/e/a`));
  },
);

await mountTest(
  t,
  'an old storage that cannot be written to',
  { root: true, prepare: names('a', 'b', 'c', 'd/e/a'), options: 'cache=none', backing: 'tmpfs' },
  (t, { mnt, upper, lower: [lower] }) => {
    sh('mount -o remount,ro "$1"', { args: [lower as string] });
    t.teardown(() => sh('mount -o remount,rw "$1" || true', { args: [lower as string] }));
    writeFileSync(`${mnt}/b`, 'new\n');
    check(t, mnt, ['a', 'b', 'c', 'd/e/a'], 'the source cannot go');
    for (const name of ['a', 'b', 'c', 'd/e/a'])
      t.equal(readFileSync(`${mnt}/${name}`, 'utf8'), 'new\n', name);
    t.same(readdirSync(`${upper}/.migratefs/links`), [], 'all names have come up');
    sh('mount -o remount,rw "$1"', { args: [lower as string] });
    unlinkSync(`${mnt}/a`);
    check(t, mnt, ['b', 'c', 'd/e/a'], 'a hidden name that went counts for nothing');
  },
);

const MOST_ON_EXT4 = 65_000;

await mountTest(
  t,
  'as many names as the new storage can give a file, and no more',
  {
    root: true,
    options: 'cache=none',
    backing: 'xfs',
    upperBacking: 'ext4',
    prepare: ({ lower: [lower] }) => {
      mkdirSync(`${lower}/d`);
      writeFileSync(`${lower}/a`, 'base\n');
      for (let i = 0; i < MOST_ON_EXT4; i++) linkSync(`${lower}/a`, `${lower}/d/${i}`);
    },
  },
  (t, { mnt, ...m }) => {
    t.equal(
      outcome(() => truncateSync(`${mnt}/a`, 1)),
      'EMLINK',
      'one name too many: the file stays where it is',
    );
    nothingLeft(t, { mnt, ...m });
    t.equal(readFileSync(`${mnt}/d/0`, 'utf8'), 'base\n');
    unlinkSync(`${mnt}/d/0`);
    truncateSync(`${mnt}/a`, 1);
    t.equal(lstatSync(`${mnt}/a`).nlink, MOST_ON_EXT4);
    t.equal(readFileSync(`${mnt}/d/1`, 'utf8'), 'b');
    t.equal(
      outcome(() => linkSync(`${mnt}/a`, `${mnt}/b`)),
      'EMLINK',
    );
    unlinkSync(`${mnt}/d/2`);
    linkSync(`${mnt}/a`, `${mnt}/b`);
    t.equal(lstatSync(`${mnt}/b`).nlink, MOST_ON_EXT4);
  },
);
