// How the bytes of a copy-up come over: shared where both layers lie on a file system that can do that, moved inside of the kernel on one
// that cannot, read and written between two. The content is the same, and holes stay holes; the journal tells how it was.

import { appendFileSync, closeSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import t from 'tap';
import { SEEK_DATA, SEEK_HOLE } from '../../src/sys/constants.ts';
import { lseek } from '../../src/sys/fd.ts';
import { truncatePath } from './defects-support.ts';
import { added } from './journal-support.ts';
import { type Backing, hashOf, type Mounted, mountTest, must, whereIs } from './support.ts';

const MIB = 1 << 20;

/** Of a file: a megabyte of data, four of hole, a megabyte and a bit of data, three of hole, and no data at the end. */
const SIZE = 9 * MIB + 12_345;
const DATA: [at: number, length: number][] = [
  [0, MIB],
  [5 * MIB, MIB + 777],
];

function makeSparse(path: string): void {
  const fd = openSync(path, 'w', 0o640);
  for (const [at, length] of DATA)
    writeSync(
      fd,
      Buffer.alloc(length).map((_, i) => (i * 31 + (i >> 8) + at) & 255),
      0,
      length,
      at,
    );
  closeSync(fd);
  truncateSync(path, SIZE);
}

/** Where a file has data, from and to. */
function segmentsOf(path: string): [number, number][] {
  const fd = openSync(path, 'r');
  const segments: [number, number][] = [];
  for (let at = 0; ; ) {
    const data = Number(lseek(fd, at, SEEK_DATA));
    if (data < 0) break;
    at = Number(lseek(fd, data, SEEK_HOLE));
    segments.push([data, at]);
  }
  closeSync(fd);
  return segments;
}

/** Where its extents lie on the device, once they are written: `0..255: 1234..1489`. */
const extentsOf = (path: string): string[] =>
  [...must('filefrag', ['-s', '-v', path]).matchAll(/^ *\d+: +(\d+)\.\. *(\d+): +(\d+)\.\. *(\d+):/gm)].map(
    ([, from, to, first, last]) => `${from}..${to}: ${first}..${last}`,
  );

interface Way {
  readonly backing: Backing;
  /** Undefined: the same file system. */
  readonly upper?: Backing;
  readonly method: string;
}

const WAYS: Way[] = [
  { backing: 'xfs', method: 'reflink' },
  { backing: 'btrfs', method: 'reflink' },
  { backing: 'ext4', method: 'copy_file_range' },
  { backing: 'ext4', upper: 'ext4', method: 'read/write' },
  { backing: 'xfs', upper: 'ext4', method: 'read/write' },
  { backing: 'ext4', upper: 'btrfs', method: 'read/write' },
];

for (const { backing, upper, method } of WAYS) {
  const where = upper === undefined ? `inside of one ${backing}` : `from ${backing} to another ${upper}`;
  await mountTest(
    t,
    `${method} ${where}`,
    {
      root: true,
      backing,
      ...(upper === undefined ? { together: true } : { upperBacking: upper }),
      needs: ['filefrag'],
      prepare: ({ lower: [lower] }) => {
        for (const name of ['sparse', 'cut', 'beside']) makeSparse(`${lower}/${name}`);
        writeFileSync(`${lower}/hole`, '');
        truncateSync(`${lower}/hole`, 4 * MIB);
        writeFileSync(`${lower}/small`, 'small');
      },
    },
    (t, m) => {
      const lower = m.lower[0] as string;
      const moved = (name: string, act: () => void) => {
        const [record, ...more] = added(m, act);
        t.same(more, []);
        t.equal(whereIs(m, name), 'upper');
        return record;
      };
      const open = (name: string) => () => closeSync(openSync(`${m.mnt}/${name}`, 'r+'));
      const before = { hash: hashOf(`${lower}/sparse`), extents: extentsOf(`${lower}/sparse`) };
      const segments = segmentsOf(`${lower}/sparse`);
      t.equal(segments.length, DATA.length, 'it has holes');
      t.match(moved('sparse', open('sparse')), { op: 'migrate', result: 'ok', method, size: SIZE });
      t.equal(hashOf(`${m.upper}/sparse`), before.hash);
      t.same(segmentsOf(`${m.upper}/sparse`), segments, 'holes are where they were');
      const extents = extentsOf(`${m.upper}/sparse`);
      if (method === 'reflink') t.same(extents, before.extents, 'the data has not moved on the device');
      else if (upper === undefined)
        t.not(extents.join(), before.extents.join(), 'the data has been written once more');

      t.match(moved('small', open('small')), { method, copied: method === 'reflink' ? 0 : 5 });
      // Nothing but a hole is shared as a whole, or not copied at all.
      t.match(moved('hole', open('hole')), { copied: 0 });
      t.same(segmentsOf(`${m.upper}/hole`), []);
      t.equal(hashOf(`${m.upper}/hole`), hashOf(makeHole(m)));

      const size = 5 * MIB + 1000;
      truncateSync(`${lower}/beside`, size);
      const cut = moved('cut', () => truncatePath(`${m.mnt}/cut`, size));
      t.match(cut, { method: method === 'reflink' ? 'copy_file_range' : method, copied: MIB + 1000 });
      t.equal(hashOf(`${m.upper}/cut`), hashOf(`${lower}/beside`), 'what was cut off is not there');
      appendFileSync(`${m.mnt}/cut`, 'end');
      appendFileSync(`${lower}/beside`, 'end');
      t.equal(hashOf(`${m.upper}/cut`), hashOf(`${lower}/beside`));
    },
  );
}

function makeHole(m: Mounted): string {
  const path = `${m.dir}/hole`;
  writeFileSync(path, '');
  truncateSync(path, 4 * MIB);
  return path;
}
