// rename(2) of files and other things that are no directories, and RENAME_NOREPLACE.

import {
  AT_FDCWD,
  O_RDONLY,
  O_RDWR,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  RENAME_WHITEOUT,
} from '../../../src/sys/constants.ts';
import { cases, char, dir, fifo, file, hardlink, socket, symlink, type Thing } from '../case.ts';
import { ALICE, type Context } from '../context.ts';

const KINDS: Record<string, Thing> = {
  file: file('content', { mode: 0o640 }),
  symlink: symlink('nothing'),
  FIFO: fifo({ mode: 0o620 }),
  socket: socket({ mode: 0o604 }),
};

export default cases('rename', [
  ...Object.entries(KINDS).map(([what, thing]) => ({
    name: `a ${what} keeps all but its name`,
    given: { 'd/x': thing, e: dir() },
    run: (c: Context) => {
      const before = c.facts('d/x');
      c.is(c.rename('d/x', 'e/y'), 0);
      c.gone('d/x');
      const after = c.facts('e/y');
      for (const fact of ['type', 'mode', 'uid', 'gid', 'size', 'ino', 'nlink', 'mtime'] as const) {
        c.is(after[fact], before[fact], fact);
      }
      c.is(c.names('e'), 'y');
    },
  })),
  ...Object.entries(KINDS).flatMap(([what, thing]) =>
    Object.entries(KINDS).map(([old, target]) => ({
      name: `a ${what} takes the place of a ${old}`,
      given: { a: thing, 'd/b': target },
      run: (c: Context) => {
        const { ino, type } = c.facts('a');
        c.is(c.rename('a', 'd/b'), 0);
        c.gone('a');
        c.is(c.facts('d/b').ino, ino);
        c.is(c.facts('d/b').type, type);
        c.is(c.names('d'), 'b');
        c.is(c.unlink('d/b'), 0);
        c.gone('d/b');
      },
    })),
  ),
  {
    name: 'a device node keeps its number',
    root: true,
    given: { n: char(1, 3), d: dir() },
    run: (c) => {
      c.is(c.rename('n', 'd/m'), 0);
      c.is(c.facts('d/m').rdev, '1:3');
      c.gone('n');
    },
  },
  ...Object.entries(KINDS).flatMap(([what, thing]) => [
    {
      name: `EISDIR when a ${what} is to take the place of a directory`,
      given: { a: thing, d: dir(), 'e/f': file() },
      run: (c: Context) => {
        c.is(c.rename('a', 'd'), 'EISDIR');
        c.is(c.rename('a', 'e'), 'EISDIR');
        c.is(c.names(), 'a d e');
      },
    },
    {
      name: `ENOTDIR when a directory is to take the place of a ${what}`,
      given: { a: thing, d: dir(), 'e/f': file() },
      run: (c: Context) => {
        c.is(c.rename('d', 'a'), 'ENOTDIR');
        c.is(c.rename('e', 'a'), 'ENOTDIR');
        c.is(c.names(), 'a d e');
      },
    },
  ]),
  {
    name: 'the target goes: its other name has one link less',
    given: { a: file('new'), b: file('old'), 'd/c': hardlink('b') },
    run: (c) => {
      c.changes('d/c', ['ctime'], () => c.is(c.rename('a', 'b'), 0));
      c.is(c.facts('d/c').nlink, 1);
      c.is(c.text('d/c'), 'old');
      c.is(c.text('b'), 'new');
    },
  },
  {
    name: 'who has the target open goes on with it',
    given: { a: file('new'), b: file('old') },
    run: (c) => {
      const fd = c.ok(c.open('b', O_RDWR));
      const { ino } = c.ffacts(fd);
      c.is(c.rename('a', 'b'), 0);
      c.is(c.pread(fd, 9, 0), 'old');
      c.is(c.ffacts(fd).nlink, 0);
      c.is(c.ffacts(fd).ino, ino);
      c.is(c.pwrite(fd, 'OLD', 0), 3);
      c.is(c.text('b'), 'new');
    },
  },
  {
    name: 'who has the source open goes on with it under the new name',
    given: { a: file('content'), d: dir() },
    run: (c) => {
      const [r, w] = [c.ok(c.open('a', O_RDONLY)), c.ok(c.open('a', O_RDWR))];
      c.is(c.rename('a', 'd/b'), 0);
      c.is(c.pwrite(w, 'C', 0), 1);
      c.is(c.read(r, 9), 'Content');
      c.is(c.text('d/b'), 'Content');
      c.is(c.fchmod(r, 0o600), 0);
      c.is(c.facts('d/b').mode, 0o600);
      c.is(c.ffacts(r).ino, c.facts('d/b').ino);
    },
  },
  {
    name: 'the times of both directories change, and the ctime of the file',
    given: { 'd/a': file('a'), 'd/b': file('b'), 'd/c': file('c'), e: dir() },
    run: (c) => {
      for (const name of ['a', 'b', 'c']) {
        c.changes('d', ['mtime', 'ctime'], () => c.is(c.rename(`d/${name}`, `e/${name}`), 0));
        c.changes('e', ['mtime', 'ctime'], () => c.is(c.rename(`e/${name}`, `d/${name}`), 0));
        c.changes(`d/${name}`, ['ctime'], () => c.is(c.rename(`d/${name}`, `e/${name}`), 0), `e/${name}`);
      }
    },
  },
  {
    name: 'within a directory its times change',
    given: { 'd/a': file('a'), 'd/b': file('b'), 'd/c': file('c') },
    run: (c) => {
      for (const name of ['d/a', 'd/b', 'd/c']) {
        c.changes('d', ['mtime', 'ctime'], () => c.is(c.rename(name, `${name}2`), 0));
      }
      c.is(c.names('d'), 'a2 b2 c2');
    },
  },
  {
    name: 'to itself: nothing happens',
    given: { f: file('f'), d: dir() },
    run: (c) => {
      c.is(c.rename('f', 'f'), 0);
      c.is(c.rename('d', 'd'), 0);
      c.is(c.rename('f', './f'), 0);
      c.is(c.text('f'), 'f');
      c.is(c.names(), 'd f');
    },
  },
  {
    name: 'two names of one file: nothing happens, and both stay',
    given: { a: file('a'), 'd/b': hardlink('a') },
    run: (c) => {
      c.is(c.rename('a', 'd/b'), 0);
      c.is(c.rename('d/b', 'a'), 0);
      c.is(c.names(), 'a d');
      c.is(c.names('d'), 'b');
      c.is(c.facts('a').nlink, 2);
      c.is(c.facts('a').ino, c.facts('d/b').ino);
    },
  },
  {
    name: 'one of two names moves: it stays one file',
    given: { a: file('a'), b: hardlink('a'), d: dir() },
    run: (c) => {
      c.is(c.rename('a', 'd/c'), 0);
      c.is(c.facts('d/c').ino, c.facts('b').ino);
      c.is(c.facts('b').nlink, 2);
      c.put('b', 'changed');
      c.is(c.text('d/c'), 'changed');
    },
  },
  {
    name: 'a symlink itself is renamed, and replaced',
    given: { f: file('f'), l: symlink('f'), g: file('g') },
    run: (c) => {
      c.is(c.rename('l', 'm'), 0);
      c.is(c.readlink('m'), 'f');
      c.is(c.rename('g', 'm'), 0);
      c.is(c.facts('m').type, 'file');
      c.is(c.text('f'), 'f');
    },
  },
  {
    name: 'ENOTDIR with a slash behind a file or its new name',
    given: { f: file(), l: symlink('f') },
    run: (c) => {
      c.is(c.rename('f/', 'x'), 'ENOTDIR');
      c.is(c.rename('f', 'x/'), 'ENOTDIR');
      c.is(c.rename('l/', 'x'), 'ENOTDIR');
      c.is(c.names(), 'f l');
    },
  },
  {
    name: 'EBUSY for . and .. as either name',
    given: { 'd/e': dir(), f: file() },
    run: (c) => {
      for (const dots of ['.', '..', 'd/.', 'd/..', 'd/e/..']) {
        c.is(c.rename(dots, 'x'), 'EBUSY', dots);
        c.is(c.rename('d', dots), 'EBUSY', `to ${dots}`);
        c.is(c.rename('f', dots), ['EBUSY', 'EEXIST'], `file to ${dots}`);
      }
      c.is(c.names(), 'd f');
    },
  },
  {
    name: 'ENOENT when the source is not there, whatever the target',
    given: { f: file(), d: dir() },
    run: (c) => {
      for (const target of ['x', 'f', 'd']) c.is(c.rename('missing', target), 'ENOENT', target);
      c.is(c.names(), 'd f');
    },
  },
  {
    name: 'EXDEV to another file system',
    given: { f: file('f') },
    run: (c) => {
      c.is(c.rename('f', '/dev/migratefs-posix-suite'), 'EXDEV');
      c.is(c.text('f'), 'f');
    },
  },
  {
    name: 'EINVAL for unknown and contradictory flags',
    given: { a: file('a'), b: file('b') },
    run: (c) => {
      c.is(c.rename('a', 'b', 1 << 10), 'EINVAL');
      c.is(c.rename('a', 'b', RENAME_EXCHANGE | RENAME_NOREPLACE), 'EINVAL');
      c.is(c.rename('a', 'b', RENAME_EXCHANGE | RENAME_WHITEOUT), 'EINVAL');
      c.is(c.text('a') + c.text('b'), 'ab');
    },
  },
  {
    name: 'WHITEOUT leaves a device 0:0 behind',
    root: true,
    deviates: { mounted: { sees: 'got EINVAL', why: 'a merged tree has no whiteouts of its own to leave' } },
    given: { a: file('a') },
    run: (c) => {
      c.is(c.rename('a', 'b', RENAME_WHITEOUT), 0);
      c.is(c.facts('a').rdev, '0:0');
      c.is(c.text('b'), 'a');
    },
  },
  ...Object.entries({ ...KINDS, directory: dir() }).map(([what, thing]) => ({
    name: `NOREPLACE: EEXIST when a ${what} is there, and it stays`,
    given: { a: file('a'), d: dir(), x: thing },
    run: (c: Context) => {
      const { ino } = c.facts('x');
      c.is(c.rename('a', 'x', RENAME_NOREPLACE), 'EEXIST');
      c.is(c.rename('d', 'x', RENAME_NOREPLACE), 'EEXIST');
      c.is(c.facts('x').ino, ino);
      c.is(c.names(), 'a d x');
      c.is(c.rename('x', 'x', RENAME_NOREPLACE), 'EEXIST');
    },
  })),
  {
    name: 'NOREPLACE: to a free name, in the same directory and in another',
    given: { a: file('a'), b: file('b'), c: file('c'), d: dir() },
    run: (c) => {
      for (const name of ['a', 'b', 'c']) {
        const { ino } = c.facts(name);
        c.is(c.rename(name, `${name}2`, RENAME_NOREPLACE), 0);
        c.is(c.rename(`${name}2`, `d/${name}`, RENAME_NOREPLACE), 0);
        c.is(c.facts(`d/${name}`).ino, ino);
      }
      c.is(c.names(), 'd');
      c.is(c.names('d'), 'a b c');
    },
  },
  {
    name: 'EACCES without write permission for either directory',
    root: true,
    given: {
      'shut/a': file('', { uid: ALICE.uid }),
      open: dir({ mode: 0o777 }),
      'open/b': file('', { uid: ALICE.uid }),
    },
    run: (c) => {
      c.as(ALICE, () => {
        c.is(c.rename('shut/a', 'open/a'), 'EACCES');
        c.is(c.rename('open/b', 'shut/b'), 'EACCES');
        c.is(c.rename('shut/a', 'shut/c'), 'EACCES');
        c.is(c.rename('open/b', 'shut/a'), 'EACCES');
      });
      c.is(c.names('shut') + c.names('open'), 'ab');
    },
  },
  {
    name: "another's file, by who may write to the directories",
    root: true,
    given: {
      d: dir({ mode: 0o777 }),
      e: dir({ mode: 0o777 }),
      'd/a': file('a', { mode: 0 }),
      'e/b': file('b', { mode: 0 }),
    },
    run: (c) => {
      c.as(ALICE, () => c.is(c.rename('d/a', 'e/b'), 0));
      c.is(c.text('e/b'), 'a');
      c.is(c.facts('e/b').uid, 0);
    },
  },
  {
    name: 'relative to open directories',
    given: { 'd/a': file('a'), e: dir() },
    run: (c) => {
      const [d, e] = [c.ok(c.open('d', O_RDONLY)), c.ok(c.open('e', O_RDONLY))];
      c.is(c.renameat2(d, 'a', e, 'b'), 0);
      c.is(c.text('e/b'), 'a');
      c.is(c.renameat2(e, 'b', AT_FDCWD, 'c'), 0);
      c.is(c.text('c'), 'a');
    },
  },
  {
    name: 'another process sees it at once',
    given: { a: file('a') },
    run: (c) => {
      const fd = c.other().open('a', O_RDONLY);
      c.is(c.rename('a', 'b'), 0);
      c.is(c.other().read(fd, 10), 'a');
      c.is(c.other().open('a', O_RDONLY), 'ENOENT');
      c.ok(c.other().open('b', O_RDONLY));
    },
  },
  {
    name: 'there and back, many times',
    given: { a: file('a'), 'd/b': file('b'), 'e/c': file('c') },
    run: (c) => {
      for (let i = 0; i < 10; i++) {
        c.is(c.rename('a', 'd/a'), 0);
        c.is(c.rename('d/b', 'a'), 0);
        c.is(c.rename('e/c', 'd/b'), 0);
        c.is(c.rename('d/a', 'e/c'), 0);
      }
      c.is(c.text('a') + c.text('d/b') + c.text('e/c'), 'bca'); // ten turns of three: one
    },
  },
]);
