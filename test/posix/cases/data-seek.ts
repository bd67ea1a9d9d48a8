// lseek(2): positions, and where data and holes are.

import {
  O_DIRECTORY,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  SEEK_CUR,
  SEEK_DATA,
  SEEK_END,
  SEEK_HOLE,
  SEEK_SET,
} from '../../../src/sys/constants.ts';
import { MAP_SHARED, MS_SYNC, PROT_READ, PROT_WRITE } from '../calls/files.ts';
import { cases, dir, fifo, file } from '../case.ts';
import type { Context } from '../context.ts';
import { MIB, pattern } from '../data.ts';

const K = 1024;

/** Where data begin and end, as SEEK_DATA and SEEK_HOLE tell. */
function extents(c: Context, fd: number): string {
  const found: string[] = [];
  for (let at = 0; ; ) {
    const start = c.lseek(fd, at, SEEK_DATA);
    if (start < 0) {
      c.is(start, 'ENXIO');
      return found.join(' ');
    }
    at = c.ok(c.lseek(fd, start, SEEK_HOLE));
    found.push(`${start}-${at}`);
  }
}

export default cases('lseek', [
  {
    name: 'from the start, from here, from the end',
    given: { f: file('0123456789') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      c.is(c.lseek(fd, 3, SEEK_SET), 3);
      c.is(c.read(fd, 1), '3');
      c.is(c.lseek(fd, 2, SEEK_CUR), 6);
      c.is(c.lseek(fd, -1, SEEK_CUR), 5);
      c.is(c.read(fd, 1), '5');
      c.is(c.lseek(fd, -2, SEEK_END), 8);
      c.is(c.read(fd, 5), '89');
      c.is(c.lseek(fd, 5, SEEK_END), 15);
      c.is(c.read(fd, 5), '');
      c.is(c.lseek(fd, 0, SEEK_CUR), 15);
    },
  },
  {
    name: 'EINVAL before the start and for what is no whence; the position stays',
    given: { f: file('0123456789') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      c.is(c.lseek(fd, 4), 4);
      c.is(c.lseek(fd, -1), 'EINVAL');
      c.is(c.lseek(fd, -5, SEEK_CUR), 'EINVAL');
      c.is(c.lseek(fd, -11, SEEK_END), 'EINVAL');
      c.is(c.lseek(fd, 0, 5), 'EINVAL');
      c.is(c.lseek(fd, 0, 99), 'EINVAL');
      c.is(c.lseek(fd, 0, SEEK_CUR), 4);
    },
  },
  {
    name: 'SEEK_END follows what another has written or cut',
    given: { f: file('0123456789') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      c.is(c.lseek(fd, 0, SEEK_END), 10);
      const other = c.ok(c.other().open('f', O_RDWR));
      c.is(c.other().pwrite(other, 'x', 99), 1);
      c.is(c.lseek(fd, 0, SEEK_END), 100);
      c.is(c.other().ftruncate(other, 5), 0);
      c.is(c.lseek(fd, 0, SEEK_END), 5);
      c.is(c.lseek(fd, 0, SEEK_DATA), 0);
      c.is(c.lseek(fd, 0, SEEK_HOLE), 5);
    },
  },
  {
    name: 'far past the end, and EOVERFLOW or EINVAL past all',
    given: { f: file('x') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      c.is(c.lseek(fd, 2 ** 40), 2 ** 40);
      c.is(c.read(fd, 1), '');
      c.asPlain(c.lseek(fd, (1n << 63n) - 1n, SEEK_CUR));
    },
  },
  {
    name: 'EINVAL past the largest file that the file system holds',
    given: { f: file('x') },
    unless: {
      tmpfs: 'holds files of any size',
      xfs: 'holds files of any size',
      btrfs: 'holds files of any size',
    },
    deviates: {
      mounted: {
        sees: 'expected EINVAL',
        why: 'the kernel keeps positions itself, and asks no FUSE file system how far they may go',
      },
    },
    run: (c) => {
      c.is(c.lseek(c.ok(c.open('f', O_RDONLY)), 1n << 50n), 'EINVAL');
    },
  },
  {
    name: 'ESPIPE on a FIFO, EBADF on nothing',
    given: { p: fifo() },
    run: (c) => {
      const fd = c.ok(c.open('p', O_RDWR | O_NONBLOCK));
      for (const whence of [SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA]) c.is(c.lseek(fd, 0, whence), 'ESPIPE');
      c.is(c.lseek(1 << 19, 0), 'EBADF');
    },
  },
  {
    name: 'a hole at the end of what is given',
    given: { f: file(pattern(64 * K, 1), { size: MIB }) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      c.is(extents(c, fd), `0-${64 * K}`);
      c.is(c.lseek(fd, 100, SEEK_DATA), 100);
      c.is(c.lseek(fd, 100_000, SEEK_HOLE), 100_000);
      c.is(c.lseek(fd, 64 * K, SEEK_DATA), 'ENXIO');
    },
  },
  {
    name: 'the same hole after the file was opened for writing, before and after the change',
    given: { f: file(pattern(64 * K, 1), { size: MIB }) },
    run: (c) => {
      const reading = c.ok(c.open('f', O_RDONLY));
      const fd = c.ok(c.open('f', O_RDWR));
      c.is(extents(c, fd), `0-${64 * K}`);
      c.is(c.pwrite(fd, pattern(64 * K, 2), 512 * K), 64 * K);
      c.is(c.fsync(fd), 0);
      c.is(extents(c, fd), `0-${64 * K} ${512 * K}-${576 * K}`);
      c.is(extents(c, reading), `0-${64 * K} ${512 * K}-${576 * K}`);
      c.is(c.facts('f').size, MIB);
    },
  },
  {
    name: 'holes that were made by writing past the end, and by punching',
    run: (c) => {
      const fd = c.ok(c.open('new', O_RDWR | 0o100));
      c.is(c.pwrite(fd, pattern(64 * K, 3), 256 * K), 64 * K);
      c.is(c.fsync(fd), 0);
      c.is(extents(c, fd), `${256 * K}-${320 * K}`);
      c.is(c.pwrite(fd, pattern(256 * K, 3), 0), 256 * K);
      c.is(c.fallocate(fd, 3, 64 * K, 64 * K), 0);
      c.is(c.fsync(fd), 0);
      c.is(extents(c, fd), `0-${64 * K} ${128 * K}-${320 * K}`);
    },
  },
  {
    name: 'ENXIO at and past the end, and for an empty file',
    given: { f: file('0123456789'), empty: file('') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      c.is(c.lseek(fd, 3), 3);
      for (const whence of [SEEK_DATA, SEEK_HOLE]) {
        c.is(c.lseek(fd, 10, whence), 'ENXIO');
        c.is(c.lseek(fd, 10_000, whence), 'ENXIO');
        c.is(c.lseek(c.ok(c.open('empty', O_RDONLY)), 0, whence), 'ENXIO');
      }
      c.is(c.lseek(fd, 0, SEEK_CUR), 3);
      c.is(c.lseek(fd, 0, SEEK_HOLE), 10);
      c.is(c.lseek(fd, 0, SEEK_CUR), 10);
    },
  },
  {
    name: 'ENXIO before the start',
    given: { f: file('0123456789') },
    unless: { btrfs: 'takes what is before the start for the start' },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      for (const whence of [SEEK_DATA, SEEK_HOLE]) c.is(c.lseek(fd, -1, whence), 'ENXIO');
    },
  },
  {
    name: 'SEEK_DATA and SEEK_HOLE on a write-only descriptor',
    given: { f: file('0123456789') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_WRONLY));
      c.is(c.lseek(fd, 0, SEEK_DATA), 0);
      c.is(c.lseek(fd, 0, SEEK_HOLE), 10);
    },
  },
  {
    name: 'what a shared mapping has written is data once it is synced',
    given: { f: file('', { size: MIB }) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const map = c.ok(c.mmap(MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd)) as number;
      c.poke(map + 512 * K, 'x');
      c.is(c.msync(map, MIB, MS_SYNC), 0);
      c.is(c.lseek(fd, 512 * K, SEEK_DATA), 512 * K);
      c.munmap(map, MIB);
    },
  },
  {
    name: 'a directory: back to its start, and what is no position',
    given: { d: dir(), 'd/a': file() },
    run: (c) => {
      const fd = c.ok(c.open('d', O_RDONLY | O_DIRECTORY));
      c.is(c.lseek(fd, 0), 0);
      c.is(c.lseek(fd, 0, 99), 'EINVAL');
      c.is(c.lseek(fd, -1), 'EINVAL');
    },
  },
]);
