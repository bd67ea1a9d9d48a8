// Reading and writing: where, how much, through which descriptor, and what of it the times tell.

import {
  O_APPEND,
  O_CREAT,
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  SEEK_CUR,
  SEEK_END,
} from '../../../src/sys/constants.ts';
import { type Case, cases, dir, file } from '../case.ts';
import { MIB, patched, pattern, sameContent, sameRead } from '../data.ts';

const SIZES = [1, 511, 4095, 4096, 4097, 131_071, 131_072, 131_073, MIB - 1, MIB, MIB + 1, 2 * MIB + 3];

const FAR = {
  '2^31 - 1': 2n ** 31n - 1n,
  '2^32': 2n ** 32n,
  '2^40': 2n ** 40n,
  '2^50': 2n ** 50n,
};

const sizes: Case[] = SIZES.map((size) => ({
  name: `${size} bytes written in one call are read in one`,
  given: { f: file('old content') },
  run: (c) => {
    const data = pattern(size, 7);
    const fd = c.ok(c.open('f', O_RDWR));
    c.is(c.ftruncate(fd, 0), 0);
    c.is(c.write(fd, data), size);
    c.is(c.facts('f').size, size);
    c.is(c.lseek(fd, 0, SEEK_CUR), size);
    sameContent(c, 'f', data);
    sameRead(c, fd, data, 'by the same descriptor');
  },
}));

const straddles: Case[] = [4096, 131_072, MIB].map((edge) => ({
  name: `a few bytes across ${edge} leave all around them`,
  given: { f: file(pattern(MIB + 70_000, 1)) },
  run: (c) => {
    const fd = c.ok(c.open('f', O_WRONLY));
    let expected = pattern(MIB + 70_000, 1);
    for (const [offset, length] of [
      [edge - 3, 7],
      [edge + 100, 1],
      [edge - 4000, 3999],
      [edge, 4096],
    ] as const) {
      const data = pattern(length, offset);
      c.is(c.pwrite(fd, data, offset), length);
      expected = patched(expected, offset, data);
    }
    sameContent(c, 'f', expected);
    c.is(c.facts('f').size, MIB + 70_000);
  },
}));

const farAway: Case[] = Object.entries(FAR).map(([name, offset]) => ({
  name: `a byte at ${name}, and nothing but zeros before it`,
  given: { f: file('start') },
  run: (c) => {
    const fd = c.ok(c.open('f', O_RDWR));
    const written = c.pwrite(fd, 'x', offset);
    c.asPlain(written);
    if (written !== 1) {
      c.is(c.facts('f').size, 5);
      return;
    }
    c.is(c.facts('f').size, Number(offset) + 1);
    c.is(c.pread(fd, 5, BigInt(offset) - 3n), '\0\0\0x');
    c.is(c.pread(fd, 10, 0), 'start\0\0\0\0\0');
    c.is(c.facts('f').blocks < 4096, true, 'a hole takes no room');
    c.is(c.ftruncate(fd, 5), 0);
  },
}));

export default cases('read and write', [
  ...sizes,
  ...straddles,
  ...farAway,
  {
    name: 'before, at and past the end',
    given: { f: file('hello') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      c.is(c.pread(fd, 10, 0), 'hello');
      c.is(c.pread(fd, 3, 2), 'llo');
      c.is(c.pread(fd, 1, 4), 'o');
      c.is(c.pread(fd, 1, 5), '');
      c.is(c.pread(fd, 100, 4096), '');
      c.is(c.pread(fd, 100, 1n << 50n), '');
      c.is(c.pread(fd, 0, 0), '');
    },
  },
  {
    name: 'read and write move the position, pread and pwrite do not',
    given: { f: file('0123456789') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      c.is(c.read(fd, 3), '012');
      c.is(c.pread(fd, 2, 8), '89');
      c.is(c.write(fd, 'ab'), 2);
      c.is(c.pwrite(fd, 'Z', 9), 1);
      c.is(c.lseek(fd, 0, SEEK_CUR), 5);
      c.is(c.read(fd, 10), '5678Z');
      c.is(c.read(fd, 10), '');
      c.is(c.text('f'), '012ab5678Z');
    },
  },
  {
    name: 'EINVAL for a negative offset',
    given: { f: file('x') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      c.is(c.pread(fd, 1, -1), 'EINVAL');
      c.is(c.pwrite(fd, 'y', -1), 'EINVAL');
      c.is(c.pwrite(fd, 'y', -(1n << 62n)), 'EINVAL');
      c.is(c.text('f'), 'x');
    },
  },
  {
    name: 'offsets that no file can have',
    given: { f: file('x') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const last = (1n << 63n) - 1n;
      c.is(c.pwrite(fd, 'y', last), ['EFBIG', 'EINVAL', 'EOVERFLOW']);
      c.asPlain(c.pwrite(fd, 'yy', last - 1n));
      c.asPlain(c.pread(fd, 1, last) as number);
      c.asPlain(c.pread(fd, 2, last - 1n) as number);
    },
  },
  {
    name: 'no bytes: nothing happens',
    given: { f: file('x') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      c.changes('f', [], () => {
        c.is(c.write(fd, ''), 0);
        c.is(c.pwrite(fd, '', 1000), 0);
        c.is(c.read(fd, 0), '');
      });
      c.is(c.facts('f').size, 1);
    },
  },
  {
    name: 'EBADF through a descriptor that is not for it',
    given: { f: file('x') },
    run: (c) => {
      const reading = c.ok(c.open('f', O_RDONLY));
      const writing = c.ok(c.open('f', O_WRONLY));
      const neither = c.ok(c.open('f', O_PATH));
      c.is(c.write(reading, 'y'), 'EBADF');
      c.is(c.pwrite(reading, 'y', 0), 'EBADF');
      c.is(c.read(writing, 1), 'EBADF');
      c.is(c.pread(writing, 1, 0), 'EBADF');
      for (const answer of [c.read(neither, 1), c.write(neither, 'y'), c.lseek(neither, 0)])
        c.is(answer, 'EBADF');
      c.is(c.write(1 << 19, 'y'), 'EBADF');
    },
  },
  {
    name: 'EISDIR when a directory is read, or opened for writing',
    given: { d: dir() },
    run: (c) => {
      const fd = c.ok(c.open('d', O_RDONLY | O_DIRECTORY));
      c.is(c.read(fd, 1), 'EISDIR');
      c.is(c.pread(fd, 1, 0), 'EISDIR');
      c.is(c.write(fd, 'x'), 'EBADF');
      for (const flags of [O_WRONLY, O_RDWR, O_WRONLY | O_APPEND]) c.is(c.open('d', flags), 'EISDIR');
    },
  },
  {
    name: 'EFAULT for memory that is not there',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      c.is(c.readNowhere(fd, 10), 'EFAULT');
      c.is(c.writeNowhere(fd, 10), 'EFAULT');
      c.is(c.text('f'), 'content');
    },
  },
  {
    name: 'a write past the end leaves zeros between',
    given: { f: file('abc') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_WRONLY));
      c.is(c.pwrite(fd, 'x', 10_000), 1);
      const text = c.text('f');
      c.is(text.length, 10_001);
      c.is(text === `abc${'\0'.repeat(9997)}x`, true);
    },
  },
  {
    name: 'a hole that is given is read as zeros, and written into',
    given: { f: file('head', { size: 300_000 }) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      c.is(c.pread(fd, 8, 0), 'head\0\0\0\0');
      c.is(c.pread(fd, 100, 299_990), '\0'.repeat(10));
      const writer = c.ok(c.open('f', O_WRONLY));
      c.is(c.pwrite(writer, 'mid', 150_000), 3);
      c.is(c.pread(fd, 5, 149_999), '\0mid\0');
      c.is(c.facts('f').size, 300_000);
    },
  },
  {
    name: 'a write sets mtime and ctime, a read neither',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      c.changes('f', ['mtime', 'ctime'], () => c.is(c.pwrite(fd, 'x', 0), 1));
      c.changes('f', ['mtime', 'ctime'], () => c.is(c.pwrite(fd, 'x', 100), 1));
      c.changes('f', [], () => c.is(c.pread(fd, 1, 0), 'x'));
      c.changes('f', [], () => c.ok(c.open('f', O_RDWR)));
    },
  },
  {
    name: 'an open for writing alone changes no time and no byte',
    deviates: {
      passthrough: {
        sees: 'ctime of f: expected unchanged',
        why: 'the ctime of a copy is new, and here the kernel asks for it when the file is closed',
      },
    },
    given: { f: file('content') },
    run: (c) => {
      c.changes('f', [], () => c.is(c.close(c.ok(c.open('f', O_RDWR))), 0));
      c.is(c.text('f'), 'content');
    },
  },
  {
    name: 'a read sets atime when that is older than mtime',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      c.is(c.utimens('f', 1_000_000_000n, 2_000_000_000n), 0);
      c.is(c.read(fd, 7), 'content');
      c.is(c.facts('f').atime > 1_000_000_000n, true);
      c.is(c.facts('f').mtime, 2_000_000_000n);
    },
  },
  {
    name: 'a new file: written, read, with nothing synced between',
    run: (c) => {
      const fd = c.ok(c.open('new', O_RDWR | O_CREAT));
      c.is(c.write(fd, 'one'), 3);
      c.is(c.other().lstat('new') !== undefined && c.text('new'), 'one');
      c.is(c.write(fd, ' two'), 4);
      c.is(c.text('new'), 'one two');
      c.is(c.lseek(fd, 0, SEEK_END), 7);
    },
  },
  {
    name: 'another process sees each write at once, whoever opened first',
    given: { f: file('0000000000') },
    run: (c) => {
      const other = c.other();
      const reading = c.ok(other.open('f', O_RDONLY));
      c.is(other.pread(reading, 3, 0), '000');
      const fd = c.ok(c.open('f', O_RDWR));
      c.is(c.pwrite(fd, 'abc', 0), 3);
      c.is(other.pread(reading, 4, 0), 'abc0');
      const writing = c.ok(other.open('f', O_RDWR));
      c.is(other.pwrite(writing, 'xy', 2), 2);
      c.is(c.pread(fd, 10, 0), 'abxy000000');
      c.is(other.pread(reading, 10, 0), 'abxy000000');
      c.is(other.ftruncate(writing, 3), 0);
      c.is(c.pread(fd, 10, 0), 'abx');
      c.is(c.ffacts(fd).size, 3);
    },
  },
  {
    name: 'two descriptors have two positions, a duplicate has none of its own',
    given: { f: file('0123456789') },
    run: (c) => {
      const one = c.ok(c.open('f', O_RDWR));
      const two = c.ok(c.open('f', O_RDONLY));
      const copy = c.ok(c.dup(one));
      c.is(c.read(one, 2), '01');
      c.is(c.read(two, 1), '0');
      c.is(c.read(copy, 2), '23');
      c.is(c.close(one), 0);
      c.is(c.write(copy, 'x'), 1);
      c.is(c.read(two, 9), '123x56789');
    },
  },
]);
