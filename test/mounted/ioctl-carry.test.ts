// Which file flags a copy takes along: how to treat the file, and that it can only grow; not how its old storage kept it.

import {
  appendFileSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { mountTest, must, outcome, run, whereIs } from './support.ts';

/** Flags as letters, in lsattr's order, without what only tells how a file is stored. */
const lettersOf = (path: string): string =>
  must('lsattr', ['-d', path])
    .replace(/ .*/s, '')
    .replace(/[-eIN]/g, '');

const lay = ({ lower: [lower = ''] }: { lower: string[] }) => {
  mkdirSync(`${lower}/dir/sub`, { recursive: true });
  for (const name of ['file', 'dir/sub/file', 'plain']) writeFileSync(`${lower}/${name}`, `${name}\n`);
  utimesSync(`${lower}/file`, 1000, 2000);
  must('chattr', ['+AdS', `${lower}/file`]);
  must('chattr', ['+AdD', `${lower}/dir`]);
};

await mountTest(
  t,
  'noatime, nodump, sync, dirsync',
  { root: true, backing: 'ext4', needs: ['chattr', 'lsattr'], prepare: lay },
  (t, m) => {
    for (const name of ['file', 'dir/sub/file', 'plain']) appendFileSync(`${m.mnt}/${name}`, '');
    for (const name of ['file', 'plain', 'dir', 'dir/sub', 'dir/sub/file']) {
      t.ok(existsSync(`${m.upper}/${name}`), name);
      t.equal(lettersOf(`${m.mnt}/${name}`), lettersOf(`${m.upper}/${name}`));
    }
    t.equal(lettersOf(`${m.upper}/file`), 'SdA');
    t.equal(lettersOf(`${m.upper}/dir`), 'DdA');
    t.equal(lettersOf(`${m.upper}/dir/sub`), '');
    t.equal(statSync(`${m.mnt}/file`).mtimeMs, 2_000_000, 'times are the file’s');
    t.notMatch(m.log(), /flags_dropped/);
  },
);

await mountTest(
  t,
  'what the new storage has no flag for is left out, and told',
  { root: true, backing: 'ext4', upperBacking: 'tmpfs', needs: ['chattr', 'lsattr'], prepare: lay },
  (t, m) => {
    for (const name of ['file', 'plain', 'dir/sub/file']) appendFileSync(`${m.mnt}/${name}`, 'more');
    t.equal(readFileSync(`${m.upper}/file`, 'utf8'), 'file\nmore');
    t.equal(lettersOf(`${m.upper}/file`), 'dA');
    t.equal(lettersOf(`${m.upper}/dir`), 'dA');
    t.match(m.log(), /level=warn event=flags_dropped name=file flags=0x8$/m);
    t.match(m.log(), /level=warn event=flags_dropped name=dir flags=0x10000$/m);
    t.equal(m.log().match(/flags_dropped/g)?.length, 2);
  },
);

for (const upperBacking of ['ext4', 'xfs', 'btrfs', 'tmpfs'] as const) {
  await mountTest(
    t,
    `an append-only file grows, moves and stays append-only, ext4 to ${upperBacking}`,
    {
      root: true,
      backing: 'ext4',
      upperBacking,
      needs: ['chattr', 'lsattr'],
      prepare: ({ lower: [lower = ''] }) => {
        writeFileSync(`${lower}/log`, 'first\n');
        writeFileSync(`${lower}/linked`, 'linked\n');
        linkSync(`${lower}/linked`, `${lower}/other`);
        for (const name of ['log', 'linked']) must('chattr', ['+a', `${lower}/${name}`]);
      },
    },
    (t, m) => {
      const reader = openSync(`${m.mnt}/log`, 'r');
      const { ino } = fstatSync(reader);
      const writer = openSync(`${m.mnt}/log`, 'a');
      appendFileSync(writer, 'second\n');
      t.equal(whereIs(m, 'log'), 'upper', 'the source is gone');
      t.equal(lettersOf(`${m.upper}/log`), 'a');
      t.equal(lettersOf(`${m.mnt}/log`), 'a');
      const bytes = Buffer.alloc(100);
      t.equal(bytes.toString('latin1', 0, readSync(reader, bytes, 0, 100, 0)), 'first\nsecond\n');
      t.equal(fstatSync(writer).ino, ino);
      closeSync(reader);
      closeSync(writer);
      t.equal(
        outcome(() => writeFileSync(`${m.mnt}/log`, 'anew')),
        'EPERM',
      );
      must('chattr', ['-a', `${m.mnt}/log`]);
      writeFileSync(`${m.mnt}/log`, 'anew');

      t.equal(
        outcome(() => appendFileSync(`${m.mnt}/linked`, 'x')),
        'EPERM',
        'with several names it stays where it is',
      );
      t.equal(whereIs(m, 'linked'), 'lower');
      t.same(
        readdirSync(m.upper).sort(),
        ['.migratefs', 'log'].filter((name) => existsSync(`${m.upper}/${name}`)),
      );
      must('chattr', ['-a', `${m.mnt}/linked`]);
      appendFileSync(`${m.mnt}/linked`, 'x');
      t.equal(readFileSync(`${m.mnt}/other`, 'utf8'), 'linked\nx');
      t.equal(run('rm', [`${m.mnt}/linked`, `${m.mnt}/other`, `${m.mnt}/log`]).status, 0);
      t.notMatch(m.log(), /level=(?:warn|error)/);
    },
  );
}

await mountTest(
  t,
  'a new storage without flags and without O_DIRECT',
  {
    root: true,
    backing: 'ext4',
    upperBacking: 'dir',
    needs: ['chattr', 'lsattr'],
    prepare: (layers) => {
      lay(layers);
      must('mount', ['-t', 'ramfs', '-o', 'mode=755', 'ramfs', layers.upper]);
      writeFileSync(`${layers.lower[0]}/log`, 'first\n');
      writeFileSync(`${layers.lower[0]}/direct`, 'x'.repeat(4096));
      must('chattr', ['+a', `${layers.lower[0]}/log`]);
    },
  },
  (t, m) => {
    t.teardown(() => must('umount', ['-l', m.upper]));
    t.equal(
      outcome(() => appendFileSync(`${m.mnt}/log`, 'second\n')),
      'EPERM',
      'it would not be protected there',
    );
    t.equal(whereIs(m, 'log'), 'lower');
    t.equal(lettersOf(`${m.lower[0]}/log`), 'a');
    t.same(
      readdirSync(m.upper, { recursive: true, encoding: 'utf8' }).filter(
        (name) => !/^\.migratefs(?:\/\w+|\/(?:journal|alive)\/.*)?$/.test(name),
      ),
      [],
      'nothing has come up',
    );
    appendFileSync(`${m.mnt}/file`, 'more');
    t.equal(whereIs(m, 'file'), 'upper');
    t.match(m.log(), /event=flags_dropped name=file flags=0xc8 error=ENOTTY$/m);
    t.match(run('lsattr', [`${m.mnt}/file`]).stderr.toString(), /Inappropriate ioctl|not supported/);
    mkdirSync(`${m.mnt}/dir/new`);
    t.match(run('chattr', ['+d', `${m.mnt}/dir`]).stderr.toString(), /Inappropriate ioctl|not supported/);

    const { O_DIRECT = 0, O_RDONLY } = constants;
    const reader = openSync(`${m.mnt}/direct`, O_RDONLY | O_DIRECT);
    appendFileSync(`${m.mnt}/direct`, 'y'.repeat(4096));
    t.equal(fstatSync(reader).size, 8192);
    t.equal(
      readFileSync(reader, 'latin1').slice(4095, 4097),
      'xy',
      'an old reader goes on with the copy, without O_DIRECT',
    );
    closeSync(reader);
    t.equal(
      outcome(() => openSync(`${m.mnt}/direct`, O_RDONLY | O_DIRECT)),
      'EINVAL',
    );
    t.notMatch(m.log(), /redirect_failed/);
    must('chattr', ['-a', `${m.lower[0]}/log`]);
  },
);
