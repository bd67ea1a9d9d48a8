// truncate(2) and ftruncate(2): shorter, longer, the same, and what may not be.

import {
  O_DIRECTORY,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
} from '../../../src/sys/constants.ts';
import { type Case, cases, dir, fifo, file, symlink } from '../case.ts';
import { ALICE, type Context } from '../context.ts';
import { MIB, pattern, sameContent, sameRead } from '../data.ts';

type Cut = (c: Context, path: string, size: number | bigint) => number;

const WAYS: Record<string, Cut> = {
  truncate: (c, path, size) => c.truncate(path, size),
  ftruncate: (c, path, size) => {
    const fd = c.ok(c.open(path, O_RDWR));
    const result = c.ftruncate(fd, size);
    c.is(c.close(fd), 0);
    return result;
  },
};

const both = Object.entries(WAYS).flatMap(([way, cut]): Case[] => [
  ...[0, 1, 4095, 4096, 4097, 131_072, MIB, MIB + 1].map(
    (size): Case => ({
      name: `${way} to ${size} bytes: what stays is unchanged, and so is what was cut off when it grows again`,
      given: { f: file(pattern(MIB + 5000, 4)) },
      run: (c) => {
        c.is(cut(c, 'f', size), 0);
        c.is(c.facts('f').size, size);
        sameContent(c, 'f', pattern(MIB + 5000, 4).slice(0, size));
        c.is(cut(c, 'f', MIB + 9000), 0);
        sameContent(
          c,
          'f',
          pattern(MIB + 5000, 4)
            .slice(0, size)
            .padEnd(MIB + 9000, '\0'),
        );
      },
    }),
  ),
  ...[1, 4096, 5000, MIB].map(
    (size): Case => ({
      name: `${way} makes an empty file ${size} bytes long, all zeros`,
      given: { f: file('') },
      run: (c) => {
        c.is(cut(c, 'f', size), 0);
        sameContent(c, 'f', '\0'.repeat(size));
      },
    }),
  ),
  {
    name: `${way} sets mtime and ctime when the size changes`,
    given: { f: file('content') },
    run: (c) => {
      c.changes('f', ['mtime', 'ctime'], () => c.is(cut(c, 'f', 3), 0));
      c.changes('f', ['mtime', 'ctime'], () => c.is(cut(c, 'f', 30), 0));
      c.changes('f', ['mtime', 'ctime'], () => c.is(cut(c, 'f', 0), 0));
    },
  },
  {
    name: `${way} to the same size: the times as the layer has it`,
    given: { f: file('content'), empty: file('') },
    run: (c) => {
      for (const [path, size] of [
        ['f', 7],
        ['empty', 0],
      ] as const) {
        const before = c.facts(path);
        c.is(cut(c, path, size), 0);
        c.asPlain(c.facts(path).mtime === before.mtime);
        c.asPlain(c.facts(path).size);
      }
      c.is(c.text('f'), 'content');
    },
  },
  {
    name: `${way}: EINVAL for a negative size, what no file can be is the layer's`,
    given: { f: file('content') },
    run: (c) => {
      c.is(cut(c, 'f', -1), 'EINVAL');
      c.is(cut(c, 'f', -(1n << 63n)), 'EINVAL');
      for (const size of [(1n << 63n) - 1n, 1n << 62n, 1n << 50n, 1n << 44n]) {
        const answer = cut(c, 'f', size);
        c.asPlain(answer);
        c.is(c.facts('f').size, answer === 0 ? Number(size) : 7);
        c.is(cut(c, 'f', 7), 0);
      }
      c.is(c.text('f'), 'content');
    },
  },
  {
    name: `${way} past 4 GiB takes no room`,
    given: { f: file('content') },
    run: (c) => {
      c.is(cut(c, 'f', (1n << 32n) + 5n), 0);
      c.is(c.facts('f').size, 2 ** 32 + 5);
      c.is(c.facts('f').blocks < 4096, true);
      const fd = c.ok(c.open('f', O_RDONLY));
      c.is(c.pread(fd, 10, 1n << 32n), '\0\0\0\0\0');
      c.is(cut(c, 'f', 4), 0);
      c.is(c.text('f'), 'cont');
    },
  },
  {
    name: `${way} is seen by who has it open, and reads past the new end are empty`,
    given: { f: file(pattern(10_000, 5)) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      const other = c.ok(c.other().open('f', O_RDONLY));
      c.is(c.pread(fd, 2, 5000), pattern(10_000, 5).slice(5000, 5002));
      c.is(c.other().pread(other, 1, 9999), pattern(10_000, 5).slice(9999));
      c.is(cut(c, 'f', 4000), 0);
      c.is(c.pread(fd, 2, 5000), '');
      c.is(c.other().pread(other, 1, 9999), '');
      c.is(c.ffacts(fd).size, 4000);
      c.is(cut(c, 'f', 6000), 0);
      c.is(c.pread(fd, 5, 4000), '\0\0\0\0\0');
      sameRead(c, fd, pattern(10_000, 5).slice(0, 4000).padEnd(6000, '\0'));
    },
  },
]);

export default cases('size', [
  ...both,
  {
    name: 'truncate: EISDIR for a directory, ENOENT, ENOTDIR, ELOOP, EINVAL for a FIFO',
    given: { d: dir(), p: fifo(), f: file(), loop: symlink('loop') },
    run: (c) => {
      c.is(c.truncate('d', 0), 'EISDIR');
      c.is(c.truncate('none', 0), 'ENOENT');
      c.is(c.truncate('', 0), 'ENOENT');
      c.is(c.truncate('f/x', 0), 'ENOTDIR');
      c.is(c.truncate('loop', 0), 'ELOOP');
      c.is(c.truncate('p', 0), 'EINVAL');
      c.is(c.truncate('d', -1), 'EINVAL');
    },
  },
  {
    name: 'ftruncate: EBADF or EINVAL through what cannot write',
    given: { d: dir(), p: fifo(), f: file('content') },
    run: (c) => {
      c.is(c.ftruncate(c.ok(c.open('f', O_RDONLY)), 0), 'EINVAL');
      c.is(c.ftruncate(c.ok(c.open('f', O_PATH)), 0), 'EBADF');
      c.is(c.ftruncate(c.ok(c.open('d', O_RDONLY | O_DIRECTORY)), 0), 'EINVAL');
      c.is(c.ftruncate(c.ok(c.open('p', O_RDWR | O_NONBLOCK)), 0), 'EINVAL');
      c.is(c.ftruncate(1 << 19, 0), 'EBADF');
      c.is(c.text('f'), 'content');
    },
  },
  {
    name: 'truncate follows a symlink',
    given: { f: file('content'), l: symlink('f') },
    run: (c) => {
      c.is(c.truncate('l', 2), 0);
      c.is(c.text('f'), 'co');
      c.is(c.readlink('l'), 'f');
    },
  },
  {
    name: 'truncate: EACCES for who may not write, and nothing changes',
    root: true,
    given: {
      f: file('content', { mode: 0o644 }),
      closed: dir({ mode: 0o700 }),
      'closed/g': file('g', { mode: 0o666 }),
    },
    run: (c) => {
      c.changes('f', [], () => c.as(ALICE, () => c.is(c.truncate('f', 0), 'EACCES')));
      c.as(ALICE, () => c.is(c.truncate('closed/g', 0), 'EACCES'));
      c.is(c.text('f'), 'content');
    },
  },
  {
    name: 'ftruncate needs no permission but that of the descriptor',
    root: true,
    given: { f: file('content', { uid: ALICE.uid, mode: 0o600 }) },
    run: (c) => {
      c.as(ALICE, () => {
        const fd = c.ok(c.open('f', O_WRONLY));
        c.is(c.fchmod(fd, 0), 0);
        c.is(c.ftruncate(fd, 3), 0);
        c.is(c.truncate('f', 1), 'EACCES');
      });
      c.is(c.text('f'), 'con');
    },
  },
  {
    name: 'O_TRUNC empties the file and sets the times, also of an empty one',
    given: { f: file('content'), empty: file('') },
    run: (c) => {
      c.changes('f', ['mtime', 'ctime'], () => c.ok(c.open('f', O_WRONLY | O_TRUNC)));
      c.is(c.text('f'), '');
      c.changes('empty', ['mtime', 'ctime'], () => c.ok(c.open('empty', O_RDWR | O_TRUNC)));
    },
  },
  {
    name: 'O_RDONLY with O_TRUNC empties it too, and the descriptor only reads',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY | O_TRUNC));
      c.is(c.facts('f').size, 0);
      c.is(c.read(fd, 10), '');
      c.is(c.write(fd, 'x'), 'EBADF');
      c.put('f', 'anew');
      c.is(c.pread(fd, 10, 0), 'anew');
    },
  },
  {
    name: 'O_TRUNC: EACCES without permission to write, whatever the mode of opening',
    root: true,
    given: { f: file('content', { mode: 0o644 }) },
    run: (c) => {
      c.as(ALICE, () => {
        c.is(c.open('f', O_RDONLY | O_TRUNC), 'EACCES');
        c.is(c.open('f', O_WRONLY | O_TRUNC), 'EACCES');
      });
      c.is(c.text('f'), 'content');
    },
  },
  {
    name: 'O_TRUNC is seen by who has it open',
    given: { f: file(pattern(9000, 6)) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const reading = c.ok(c.other().open('f', O_RDONLY));
      c.is(c.other().pread(reading, 1, 8999), pattern(9000, 6).slice(8999));
      c.ok(c.open('f', O_WRONLY | O_TRUNC));
      c.is(c.other().pread(reading, 10, 0), '');
      c.is(c.ffacts(fd).size, 0);
      c.is(c.pwrite(fd, 'x', 3), 1);
      c.is(c.other().pread(reading, 10, 0), '\0\0\0x');
    },
  },
  {
    name: 'cut within a page, then written behind: zeros between',
    given: { f: file(pattern(5000, 8)) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      c.is(c.ftruncate(fd, 4100), 0);
      c.is(c.pwrite(fd, 'Z', 4200), 1);
      sameRead(c, fd, `${pattern(5000, 8).slice(0, 4100)}${'\0'.repeat(100)}Z`);
    },
  },
]);
