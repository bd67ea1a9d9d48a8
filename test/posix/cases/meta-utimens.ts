// utimensat(2), futimens(3) and utimes(2): which times, how exactly, who may; what reading and writing do to them.

import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
} from '../../../src/sys/constants.ts';
import { type Case, cases, dir, fifo, file, hardlink, socket, symlink, type Thing } from '../case.ts';
import { ALICE, BOB, type Context } from '../context.ts';

const SECOND = 1_000_000_000n;
const A = 1_234_567_890n * SECOND + 123_456_789n;
const M = 1_345_678_901n * SECOND + 987_654_321n;

const mine = { uid: ALICE.uid, gid: ALICE.gid };
const NOW_AND_OTHER = ['now', 'omit'] as const;

const bothTimes = (kind: string, thing: Thing): Case => ({
  name: `both, one, none: of a ${kind}`,
  given: { x: thing },
  run: (c) => {
    const set = (atime: bigint | 'omit', mtime: bigint | 'omit') =>
      c.is(c.utimens('x', atime, mtime, AT_SYMLINK_NOFOLLOW), 0);
    const times = () => `${c.facts('x').atime} ${c.facts('x').mtime}`;
    c.changes('x', ['ctime'], () => {
      set(A, 'omit');
    });
    set('omit', M);
    c.is(times(), `${A} ${M}`);
    set(M, A);
    c.is(times(), `${M} ${A}`);
    set(5n, 'omit');
    c.is(times(), `5 ${A}`);
    set('omit', 7n * SECOND);
    c.is(times(), `5 ${7n * SECOND}`);
    const { ctime } = c.facts('x');
    set('omit', 'omit');
    c.is(times(), `5 ${7n * SECOND}`);
    c.is(c.facts('x').ctime, ctime, 'no time was set: nothing has changed');
  },
});

/** At and past what file systems can store: the answer, and what is shown, is the layer's own. */
const far = (what: string, seconds: bigint, nanoseconds = 0n): Case => ({
  name: `far away: ${what}`,
  given: { f: file(''), d: dir() },
  run: (c) => {
    const time = seconds * SECOND + nanoseconds;
    for (const name of ['f', 'd']) {
      c.asPlain(c.utimens(name, time, time), name);
      c.asPlain(c.facts(name).atime, `atime of ${name}`);
      c.asPlain(c.facts(name).mtime, `mtime of ${name}`);
    }
  },
});

const refused = (
  c: Context,
  name: string,
  expected: string,
  times: readonly [bigint | 'now' | 'omit', bigint | 'now' | 'omit'],
) =>
  c.changes(name, [], () =>
    c.is(
      c.as(BOB, () => c.utimens(name, ...times)),
      expected,
      `${times}`,
    ),
  );

export default cases('utimens', [
  bothTimes('file', file('content')),
  bothTimes('directory', dir()),
  bothTimes('symlink', symlink('nowhere')),
  bothTimes('FIFO', fifo()),
  bothTimes('socket', socket()),
  far('1969', -1n, 5n),
  far('1902', -(2n ** 31n)),
  far('1901', -(2n ** 31n) - 2n, 3n),
  far('2038', 2n ** 31n - 1n, 999_999_999n),
  far('2038, one later', 2n ** 31n, 1n),
  far('2106', 2n ** 32n - 1n),
  far('2106, one later', 2n ** 32n, 1n),
  far('2446', 2n ** 34n - 2n ** 31n - 1n, 999_999_999n),
  far('2446, one later', 2n ** 34n - 2n ** 31n),
  far('2486', 2n ** 34n),
  far('as far as years go', 2n ** 40n),
  far('as long ago', -(2n ** 40n)),
  far('the largest number of seconds', 2n ** 63n - 1n),
  far('the smallest', -(2n ** 63n)),
  {
    name: 'every nanosecond counts',
    given: { f: file('') },
    run: (c) => {
      for (const nanoseconds of [0n, 1n, 999n, 1000n, 123_456_789n, 999_999_998n, 999_999_999n]) {
        c.is(c.utimens('f', A - (A % SECOND) + nanoseconds, nanoseconds), 0);
        c.is(c.facts('f').atime % SECOND, nanoseconds);
        c.is(c.facts('f').mtime, nanoseconds);
      }
    },
  },
  {
    name: 'now: of both, of one',
    given: { f: file('x'), d: dir(), l: symlink('f') },
    run: (c) => {
      for (const name of ['f', 'd', 'l']) {
        c.changes(name, ['atime', 'mtime', 'ctime'], () =>
          c.is(c.utimens(name, 'now', 'now', AT_SYMLINK_NOFOLLOW), 0),
        );
        c.is(c.facts(name).atime, c.facts(name).mtime);
        c.changes(name, ['mtime', 'ctime'], () =>
          c.is(c.utimens(name, 'omit', 'now', AT_SYMLINK_NOFOLLOW), 0),
        );
        c.is(c.utimens(name, 'now', M, AT_SYMLINK_NOFOLLOW), 0);
        c.is(c.facts(name).mtime, M);
        c.changes(name, ['atime', 'ctime'], () =>
          c.is(c.utimens(name, ...NOW_AND_OTHER, AT_SYMLINK_NOFOLLOW), 0),
        );
      }
      c.changes('f', ['atime', 'mtime', 'ctime'], () => c.is(c.touch('f'), 0));
    },
  },
  {
    name: 'follows a symlink, or not',
    given: { f: file(''), l: symlink('f') },
    run: (c) => {
      c.is(c.utimens('l', A, M), 0);
      c.is(c.facts('f').mtime, M);
      c.is(c.utimens('l', M, A, AT_SYMLINK_NOFOLLOW), 0);
      c.is(c.facts('f').mtime, M);
      c.is(c.facts('l').mtime, A);
      c.is(c.facts('l').atime, M);
      c.is(c.readlink('l'), 'f');
    },
  },
  {
    name: 'all names of a file show it',
    given: { f: file(''), 'd/g': hardlink('f') },
    run: (c) => {
      c.is(c.utimens('d/g', A, M), 0);
      c.is(c.facts('f').mtime, M);
    },
  },
  {
    name: 'ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, EINVAL',
    given: { f: file(''), dangling: symlink('nowhere'), loop: symlink('loop') },
    run: (c) => {
      c.is(c.utimens('missing', A, M), 'ENOENT');
      c.is(c.utimens('dangling', A, M), 'ENOENT');
      c.is(c.utimens('dangling', A, M, AT_SYMLINK_NOFOLLOW), 0);
      c.is(c.utimens('f/x', A, M), 'ENOTDIR');
      c.is(c.utimens('loop', A, M), 'ELOOP');
      c.is(c.utimens('n'.repeat(256), A, M), 'ENAMETOOLONG');
      c.is(c.utimens('f', A, M, 0x8000), 'EINVAL');
    },
  },
  {
    name: 'the owner sets any time, also of what he may not write',
    root: true,
    given: { f: file('', { ...mine, mode: 0o400 }), d: dir({ ...mine, mode: 0o500 }), l: symlink('f', mine) },
    run: (c) =>
      c.as(ALICE, () => {
        for (const name of ['f', 'd', 'l']) {
          c.is(c.utimens(name, A, M, AT_SYMLINK_NOFOLLOW), 0);
          c.is(c.utimens(name, 'now', 'omit', AT_SYMLINK_NOFOLLOW), 0);
          c.is(c.utimens(name, 'now', 'now', AT_SYMLINK_NOFOLLOW), 0);
        }
      }),
  },
  {
    name: 'who may write sets both to now, and nothing else',
    root: true,
    given: { f: file('', { mode: 0o666 }), d: dir({ mode: 0o777 }) },
    run: (c) => {
      for (const name of ['f', 'd']) {
        c.changes(name, ['atime', 'mtime', 'ctime'], () => {
          c.is(
            c.as(BOB, () => c.utimens(name, 'now', 'now')),
            0,
          );
        });
        c.is(
          c.as(BOB, () => c.touch(name)),
          0,
        );
        refused(c, name, 'EPERM', [A, M]);
        refused(c, name, 'EPERM', ['now', 'omit']);
        refused(c, name, 'EPERM', ['omit', 'now']);
        refused(c, name, 'EPERM', ['now', M]);
        c.is(
          c.as(BOB, () => c.utimens(name, 'omit', 'omit')),
          0,
        );
      }
    },
  },
  {
    name: 'who may not write sets nothing',
    root: true,
    given: { f: file('', { mode: 0o644 }), d: dir(), p: fifo() },
    run: (c) => {
      for (const name of ['f', 'd', 'p']) {
        refused(c, name, 'EACCES', ['now', 'now']);
        refused(c, name, 'EPERM', [A, M]);
        refused(c, name, 'EPERM', ['omit', M]);
        c.is(
          c.as(BOB, () => c.utimens(name, 'omit', 'omit')),
          0,
          'nothing is asked for',
        );
      }
    },
  },
  {
    name: 'futimens: by a descriptor for reading, for writing, of a directory',
    given: { f: file('content'), d: dir() },
    run: (c) => {
      for (const [name, flags] of [
        ['f', O_RDONLY],
        ['d', O_RDONLY],
        ['f', O_WRONLY],
      ] as const) {
        const fd = c.ok(c.open(name, flags));
        c.is(c.futimens(fd, A, M), 0);
        c.is(c.facts(name).mtime, M);
        c.is(c.facts(name).atime, A);
        c.is(c.futimens(fd, 'omit', A), 0);
        c.is(c.ffacts(fd).mtime, A);
        c.is(c.ffacts(fd).atime, A);
      }
      c.is(c.futimens(c.ok(c.open('f', O_PATH)), A, M), 'EBADF');
    },
  },
  {
    name: 'futimens after writing: what was set stays after close',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      c.is(c.write(fd, 'more'), 4);
      c.is(c.futimens(fd, A, M), 0);
      c.is(c.close(fd), 0);
      c.is(c.facts('f').mtime, M);
      c.is(c.facts('f').atime, A);
      c.is(c.text('f'), 'moreent');
    },
  },
  {
    name: 'of a removed and of a replaced file',
    given: { f: file('a'), g: file('b'), d: dir() },
    run: (c) => {
      const f = c.ok(c.open('f', O_RDONLY));
      const g = c.ok(c.open('g', O_RDONLY));
      const d = c.ok(c.open('d', O_RDONLY));
      c.is(c.rename('f', 'g'), 0);
      c.is(c.rmdir('d'), 0);
      for (const fd of [g, d]) {
        c.is(c.futimens(fd, A, M), 0);
        c.is(c.ffacts(fd).mtime, M);
        c.is(c.ffacts(fd).atime, A);
      }
      c.is(c.futimens(f, M, A), 0);
      c.is(c.facts('g').mtime, A);
    },
  },
  {
    name: 'writing, truncating and allocating set mtime and ctime',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      c.changes('f', ['mtime', 'ctime'], () => c.is(c.write(fd, 'x'), 1));
      c.changes('f', ['mtime', 'ctime'], () => c.is(c.ftruncate(fd, 3), 0));
      c.changes('f', ['mtime', 'ctime'], () => c.is(c.ftruncate(fd, 3), 0));
      c.changes('f', ['mtime', 'ctime'], () => c.is(c.truncate('f', 2), 0));
      c.changes('f', ['mtime', 'ctime'], () => c.is(c.fallocate(fd, 0, 0, 8192), 0));
      c.changes('f', ['mtime', 'ctime'], () => c.ok(c.open('f', O_WRONLY | 0o1000)));
    },
  },
  {
    name: 'opening for writing without writing sets no time, nor does a write of nothing',
    deviates: {
      passthrough: {
        sees: 'ctime of f: expected unchanged',
        why: 'the ctime of a copy is new, and here the kernel asks for it when the file is closed',
      },
    },
    given: { f: file('content') },
    run: (c) => {
      c.changes('f', [], () => c.is(c.close(c.ok(c.open('f', O_RDWR))), 0));
      const fd = c.ok(c.open('f', O_WRONLY));
      c.changes('f', [], () => c.is(c.write(fd, ''), 0));
    },
  },
  {
    name: 'truncate to the same size',
    given: { f: file('content') },
    run: (c) => {
      const { mtime } = c.facts('f');
      c.is(c.truncate('f', 7), 0);
      c.asPlain(c.facts('f').mtime === mtime);
    },
  },
  {
    name: 'making and removing a name sets mtime and ctime of the directory',
    given: { d: dir(), 'd/old': file(''), 'd/sub': dir() },
    run: (c) => {
      const both = ['mtime', 'ctime'] as const;
      c.changes('d', both, () => c.put('d/f', ''));
      c.changes('d', both, () => c.is(c.mkdir('d/d'), 0));
      c.changes('d', both, () => c.is(c.symlink('x', 'd/l'), 0));
      c.changes('d', both, () => c.is(c.link('d/f', 'd/g'), 0));
      c.changes('d', both, () => c.is(c.rename('d/g', 'd/h'), 0));
      c.changes('d', both, () => c.is(c.unlink('d/old'), 0));
      c.changes('d', both, () => c.is(c.rmdir('d/sub'), 0));
      c.changes('d', [], () => c.is(c.mkdir('d/d'), 'EEXIST'));
      c.changes('d', [], () => c.is(c.unlink('d/missing'), 'ENOENT'));
    },
  },
  {
    name: 'a new object has the present in all times',
    given: { d: dir() },
    run: (c) => {
      c.put('d/f', '');
      c.is(c.mkdir('d/d'), 0);
      c.is(c.symlink('x', 'd/l'), 0);
      const { mtime } = c.facts('d');
      for (const name of ['d/f', 'd/d', 'd/l']) {
        const { atime, mtime: own, ctime } = c.facts(name);
        for (const time of [atime, own, ctime])
          c.is(time <= mtime && mtime - time < 10n * SECOND, true, name);
      }
    },
  },
  {
    name: 'a symlink by a descriptor of it',
    given: { l: symlink('nowhere') },
    run: (c) => {
      const fd = c.ok(c.open('l', O_PATH | 0o400000));
      c.asPlain(c.utimensat(fd, '', A, M, AT_EMPTY_PATH));
      c.asPlain(c.facts('l').mtime);
    },
  },
]);
