// rename(2) and renameat2(2).

import { RENAME_EXCHANGE, RENAME_NOREPLACE, RENAME_WHITEOUT } from '../../../src/sys/constants.ts';
import { cases, dir, file, hardlink, symlink } from '../case.ts';
import { ALICE } from '../context.ts';

export default cases('rename', [
  {
    name: 'EEXIST with NOREPLACE when the target is there',
    given: { a: file('a'), b: file('b') },
    run: (c) => {
      c.is(c.rename('a', 'b', RENAME_NOREPLACE), 'EEXIST');
      c.is(c.text('a'), 'a');
      c.is(c.text('b'), 'b');
    },
  },
  {
    name: 'a file takes the place of another',
    given: { a: file('a'), b: file('bb') },
    run: (c) => {
      const { ino } = c.facts('a');
      c.is(c.rename('a', 'b'), 0);
      c.gone('a');
      c.is(c.text('b'), 'a');
      c.is(c.facts('b').ino, ino);
    },
  },
  {
    name: 'the times of both directories and the ctime of the file change',
    given: { 'd/a': file('a'), e: dir() },
    run: (c) => {
      c.changes('d', ['mtime', 'ctime'], () => c.is(c.rename('d/a', 'e/a'), 0));
      c.changes('e', ['mtime', 'ctime'], () => c.is(c.rename('e/a', 'd/a'), 0));
      c.changes('d/a', ['ctime'], () => c.is(c.rename('d/a', 'e/b'), 0), 'e/b');
    },
  },
  {
    name: 'two names of one file: nothing happens',
    given: { a: file('a'), b: hardlink('a') },
    run: (c) => {
      c.is(c.rename('a', 'b'), 0);
      c.is(c.names(), 'a b');
      c.is(c.facts('a').nlink, 2);
    },
  },
  {
    name: 'EACCES without write permission for the directory',
    root: true,
    given: { 'd/a': file(), e: dir({ mode: 0o777 }) },
    run: (c) => {
      c.as(ALICE, () => c.is(c.rename('d/a', 'e/a'), 'EACCES'));
      c.is(c.names('d'), 'a');
    },
  },
  {
    name: 'EINVAL for unknown and contradictory flags',
    given: { a: file(), b: file() },
    run: (c) => {
      c.is(c.rename('a', 'b', 1 << 10), 'EINVAL');
      c.is(c.rename('a', 'b', RENAME_EXCHANGE | RENAME_NOREPLACE), 'EINVAL');
      c.is(c.rename('a', 'b', RENAME_EXCHANGE | RENAME_WHITEOUT), 'EINVAL');
    },
  },
  {
    name: 'a symlink itself is renamed',
    given: { l: symlink('nowhere') },
    run: (c) => {
      c.is(c.rename('l', 'm'), 0);
      c.is(c.readlink('m'), 'nowhere');
      c.gone('l');
    },
  },
  {
    name: 'another process sees it at once',
    given: { a: file('a') },
    run: (c) => {
      const fd = c.other().open('a', 0);
      c.is(c.rename('a', 'b'), 0);
      c.is(c.other().read(fd, 10), 'a');
      c.is(c.other().open('a', 0), 'ENOENT');
    },
  },
]);
