// Listing merged directories, and names of all kinds.

import {
  opendirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { AT_FDCWD, O_DIRECTORY, O_RDONLY, SEEK_SET } from '../../src/sys/constants.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { DirentCursor } from '../../src/sys/dirents.ts';
import { close, getdents, lseek, openat } from '../../src/sys/fd.ts';
import { join, mountTest, outcome, sh, treeDigest } from './support.ts';

const fill = (dir: string, from: number, to: number, text: string) =>
  sh(
    `mkdir -p many; cd many; for ((i = ${from}; i < ${to}; i++)); do printf '%s' '${text}' >"entry-$i"; done`,
    { cwd: dir },
  );

/** 10,000 names: two thirds on each layer, one third on both. */
const manyFiles = ({ upper, lower: [a = ''] }: { upper: string; lower: string[] }) => {
  fill(upper, 0, 6000, 'up');
  fill(a, 4000, 10_000, 'down');
};

await mountTest(t, '10,000 entries across layers are listed once each', { prepare: manyFiles }, (t, m) => {
  const expected = Array.from({ length: 10_000 }, (_, i) => `entry-${i}`).sort();
  t.same(readdirSync(`${m.mnt}/many`).sort(), expected);
  t.equal(
    sh('ls many | wc -l; ls -lU many | grep -c entry-; find many -type f | wc -l', { cwd: m.mnt }),
    '10000\n10000\n10000',
  );
  t.equal(sh('find many -type f -size -3c | wc -l', { cwd: m.mnt }), '6000', 'the topmost of each name');
  const dir = opendirSync(`${m.mnt}/many`, { bufferSize: 7 });
  const seen = new Set<string>();
  for (let entry = dir.readSync(); entry; entry = dir.readSync()) {
    seen.add(entry.name);
    unlinkSync(`${m.mnt}/many/${entry.name}`);
  }
  dir.closeSync();
  t.equal(seen.size, 10_000, 'all are met though each is removed when it is');
  t.same(readdirSync(`${m.mnt}/many`), []);
  t.same(
    [...Object.keys(treeDigest(m.upper)), ...Object.keys(treeDigest(m.lower[0] as string))],
    ['.', 'many', '.', 'many'],
  );
});

await mountTest(
  t,
  'offsets lead back to where they were given; rewinding shows what is new',
  {
    prepare: ({ upper, lower: [a = ''] }) => {
      sh('mkdir both; touch both/u{1..60}', { cwd: upper });
      sh('mkdir both single; touch both/l{1..60} single/s{1..100}', { cwd: a });
    },
  },
  (t, m) => {
    for (const name of ['both', 'single']) {
      const fd = openat(AT_FDCWD, cstring(`${m.mnt}/${name}`), O_RDONLY | O_DIRECTORY);
      const cursor = new DirentCursor(new Uint8Array(512));
      const met: { name: string; offset: number | bigint }[] = [];
      const readAll = () => {
        met.length = 0;
        for (let got = getdents(fd, cursor.bytes); got > 0; got = getdents(fd, cursor.bytes)) {
          cursor.load(got);
          while (cursor.next()) {
            met.push({
              name: Buffer.from(cursor.name).toString('latin1', 0, cursor.name.length - 1),
              offset: cursor.offset,
            });
          }
        }
        return met.map((each) => each.name);
      };
      const names = readAll();
      const { length } = names;
      t.equal(new Set(names).size, length);
      t.ok(names.includes('.') && names.includes('..'));
      const offsets = met.map((each) => each.offset);
      for (const at of [0, 3, 50, length - 2, length - 1]) {
        t.equal(lseek(fd, offsets[at] as number, SEEK_SET), offsets[at]);
        t.same(readAll(), names.slice(at + 1), `${name}: from offset ${at}`);
      }
      writeFileSync(`${m.mnt}/${name}/new`, '');
      unlinkSync(`${m.mnt}/${name}/${names.find((each) => each.endsWith('7'))}`);
      lseek(fd, 0, SEEK_SET);
      t.same(
        readAll().sort(),
        ['.', '..', ...readdirSync(`${m.mnt}/${name}`)].sort(),
        `${name}: as it is now`,
      );
      close(fd);
    }
  },
);

// Names of eight bytes make records that fill the memory of a listing to its end, which the NUL of the last one would pass.
await mountTest(
  t,
  'names of one length, as many as just fill what a listing takes',
  {
    prepare: ({ lower: [a = ''] }) =>
      void sh('mkdir d; cd d; seq -f %08.0f 1 20000 | xargs touch', { cwd: a }),
  },
  (t, m) => {
    const expected = Array.from({ length: 20_000 }, (_, i) => `${i + 1}`.padStart(8, '0'));
    t.same(readdirSync(`${m.mnt}/d`).sort(), expected);
  },
);

const NAMES = [
  'with\nnewline',
  '-rf',
  '--',
  ' ',
  'tab\tand "quotes" \\ $HOME `x` *?[a]',
  'é ü 漢字 🗄',
  Buffer.from([0xff, 0xfe, 0x80, 0xc3]),
  Buffer.from([1, 2, 0x1b, 0x7f]),
  'x'.repeat(255),
  Buffer.concat([Buffer.from('y'.repeat(254)), Buffer.of(0xe9)]),
  '...',
  '.hidden',
  '.wh.name',
  'name\\040',
].map((name) => Buffer.from(name));

await mountTest(
  t,
  'any name that a layer can hold',
  {
    prepare: ({ lower: [a = ''] }) => {
      for (const name of NAMES) writeFileSync(join(a, name), 'old');
    },
  },
  (t, m) => {
    const sorted = (dir: string | Buffer) =>
      readdirSync(dir, { encoding: 'buffer' })
        .map((name) => name.toString('hex'))
        .sort();
    const expected = NAMES.map((name) => name.toString('hex')).sort();
    t.same(sorted(m.mnt), expected);
    for (const name of NAMES) {
      const file = join(m.mnt, name);
      t.equal(readFileSync(file, 'utf8'), 'old');
      writeFileSync(file, 'more', { flag: 'a' });
      t.equal(readFileSync(join(m.upper, name), 'utf8'), 'oldmore');
      t.equal(
        outcome(() => statSync(join(m.lower[0] as string, name))),
        'ENOENT',
      );
      renameSync(file, join(m.mnt, 'meanwhile'));
      renameSync(join(m.mnt, 'meanwhile'), file);
    }
    t.same(sorted(m.mnt), expected);
    sh('mkdir -- "$1"; mv -- * .hidden .wh.name ... "$1" 2>/dev/null || true', {
      cwd: m.mnt,
      args: ['-d\n'],
    });
    const dir = join(m.mnt, '-d\n');
    t.same(sorted(dir), expected, 'moved');
    for (const name of NAMES) unlinkSync(join(dir, name));
    t.same(sorted(dir), []);
    const migrated = m
      .log()
      .split('\n')
      .filter((line) => line.includes('event=migrated'));
    t.equal(migrated.length, NAMES.length, 'one line of the log each, whatever the name holds');
    t.equal(
      outcome(() => writeFileSync(`${m.mnt}/${'z'.repeat(256)}`, '')),
      'ENAMETOOLONG',
    );
    t.equal(
      outcome(() => statSync(`${m.mnt}/.migratefs`)),
      'ENOENT',
      'the reserved name is not shown',
    );
  },
);
