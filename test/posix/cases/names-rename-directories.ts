// rename(2) of directories, and RENAME_EXCHANGE.

import { O_DIRECTORY, O_RDONLY, RENAME_EXCHANGE, RENAME_NOREPLACE } from '../../../src/sys/constants.ts';
import { type Case, cases, dir, fifo, file, hardlink, symlink } from '../case.ts';
import { ALICE, type Context } from '../context.ts';

const renames: Case[] = [
  {
    name: 'goes with everything in it',
    given: { 'd/a': file('a'), 'd/b': file('b'), 'd/e/f': file('f'), 'd/l': symlink('a'), 'd/p': fifo() },
    run: (c) => {
      const inodes = c.entries('d').map(({ ino }) => ino);
      const { ino } = c.facts('d');
      c.is(c.rename('d', 'new'), 0);
      c.gone('d');
      c.is(c.names('new'), 'a b e l p');
      c.is(
        c
          .entries('new')
          .map((each) => each.ino)
          .join(),
        inodes.join(),
      );
      c.is(c.facts('new').ino, ino);
      c.is(c.text('new/a') + c.text('new/b') + c.text('new/e/f'), 'abf');
      c.is(c.open('d/a', O_RDONLY), 'ENOENT');
    },
  },
  {
    name: 'into another directory: .. leads there, and both count it',
    given: { 'd/a': file('a'), 'd/b': file('b'), e: dir(), 'e/x': file() },
    run: (c) => {
      c.is(c.rename('d', 'e/d'), 0);
      c.is(c.names('e/d/..'), 'd x');
      c.is((c.stat('e/d/..') as { ino: string }).ino, c.facts('e').ino);
      c.is(c.rename('e/d', 'd2'), 0);
      c.is(c.names('d2/..'), 'd2 e');
      c.is(c.text('d2/a') + c.text('d2/b'), 'ab');
    },
  },
  {
    name: 'the times of both directories above change, and its own mtime does not',
    given: { 'd/sub/a': file(), 'd/sub/b': file(), e: dir() },
    run: (c) => {
      const { mtime } = c.facts('d/sub');
      c.changes('d', ['mtime', 'ctime'], () => c.is(c.rename('d/sub', 'e/sub'), 0));
      c.changes('e', ['mtime', 'ctime'], () => c.is(c.rename('e/sub', 'd/sub'), 0));
      c.is(c.facts('d/sub').mtime, mtime);
    },
  },
  {
    name: 'takes the place of an empty one',
    given: { 'd/a': file('a'), 'd/b': file('b'), e: dir({ mode: 0o700 }) },
    run: (c) => {
      const { ino } = c.facts('d');
      c.is(c.rename('d', 'e'), 0);
      c.gone('d');
      c.is(c.facts('e').ino, ino);
      c.is(c.facts('e').mode, 0o755);
      c.is(c.names('e'), 'a b');
    },
  },
  {
    name: 'takes the place of one that has been emptied',
    given: { 'd/a': file('a'), 'e/x': file('x'), 'e/y': file('y'), 'e/z/w': file('w') },
    run: (c) => {
      for (const name of ['e/x', 'e/y', 'e/z/w']) {
        c.is(c.rename('d', 'e'), ['ENOTEMPTY', 'EEXIST']);
        c.is(c.unlink(name), 0);
      }
      c.is(c.rmdir('e/z'), 0);
      c.is(c.rename('d', 'e'), 0);
      c.is(c.names('e'), 'a');
      c.is(c.names(), 'e');
    },
  },
  ...Object.entries({ file: file(), directory: dir(), symlink: symlink('x'), FIFO: fifo() }).map(
    ([what, thing]) => ({
      name: `ENOTEMPTY when a ${what} is in the target`,
      given: { d: dir(), 'e/x': thing },
      run: (c: Context) => {
        c.is(c.rename('d', 'e'), ['ENOTEMPTY', 'EEXIST']);
        c.is(c.names(), 'd e');
        c.is(c.names('e'), 'x');
      },
    }),
  ),
  {
    name: 'ENOTEMPTY when it is to take the place of the one that it is in',
    given: { 'd/e/f': file() },
    run: (c) => {
      c.is(c.rename('d/e', 'd'), ['ENOTEMPTY', 'EEXIST']);
      c.is(c.names('d/e'), 'f');
    },
  },
  {
    name: 'EINVAL into itself',
    given: { 'd/e/f': dir(), 'd/x': file() },
    run: (c) => {
      for (const target of ['d/new', 'd/e', 'd/e/f', 'd/e/f/new'])
        c.is(c.rename('d', target), 'EINVAL', target);
      c.is(c.names('d'), 'e x');
      c.is(c.names('d/e/f'), '');
    },
  },
  {
    name: 'slashes behind either name are allowed',
    given: { 'd/a': file('a'), e: dir() },
    run: (c) => {
      c.is(c.rename('d/', 'new/'), 0);
      c.is(c.rename('new//', 'e//'), 0);
      c.is(c.names('e'), 'a');
    },
  },
  {
    name: 'a symlink to a directory with a slash behind it',
    given: { 'd/a': file('a'), l: symlink('d') },
    run: (c) => {
      c.is(c.rename('l/', 'x'), 'ENOTDIR');
      c.is(c.rename('d', 'l'), 'ENOTDIR');
      c.asPlain(c.rename('d', 'l/'));
      c.is(c.names(), 'd l');
    },
  },
  {
    name: 'who has it open, or works in it, goes with it',
    given: { 'd/e/a': file('a'), 'd/e/b': file('b'), x: dir() },
    run: (c) => {
      const fd = c.ok(c.open('d/e', O_RDONLY | O_DIRECTORY));
      const top = c.path();
      c.is(c.chdir('d/e'), 0);
      c.is(c.rename(`${top}/d`, `${top}/x/d`), 0);
      c.is(c.getcwd(), `${top}/x/d/e`);
      c.put('new', 'made here');
      c.is(c.text(`${top}/x/d/e/new`), 'made here');
      c.ok(c.openat(fd, 'a', O_RDONLY));
      c.is(c.mkdirat(fd, 'f'), 0);
      c.is(c.chdir(top), 0);
      c.is(c.names('x/d/e'), 'a b f new');
    },
  },
  {
    name: 'an open file in it goes on',
    given: { 'd/a': file('a') },
    run: (c) => {
      const fd = c.ok(c.open('d/a', 2));
      c.is(c.rename('d', 'e'), 0);
      c.is(c.write(fd, 'A'), 1);
      c.is(c.text('e/a'), 'A');
      c.is(c.ffacts(fd).ino, c.facts('e/a').ino);
    },
  },
  {
    name: 'a new directory of the old name has nothing in it',
    given: { 'd/a': file('a'), 'd/b': file('b'), 'd/e/c': file('c') },
    run: (c) => {
      c.is(c.rename('d', 'x'), 0);
      c.is(c.mkdir('d'), 0);
      c.is(c.names('d'), '');
      c.put('d/a', 'another');
      c.is(c.text('x/a') + c.text('d/a'), 'aanother');
      c.is(c.unlink('d/a'), 0);
      c.is(c.rmdir('d'), 0);
      c.is(c.names('x'), 'a b e');
    },
  },
  {
    name: 'moved together: files go into a directory that was itself moved',
    given: { 'a/f': file('f'), 'b/g': file('g'), h: file('h') },
    run: (c) => {
      c.is(c.rename('b', 'a/b'), 0);
      c.is(c.rename('h', 'a/b/h'), 0);
      c.is(c.rename('a', 'z'), 0);
      c.is(c.names('z/b'), 'g h');
      c.is(c.text('z/f') + c.text('z/b/g') + c.text('z/b/h'), 'fgh');
      c.is(c.names(), 'z');
    },
  },
  {
    name: 'EACCES into another directory without write permission for it itself, whose .. changes',
    root: true,
    given: {
      d: dir({ mode: 0o777 }),
      'd/shut': dir({ mode: 0o555, uid: ALICE.uid }),
      'd/his': dir({ mode: 0o755 }),
      e: dir({ mode: 0o777 }),
    },
    run: (c) => {
      c.as(ALICE, () => {
        c.is(c.rename('d/shut', 'e/shut'), 'EACCES');
        c.is(c.rename('d/his', 'e/his'), 'EACCES');
        c.is(c.rename('d/his', 'd/ours'), 0, 'within the directory');
        c.is(c.rename('d/shut', 'd/open'), 0, 'within the directory');
      });
      c.is(c.names('d'), 'open ours');
    },
  },
  {
    name: 'NOREPLACE: EEXIST even for an empty one',
    given: { 'd/a': file(), e: dir() },
    run: (c) => {
      c.is(c.rename('d', 'e', RENAME_NOREPLACE), 'EEXIST');
      c.is(c.rename('d', 'f', RENAME_NOREPLACE), 0);
      c.is(c.names('f'), 'a');
    },
  },
];

const THINGS = {
  file: file('one'),
  symlink: symlink('where'),
  FIFO: fifo(),
  'empty directory': dir(),
};

const exchanges: Case[] = [
  ...Object.entries(THINGS).flatMap(([a, one]) =>
    Object.entries({ ...THINGS, file: file('two') }).map(([b, two]) => ({
      name: `a ${a} and a ${b}`,
      given: { 'd/x': one, y: two },
      run: (c: Context) => {
        const [x, y] = [c.facts('d/x'), c.facts('y')];
        c.is(c.rename('d/x', 'y', RENAME_EXCHANGE), 0);
        for (const fact of ['ino', 'type', 'mode', 'uid', 'gid'] as const) {
          c.is(c.facts('d/x')[fact], y[fact], fact);
          c.is(c.facts('y')[fact], x[fact], fact);
        }
        c.is(c.names(), 'd y');
        c.is(c.names('d'), 'x');
      },
    })),
  ),
  {
    name: 'two directories with what is in them',
    given: { 'd/a': file('a'), 'd/b': file('b'), 'e/c': file('c'), 'e/f/g': file('g'), 'e/h': file('h') },
    run: (c) => {
      c.is(c.rename('d', 'e/f', RENAME_EXCHANGE), 0);
      c.is(c.names('d'), 'g');
      c.is(c.names('e/f'), 'a b');
      c.is(c.text('d/g') + c.text('e/f/a') + c.text('e/f/b'), 'gab');
      c.is(c.rename('d', 'e', RENAME_EXCHANGE), 0);
      c.is(c.names('d'), 'c f h');
      c.is(c.names('e'), 'g');
      c.is(c.text('d/f/b'), 'b');
    },
  },
  {
    name: 'a file and a directory that has something in it',
    given: { f: file('f'), 'd/a': file('a'), 'd/b': file('b') },
    run: (c) => {
      c.is(c.rename('f', 'd', RENAME_EXCHANGE), 0);
      c.is(c.text('d'), 'f');
      c.is(c.names('f'), 'a b');
      c.is(c.rename('f', 'd', RENAME_EXCHANGE), 0);
      c.is(c.names('d'), 'a b');
    },
  },
  {
    name: 'with itself, and two names of one file',
    given: { a: file('a'), b: hardlink('a') },
    run: (c) => {
      c.is(c.rename('a', 'a', RENAME_EXCHANGE), 0);
      c.is(c.rename('a', 'b', RENAME_EXCHANGE), 0);
      c.is(c.facts('a').nlink, 2);
      c.is(c.names(), 'a b');
    },
  },
  {
    name: 'ENOENT when either is missing',
    given: { a: file(), d: dir() },
    run: (c) => {
      c.is(c.rename('a', 'x', RENAME_EXCHANGE), 'ENOENT');
      c.is(c.rename('x', 'a', RENAME_EXCHANGE), 'ENOENT');
      c.is(c.rename('d', 'x', RENAME_EXCHANGE), 'ENOENT');
      c.is(c.names(), 'a d');
    },
  },
  {
    name: 'EINVAL with what is in it',
    given: { 'd/e/f': file() },
    run: (c) => {
      c.is(c.rename('d', 'd/e', RENAME_EXCHANGE), 'EINVAL');
      c.is(c.rename('d/e/f', 'd', RENAME_EXCHANGE), 'EINVAL');
      c.is(c.names('d/e'), 'f');
    },
  },
  {
    name: 'the times of both directories change',
    given: { 'd/a': file('a'), 'e/b': file('b') },
    run: (c) => {
      c.changes('d', ['mtime', 'ctime'], () => c.is(c.rename('d/a', 'e/b', RENAME_EXCHANGE), 0));
      c.changes('e', ['mtime', 'ctime'], () => c.is(c.rename('d/a', 'e/b', RENAME_EXCHANGE), 0));
    },
  },
  {
    name: 'both ctimes change',
    unless: { xfs: 'xfs sets the ctime of the first one only' },
    given: { 'd/a': file('a'), 'e/b': file('b') },
    run: (c) => {
      c.changes('d/a', ['ctime'], () => c.is(c.rename('d/a', 'e/b', RENAME_EXCHANGE), 0), 'e/b');
      c.changes('d/a', ['ctime'], () => c.is(c.rename('e/b', 'd/a', RENAME_EXCHANGE), 0), 'e/b');
    },
  },
  {
    name: 'EACCES without write permission for either directory',
    root: true,
    given: { 'd/a': file('a'), e: dir({ mode: 0o777 }), 'e/b': file('b', { uid: ALICE.uid }) },
    run: (c) => {
      c.as(ALICE, () => {
        c.is(c.rename('d/a', 'e/b', RENAME_EXCHANGE), 'EACCES');
        c.is(c.rename('e/b', 'd/a', RENAME_EXCHANGE), 'EACCES');
      });
      c.is(c.text('d/a') + c.text('e/b'), 'ab');
    },
  },
  {
    name: 'a safe save: write a new file, exchange, delete the old one',
    given: { document: file('old', { mode: 0o640 }), other: file('x') },
    run: (c) => {
      c.put('document.new', 'new');
      c.is(c.rename('document.new', 'document', RENAME_EXCHANGE), 0);
      c.is(c.text('document.new'), 'old');
      c.is(c.unlink('document.new'), 0);
      c.is(c.text('document'), 'new');
      c.is(c.names(), 'document other');
    },
  },
];

export default [...cases('rename of a directory', renames), ...cases('RENAME_EXCHANGE', exchanges)];
