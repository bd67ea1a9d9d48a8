// fallocate(2): room for what is not yet written, and holes where something was. What a file system cannot do it says itself; which modes
// the kernel asks a FUSE file system about at all is the kernel's.

import {
  FALLOC_FL_COLLAPSE_RANGE,
  FALLOC_FL_INSERT_RANGE,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  FALLOC_FL_UNSHARE_RANGE,
  FALLOC_FL_ZERO_RANGE,
  O_DIRECTORY,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
} from '../../../src/sys/constants.ts';
import { type Case, cases, dir, fifo, file } from '../case.ts';
import { patched, pattern, sameContent, sameRead } from '../data.ts';

const K = 1024;
const SIZE = 256 * K;
const PUNCH = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

const LIMITED =
  'the kernel passes on no modes but KEEP_SIZE, PUNCH_HOLE and ZERO_RANGE to a FUSE file system';

/** Modes that only make zeros, and what they leave of the size. */
const zeroing: Case[] = (
  [
    ['PUNCH_HOLE', PUNCH],
    ['ZERO_RANGE', FALLOC_FL_ZERO_RANGE],
    ['ZERO_RANGE with KEEP_SIZE', FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE],
  ] as const
).flatMap(([name, mode]): Case[] =>
  (
    [
      ['whole blocks', 64 * K, 64 * K],
      ['odd edges', 4097, 70_000],
      ['within a block', 5000, 100],
      ['from the start', 0, 100_000],
      ['across the end', SIZE - 5000, 50_000],
      ['behind the end', SIZE + 8192, 8192],
    ] as const
  ).map(([where, offset, length]) => ({
    name: `${name}, ${where}: zeros there, and nothing else changes`,
    given: { f: file(pattern(SIZE, 1)) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const answer = c.fallocate(fd, mode, offset, length);
      c.asPlain(answer);
      const size = answer === 0 && mode === FALLOC_FL_ZERO_RANGE ? Math.max(SIZE, offset + length) : SIZE;
      c.is(c.facts('f').size, size);
      const zeros = answer === 0 ? '\0'.repeat(Math.max(0, Math.min(size, offset + length) - offset)) : '';
      const changed = zeros === '' ? pattern(SIZE, 1) : patched(pattern(SIZE, 1), offset, zeros);
      sameContent(c, 'f', changed.padEnd(size, '\0'));
      c.is(c.ftruncate(fd, SIZE + 100_000), 0);
      sameRead(c, fd, changed.padEnd(SIZE + 100_000, '\0'));
    },
  })),
);

/** Modes that move what lies behind: the layer's own answer where it is asked. */
const moving = (
  [
    [
      'COLLAPSE_RANGE',
      FALLOC_FL_COLLAPSE_RANGE,
      { tmpfs: 'has no COLLAPSE_RANGE', btrfs: 'has no COLLAPSE_RANGE' },
    ],
    ['INSERT_RANGE', FALLOC_FL_INSERT_RANGE, { tmpfs: 'has no INSERT_RANGE', btrfs: 'has no INSERT_RANGE' }],
  ] as const
).map(
  ([name, mode, unless]): Case => ({
    name: `${name} moves what lies behind`,
    given: { f: file(pattern(SIZE, 2)) },
    unless,
    deviates: { mounted: { sees: 'EOPNOTSUPP', why: LIMITED } },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      c.is(c.fallocate(fd, mode, 64 * K, 64 * K), 0);
      const [head, tail] = [pattern(SIZE, 2).slice(0, 64 * K), pattern(SIZE, 2).slice(64 * K)];
      sameContent(
        c,
        'f',
        mode === FALLOC_FL_COLLAPSE_RANGE ? head + tail.slice(64 * K) : head + '\0'.repeat(64 * K) + tail,
      );
    },
  }),
);

export default cases('fallocate', [
  ...zeroing,
  ...moving,
  {
    name: 'UNSHARE_RANGE',
    given: { f: file(pattern(SIZE, 2)) },
    unless: {
      tmpfs: 'has no UNSHARE_RANGE',
      btrfs: 'has no UNSHARE_RANGE',
      ext4: 'has no UNSHARE_RANGE',
    },
    deviates: { mounted: { sees: 'EOPNOTSUPP', why: LIMITED } },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      c.is(c.fallocate(fd, FALLOC_FL_UNSHARE_RANGE, 0, SIZE), 0);
      sameContent(c, 'f', pattern(SIZE, 2));
    },
  },
  {
    name: 'mode 0 takes room and makes the file longer',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      c.changes('f', ['mtime', 'ctime'], () => c.is(c.fallocate(fd, 0, 0, SIZE), 0));
      c.is(c.facts('f').size, SIZE);
      c.is(c.facts('f').blocks >= SIZE / 512, true);
      sameContent(c, 'f', 'content'.padEnd(SIZE, '\0'));
    },
  },
  {
    name: 'mode 0 within the file changes neither size nor content',
    given: { f: file(pattern(SIZE, 3), { size: 2 * SIZE }) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_WRONLY));
      c.is(c.fallocate(fd, 0, 5000, SIZE + 5000), 0);
      c.is(c.facts('f').size, 2 * SIZE);
      sameContent(c, 'f', pattern(SIZE, 3).padEnd(2 * SIZE, '\0'));
    },
  },
  {
    name: 'mode 0 past the end leaves a hole before it',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_WRONLY));
      c.is(c.fallocate(fd, 0, SIZE, 4 * K), 0);
      c.is(c.facts('f').size, SIZE + 4 * K);
      sameContent(c, 'f', 'content'.padEnd(SIZE + 4 * K, '\0'));
    },
  },
  {
    name: 'KEEP_SIZE takes room behind the end, which growing finds empty',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      c.is(c.fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, SIZE), 0);
      c.is(c.facts('f').size, 7);
      c.is(c.facts('f').blocks >= SIZE / 512, true);
      c.is(c.text('f'), 'content');
      c.is(c.ftruncate(fd, 100), 0);
      c.is(c.text('f'), 'content'.padEnd(100, '\0'));
    },
  },
  {
    name: 'PUNCH_HOLE gives room back',
    given: { f: file(pattern(SIZE, 4)) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      c.is(c.pwrite(fd, pattern(SIZE, 5), 0), SIZE);
      c.is(c.fsync(fd), 0);
      const { blocks } = c.ffacts(fd);
      c.changes('f', ['mtime', 'ctime'], () => c.is(c.fallocate(fd, PUNCH, 0, SIZE), 0));
      c.is(c.fsync(fd), 0);
      c.is(c.ffacts(fd).blocks < blocks, true);
      c.is(c.facts('f').size, SIZE);
    },
  },
  {
    name: 'a hole is seen by who has the file open, and has read it',
    given: { f: file(pattern(SIZE, 6)) },
    run: (c) => {
      const reading = c.ok(c.other().open('f', O_RDONLY));
      c.is(c.other().pread(reading, 3, 100_000), pattern(SIZE, 6).slice(100_000, 100_003));
      const own = c.ok(c.open('f', O_RDONLY));
      sameRead(c, own, pattern(SIZE, 6));
      const fd = c.ok(c.open('f', O_WRONLY));
      c.is(c.fallocate(fd, PUNCH, 64 * K, 64 * K), 0);
      c.is(c.other().pread(reading, 3, 100_000), '\0\0\0');
      sameRead(c, own, patched(pattern(SIZE, 6), 64 * K, '\0'.repeat(64 * K)));
    },
  },
  {
    name: 'EINVAL for an offset below zero, and for a length that is not above it',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      for (const mode of [0, FALLOC_FL_KEEP_SIZE, PUNCH]) {
        c.is(c.fallocate(fd, mode, -1, 10), 'EINVAL');
        c.is(c.fallocate(fd, mode, 0, 0), 'EINVAL');
        c.is(c.fallocate(fd, mode, 0, -1), 'EINVAL');
      }
      c.is(c.facts('f').size, 7);
    },
  },
  {
    name: 'EOPNOTSUPP for modes that are none, or do not go together',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      for (const mode of [
        1 << 20,
        0x04,
        FALLOC_FL_PUNCH_HOLE,
        PUNCH | FALLOC_FL_ZERO_RANGE,
        FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_KEEP_SIZE,
        FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE,
      ]) {
        c.is(c.fallocate(fd, mode, 0, 4096), ['EOPNOTSUPP', 'EINVAL'], `mode ${mode}`);
      }
      c.is(c.text('f'), 'content');
    },
  },
  {
    name: 'EFBIG past what a file can be, as the layer has it',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const last = (1n << 63n) - 1n;
      c.is(c.fallocate(fd, 0, last, 10), 'EFBIG');
      c.is(c.fallocate(fd, 0, 10, last), 'EFBIG');
      c.is(c.fallocate(fd, FALLOC_FL_KEEP_SIZE, last - 5n, 10), 'EFBIG');
      c.asPlain(c.fallocate(fd, 0, 1n << 62n, 10));
      c.asPlain(c.fallocate(fd, PUNCH, 1n << 50n, 10));
      c.is(c.ftruncate(fd, 7), 0);
    },
  },
  {
    name: 'ENOSPC for more than there is, and the content stays',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      c.is(c.fallocate(fd, 0, 0, 1n << 40n), 'ENOSPC');
      c.is(c.pread(fd, 7, 0), 'content');
      c.is(c.ftruncate(fd, 7), 0);
    },
  },
  {
    name: 'EBADF through what cannot write, ESPIPE for a FIFO, EBADF and ENODEV for a directory',
    given: { f: file('content'), d: dir(), p: fifo() },
    run: (c) => {
      c.is(c.fallocate(c.ok(c.open('f', O_RDONLY)), 0, 0, 10), 'EBADF');
      c.is(c.fallocate(c.ok(c.open('f', O_PATH)), 0, 0, 10), 'EBADF');
      c.is(c.fallocate(1 << 19, 0, 0, 10), 'EBADF');
      c.is(c.fallocate(c.ok(c.open('p', O_RDWR | O_NONBLOCK)), 0, 0, 10), 'ESPIPE');
      c.is(c.fallocate(c.ok(c.open('d', O_RDONLY | O_DIRECTORY)), 0, 0, 10), 'EBADF');
      c.is(c.facts('f').size, 7);
    },
  },
]);
