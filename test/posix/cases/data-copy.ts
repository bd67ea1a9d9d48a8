// Copies that the kernel makes: copy_file_range(2), sendfile(2), splice(2), FICLONE; between files of any layer.

import {
  O_DIRECTORY,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_TMPFILE,
  O_WRONLY,
  SEEK_CUR,
} from '../../../src/sys/constants.ts';
import { type Case, cases, dir, fifo, file } from '../case.ts';
import type { Context } from '../context.ts';
import { MIB, patched, pattern, sameContent } from '../data.ts';

/** As many calls as it takes. */
function copyAll(
  c: Context,
  from: number,
  offIn: number,
  to: number,
  offOut: number,
  length: number,
): number {
  let done = 0;
  while (done < length) {
    const count = c.ok(c.copyFileRange(from, offIn + done, to, offOut + done, length - done));
    if (count === 0) break;
    done += count;
  }
  return done;
}

const ranges: Case[] = (
  [
    ['the whole file', 0, 0, MIB + 5000],
    ['odd offsets', 4097, 10_001, 300_003],
    ['behind the other’s end', 0, MIB, 200_000],
    ['the last bytes', MIB + 4990, 5, 100],
    ['one byte', 70_000, 7, 1],
  ] as const
).map(([name, offIn, offOut, length]) => ({
  name: `copy_file_range: ${name}`,
  given: { from: file(pattern(MIB + 5000, 1)), to: file(pattern(20_000, 2)) },
  run: (c) => {
    const from = c.ok(c.open('from', O_RDONLY));
    const to = c.ok(c.open('to', O_RDWR));
    const moved = Math.min(length, MIB + 5000 - offIn);
    c.is(copyAll(c, from, offIn, to, offOut, length), moved);
    const data = pattern(MIB + 5000, 1).slice(offIn, offIn + moved);
    sameContent(c, 'to', patched(pattern(20_000, 2), offOut, data));
    sameContent(c, 'from', pattern(MIB + 5000, 1));
  },
}));

const clones: Case[] = [
  {
    name: 'FICLONE shares the data',
    given: { from: file(pattern(131_072, 1)), to: file('') },
    unless: { tmpfs: 'shares nothing', ext4: 'shares nothing', other: 'shares nothing, or does' },
    deviates: {
      mounted: { sees: 'EOPNOTSUPP', why: 'the kernel does not pass clones on to a FUSE file system' },
    },
    run: (c) => {
      const to = c.ok(c.open('to', O_RDWR));
      c.is(c.ficlone(to, c.ok(c.open('from', O_RDONLY))), 0);
      sameContent(c, 'to', pattern(131_072, 1));
    },
  },
  {
    name: 'FICLONE is refused without harm where data cannot be shared',
    given: { from: file(pattern(131_072, 1)), to: file('old') },
    unless: { xfs: 'shares data', btrfs: 'shares data' },
    run: (c) => {
      const to = c.ok(c.open('to', O_RDWR));
      c.is(c.ficlone(to, c.ok(c.open('from', O_RDONLY))), ['EOPNOTSUPP', 'ENOTTY']);
      c.is(c.text('to'), 'old');
    },
  },
];

export default cases('copy', [
  ...ranges,
  ...clones,
  {
    name: 'copy_file_range by the positions, which move',
    given: { from: file('0123456789'), to: file('abcdefghij') },
    run: (c) => {
      const from = c.ok(c.open('from', O_RDONLY));
      const to = c.ok(c.open('to', O_WRONLY));
      c.is(c.lseek(from, 2), 2);
      c.is(c.lseek(to, 5), 5);
      c.is(c.copyFileRange(from, null, to, null, 3), 3);
      c.is(c.lseek(from, 0, SEEK_CUR), 5);
      c.is(c.lseek(to, 0, SEEK_CUR), 8);
      c.is(c.copyFileRange(from, 0, to, null, 1), 1);
      c.is(c.lseek(from, 0, SEEK_CUR), 5);
      c.is(c.text('to'), 'abcde2340j');
    },
  },
  {
    name: 'copy_file_range sets mtime and ctime of the target alone',
    given: { from: file('0123456789'), to: file('abcdefghij') },
    run: (c) => {
      const from = c.ok(c.open('from', O_RDONLY));
      const to = c.ok(c.open('to', O_WRONLY));
      c.changes('from', [], () =>
        c.changes('to', ['mtime', 'ctime'], () => c.is(c.copyFileRange(from, 0, to, 0, 3), 3)),
      );
    },
  },
  {
    name: 'copy_file_range within a file',
    given: { f: file(pattern(200_000, 3)) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      c.is(copyAll(c, fd, 0, fd, 100_000, 70_000), 70_000);
      const text = pattern(200_000, 3);
      sameContent(c, 'f', patched(text, 100_000, text.slice(0, 70_000)));
    },
  },
  {
    name: 'copy_file_range from a descriptor that was opened before the file was written to',
    given: { f: file(pattern(50_000, 3)) },
    run: (c) => {
      const reading = c.ok(c.open('f', O_RDONLY));
      const fd = c.ok(c.open('f', O_RDWR));
      c.is(c.pwrite(fd, 'CHANGED', 0), 7);
      c.is(copyAll(c, reading, 0, fd, 50_000, 20), 20);
      c.is(c.text('f').slice(50_000), `CHANGED${pattern(50_000, 3).slice(7, 20)}`);
    },
  },
  {
    name: 'copy_file_range: EINVAL for ranges that overlap, and for flags',
    given: { f: file('0123456789'), g: file('') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const other = c.ok(c.open('f', O_RDONLY));
      c.is(c.copyFileRange(fd, 0, fd, 2, 5), 'EINVAL');
      c.is(c.copyFileRange(other, 4, fd, 2, 5), 'EINVAL');
      c.is(c.copyFileRange(fd, 0, c.ok(c.open('g', O_WRONLY)), 0, 5, 1), 'EINVAL');
      c.is(c.text('f'), '0123456789');
    },
  },
  {
    name: 'copy_file_range: 0 at and past the end, and for no bytes',
    given: { f: file('0123456789'), g: file('old') },
    run: (c) => {
      const from = c.ok(c.open('f', O_RDONLY));
      const to = c.ok(c.open('g', O_WRONLY));
      c.is(c.copyFileRange(from, 10, to, 0, 5), 0);
      c.is(c.copyFileRange(from, 1000, to, 0, 5), 0);
      c.is(c.copyFileRange(from, 0, to, 0, 0), 0);
      c.is(c.copyFileRange(from, 8, to, 1, 100), 2);
      c.is(c.text('g'), 'o89');
    },
  },
  {
    name: 'copy_file_range: EBADF, EISDIR, EINVAL for what is no file to copy',
    given: { f: file('0123456789'), d: dir(), p: fifo() },
    run: (c) => {
      const reading = c.ok(c.open('f', O_RDONLY));
      const writing = c.ok(c.open('f', O_WRONLY));
      const place = c.ok(c.open('d', O_RDONLY | O_DIRECTORY));
      const pipe = c.ok(c.open('p', O_RDWR | O_NONBLOCK));
      c.is(c.copyFileRange(reading, 0, reading, 5, 2), 'EBADF');
      c.is(c.copyFileRange(writing, 0, writing, 5, 2), 'EBADF');
      c.is(c.copyFileRange(c.ok(c.open('f', O_PATH)), 0, writing, 5, 2), 'EBADF');
      c.is(c.copyFileRange(place, 0, writing, 0, 2), 'EISDIR');
      c.is(c.copyFileRange(reading, 0, place, 0, 2), ['EISDIR', 'EBADF']);
      c.is(c.copyFileRange(pipe, null, writing, 0, 2), 'EINVAL');
      c.is(c.text('f'), '0123456789');
    },
  },
  {
    name: 'copy_file_range: offsets that no file can have',
    given: { f: file('0123456789'), g: file('') },
    run: (c) => {
      const from = c.ok(c.open('f', O_RDONLY));
      const to = c.ok(c.open('g', O_WRONLY));
      c.is(c.copyFileRange(from, -1, to, 0, 1), ['EINVAL', 'EOVERFLOW']);
      c.is(c.copyFileRange(from, 0, to, -1, 1), ['EINVAL', 'EOVERFLOW']);
      c.is(c.copyFileRange(from, 0, to, (1n << 63n) - 1n, 10), ['EFBIG', 'EOVERFLOW']);
      c.is(c.copyFileRange(from, (1n << 63n) - 1n, to, 0, 10), ['EOVERFLOW', 0]);
      c.is(c.facts('g').size, 0);
    },
  },
  {
    name: 'copy_file_range to a file system of another kind and back',
    given: { f: file(pattern(100_000, 4)) },
    run: (c) => {
      const memory = c.ok(c.open('/dev/shm', O_TMPFILE | O_RDWR, 0o600));
      const from = c.ok(c.open('f', O_RDWR));
      const count = c.copyFileRange(from, 0, memory, 0, 100_000);
      if (count === -18) {
        c.is(c.sendfile(memory, from, 0, 100_000), 100_000);
      }
      c.is(c.pread(memory, 5, 50_000), pattern(100_000, 4).slice(50_000, 50_005));
    },
  },
  {
    name: 'sendfile from a file to a file and to a pipe',
    given: { f: file(pattern(150_000, 5)), g: file('') },
    run: (c) => {
      const from = c.ok(c.open('f', O_RDONLY));
      const to = c.ok(c.open('g', O_WRONLY));
      let done = 0;
      while (done < 150_000) done += c.ok(c.sendfile(to, from, done, 150_000 - done));
      sameContent(c, 'g', pattern(150_000, 5));
      c.is(c.lseek(from, 0, SEEK_CUR), 0);
      c.is(c.sendfile(to, from, null, 10), 10);
      c.is(c.lseek(from, 0, SEEK_CUR), 10);
      const [reading = -1, writing = -1] = c.pipe();
      c.is(c.sendfile(writing, from, 4090, 100), 100);
      c.is(c.read(reading, 200), pattern(150_000, 5).slice(4090, 4190));
      c.is(c.sendfile(to, from, 150_000, 10), 0);
      c.is(c.sendfile(from, to, 0, 10), 'EBADF');
    },
  },
  {
    name: 'splice from a file to a pipe and on to a file',
    given: { f: file(pattern(150_000, 6)), g: file('0123456789') },
    run: (c) => {
      const from = c.ok(c.open('f', O_RDONLY));
      const to = c.ok(c.open('g', O_RDWR));
      const [reading = -1, writing = -1] = c.pipe();
      c.is(c.splice(from, 5000, writing, null, 9000), 9000);
      c.is(c.splice(reading, null, to, 5, 9000), 9000);
      sameContent(c, 'g', `01234${pattern(150_000, 6).slice(5000, 14_000)}`);
      c.is(c.splice(from, null, writing, null, 4), 4);
      c.is(c.lseek(from, 0, SEEK_CUR), 4);
      c.is(c.splice(reading, null, to, null, 4), 4);
      c.is(c.pread(to, 4, 0), pattern(150_000, 6).slice(0, 4));
      c.is(c.splice(from, 0, to, 0, 10), 'EINVAL');
      c.is(c.splice(from, 150_000, writing, null, 10), 0);
    },
  },
  {
    name: 'fadvise and readahead change nothing',
    given: { f: file(pattern(300_000, 7)), p: fifo() },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      for (const advice of [0, 1, 2, 3, 4, 5]) c.is(c.fadvise(fd, 0, 0, advice), 0);
      c.is(c.fadvise(fd, 0, 0, 99), 'EINVAL');
      c.is(c.fadvise(c.ok(c.open('p', O_RDWR | O_NONBLOCK)), 0, 0, 0), 'ESPIPE');
      c.is(c.readahead(fd, 0, 300_000), 0);
      c.is(c.readahead(c.ok(c.open('f', O_WRONLY)), 0, 10), 'EBADF');
      c.is(c.pwrite(fd, 'x', 100), 1);
      c.is(c.fadvise(fd, 0, 0, 4), 0);
      sameContent(c, 'f', patched(pattern(300_000, 7), 100, 'x'));
    },
  },
]);
