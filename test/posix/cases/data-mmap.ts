import { O_DIRECTORY, O_RDONLY, O_RDWR, O_WRONLY } from '../../../src/sys/constants.ts';
import {
  MAP_PRIVATE,
  MAP_SHARED,
  MS_ASYNC,
  MS_INVALIDATE,
  MS_SYNC,
  PROT_READ,
  PROT_WRITE,
} from '../calls/files.ts';
import { type Case, cases, dir, file } from '../case.ts';
import type { Context } from '../context.ts';
import { patched, pattern, sameContent } from '../data.ts';

const PAGE = 4096;
const BOTH = PROT_READ | PROT_WRITE;

const mapped = (c: Context, fd: number, length = PAGE, prot = BOTH, flags = MAP_SHARED, offset = 0): number =>
  c.ok(c.mmap(length, prot, flags, fd, offset)) as number;

const shared: Case[] = [
  {
    name: 'shared: what is poked is read at once by all, before any msync',
    given: { f: file(pattern(10_000, 1)) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const other = c.ok(c.other().open('f', O_RDONLY));
      const map = mapped(c, fd, 10_000);
      c.poke(map + 5000, 'POKED');
      c.is(c.pread(fd, 5, 5000), 'POKED');
      c.is(c.other().pread(other, 7, 4999), `${pattern(10_000, 1)[4999]}POKED${pattern(10_000, 1)[5005]}`);
      const second = mapped(c, c.ok(c.open('f', O_RDONLY)), 10_000, PROT_READ);
      c.is(c.peek(second + 5000, 5), 'POKED');
      c.is(c.msync(map, 10_000, MS_SYNC), 0);
      sameContent(c, 'f', patched(pattern(10_000, 1), 5000, 'POKED'));
    },
  },
  {
    name: 'shared: what is written is seen in the mapping at once',
    given: { f: file(pattern(10_000, 1)) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const map = mapped(c, fd, 10_000);
      c.is(c.peek(map + 100, 5), pattern(10_000, 1).slice(100, 105));
      c.is(c.pwrite(fd, 'WRITTEN', 100), 7);
      c.is(c.peek(map + 100, 7), 'WRITTEN');
      const other = c.ok(c.other().open('f', O_WRONLY));
      c.is(c.other().pwrite(other, 'OTHER', 8000), 5);
      c.is(c.peek(map + 8000, 5), 'OTHER');
    },
  },
  {
    name: 'shared: a reader’s mapping from before sees what a later writer does, by write and by mapping',
    given: { f: file(pattern(10_000, 2)) },
    run: (c) => {
      const reading = c.ok(c.open('f', O_RDONLY));
      const map = mapped(c, reading, 10_000, PROT_READ);
      c.is(c.peek(map, 5), pattern(10_000, 2).slice(0, 5));
      const fd = c.ok(c.open('f', O_RDWR));
      c.is(c.pwrite(fd, 'WRITE', 0), 5);
      c.is(c.peek(map, 5), 'WRITE');
      c.is(c.pread(reading, 5, 0), 'WRITE');
      c.is(c.pwrite(fd, 'PAGE3', 9000), 5);
      c.is(c.peek(map + 9000, 5), 'PAGE3', 'a page that was not looked at before');
      const writing = mapped(c, fd, 10_000);
      c.poke(writing + 4500, 'POKED');
      c.is(c.peek(map + 4500, 5), 'POKED');
      c.is(c.pread(reading, 5, 4500), 'POKED');
      c.is(c.close(reading), 0);
      c.poke(writing + 4500, 'AGAIN');
      c.is(c.peek(map + 4500, 5), 'AGAIN', 'after the descriptor is closed');
    },
  },
  {
    name: 'shared: a mapping outlives its descriptor and its name, and is written back',
    given: { f: file(pattern(10_000, 3)) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const map = mapped(c, fd, 10_000);
      c.is(c.close(fd), 0);
      c.poke(map + 1, 'A');
      c.is(c.rename('f', 'g'), 0);
      c.poke(map + 9999, 'B');
      c.is(c.munmap(map, 10_000), 0);
      sameContent(c, 'g', patched(patched(pattern(10_000, 3), 1, 'A'), 9999, 'B'));
    },
  },
  {
    name: 'shared: an unlinked file',
    given: { f: file(pattern(10_000, 3)) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const map = mapped(c, fd, 10_000);
      c.is(c.unlink('f'), 0);
      c.poke(map + 5000, 'POKED');
      c.is(c.msync(map, 10_000, MS_SYNC), 0);
      c.is(c.pread(fd, 5, 5000), 'POKED');
      c.is(c.peek(map + 9000, 3), pattern(10_000, 3).slice(9000, 9003));
    },
  },
  {
    name: 'shared: mtime and ctime change between the write and the msync',
    deviates: {
      passthrough: {
        sees: 'mtime of f: expected the present',
        why: 'the kernel asks for times again within a second',
      },
    },
    given: { f: file(pattern(10_000, 3)) },
    run: (c) => {
      const map = mapped(c, c.ok(c.open('f', O_RDWR)), 10_000);
      c.changes('f', ['mtime', 'ctime'], () => {
        c.poke(map, 'x');
        c.is(c.msync(map, 10_000, MS_SYNC), 0);
      });
    },
  },
  {
    name: 'shared: many pages, in a large file, at offsets',
    given: { f: file(pattern(1_500_000, 4)) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const map = mapped(c, fd, 1_000_000, BOTH, MAP_SHARED, 64 * PAGE);
      let expected = pattern(1_500_000, 4);
      for (let at = 3; at < 1_000_000; at += 37_777) {
        c.poke(map + at, 'mark');
        expected = patched(expected, 64 * PAGE + at, 'mark');
      }
      c.is(c.msync(map, 1_000_000, MS_ASYNC), 0);
      c.is(c.fsync(fd), 0);
      c.is(c.munmap(map, 1_000_000), 0);
      sameContent(c, 'f', expected);
    },
  },
  {
    name: 'shared: holes are read as zeros and filled',
    given: { f: file('head', { size: 100_000 }) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const map = mapped(c, fd, 100_000);
      c.is(c.peek(map + 50_000, 3), '\0\0\0');
      c.poke(map + 50_000, 'mid');
      c.is(c.msync(map, 100_000, MS_SYNC | MS_INVALIDATE), 0);
      sameContent(c, 'f', patched('head'.padEnd(100_000, '\0'), 50_000, 'mid'));
    },
  },
  {
    name: 'shared: a punched hole shows in the mapping',
    given: { f: file(pattern(64 * PAGE, 4)) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const map = mapped(c, fd, 64 * PAGE);
      c.poke(map + 10 * PAGE, 'dirty');
      c.is(c.fallocate(fd, 3, 8 * PAGE, 8 * PAGE), 0);
      c.is(c.peek(map + 10 * PAGE, 5), '\0\0\0\0\0');
      c.is(c.peek(map + 16 * PAGE, 5), pattern(64 * PAGE, 4).slice(16 * PAGE, 16 * PAGE + 5));
    },
  },
  {
    name: 'shared: copy_file_range and truncation into what is mapped',
    given: { f: file(pattern(10_000, 4)), g: file('COPIED') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const map = mapped(c, fd, 10_000);
      c.is(c.peek(map + 5000, 2), pattern(10_000, 4).slice(5000, 5002));
      c.is(c.copyFileRange(c.ok(c.open('g', O_RDONLY)), 0, fd, 5000, 6), 6);
      c.is(c.peek(map + 5000, 6), 'COPIED');
      c.is(c.ftruncate(fd, 5003), 0);
      c.is(c.peek(map + 5000, 6), 'COP\0\0\0');
      c.is(c.ftruncate(fd, 6000), 0);
      c.is(c.peek(map + 5000, 6), 'COP\0\0\0');
      c.is(c.pread(fd, 6, 5000), 'COP\0\0\0');
    },
  },
];

const own: Case[] = [
  {
    name: 'private: what is poked is nobody else’s',
    given: { f: file(pattern(10_000, 5)) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      const map = mapped(c, fd, 10_000, BOTH, MAP_PRIVATE);
      c.poke(map + 5000, 'POKED');
      c.is(c.peek(map + 5000, 5), 'POKED');
      c.is(c.msync(map, 10_000, MS_SYNC), 0);
      c.is(c.pread(fd, 5, 5000), pattern(10_000, 5).slice(5000, 5005));
      const writer = c.ok(c.open('f', O_RDWR));
      c.is(c.pwrite(writer, 'WRITE', 5000), 5);
      c.is(c.peek(map + 5000, 5), 'POKED');
      c.is(c.munmap(map, 10_000), 0);
      sameContent(c, 'f', patched(pattern(10_000, 5), 5000, 'WRITE'));
    },
  },
  {
    name: 'private: a page that was not poked shows what is written to the file',
    given: { f: file(pattern(10_000, 5)) },
    run: (c) => {
      const map = mapped(c, c.ok(c.open('f', O_RDONLY)), 10_000, BOTH, MAP_PRIVATE);
      c.is(c.peek(map + 5000, 3), pattern(10_000, 5).slice(5000, 5003));
      const writer = c.ok(c.open('f', O_RDWR));
      c.is(c.pwrite(writer, 'WRITE', 5000), 5);
      c.is(c.peek(map + 5000, 5), 'WRITE');
    },
  },
  {
    name: 'EACCES for a mapping that the descriptor does not allow',
    given: { f: file(pattern(10_000, 5)) },
    run: (c) => {
      const reading = c.ok(c.open('f', O_RDONLY));
      const writing = c.ok(c.open('f', O_WRONLY));
      c.is(c.mmap(PAGE, BOTH, MAP_SHARED, reading), 'EACCES');
      c.is(c.mmap(PAGE, PROT_READ, MAP_SHARED, writing), 'EACCES');
      c.is(c.mmap(PAGE, PROT_WRITE, MAP_SHARED, writing), 'EACCES');
      c.is(c.mmap(PAGE, PROT_READ, MAP_PRIVATE, writing), 'EACCES');
    },
  },
  {
    name: 'EINVAL, ENODEV, EBADF, EOVERFLOW for what cannot be mapped',
    given: { f: file('content'), d: dir() },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      c.is(c.mmap(0, BOTH, MAP_SHARED, fd), 'EINVAL');
      c.is(c.mmap(PAGE, BOTH, MAP_SHARED, fd, 100), 'EINVAL');
      c.is(c.mmap(PAGE, BOTH, 0, fd), 'EINVAL');
      c.is(c.mmap(PAGE, PROT_READ, MAP_SHARED, c.ok(c.open('d', O_RDONLY | O_DIRECTORY))), 'ENODEV');
      c.is(c.mmap(PAGE, PROT_READ, MAP_SHARED, 1 << 19), 'EBADF');
      c.is(c.msync(mapped(c, fd), PAGE, 64), 'EINVAL');
      c.asPlain(c.mmap(2 * PAGE, PROT_READ, MAP_SHARED, fd, (1n << 63n) - 4096n) as number);
    },
  },
];

export default cases('mapping', [...shared, ...own]);
