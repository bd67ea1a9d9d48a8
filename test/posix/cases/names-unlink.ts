// unlink(2) and unlinkat(2), and files that live on without a name.

import {
  AT_FDCWD,
  AT_REMOVEDIR,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
} from '../../../src/sys/constants.ts';
import { block, cases, char, dir, fifo, file, hardlink, socket, symlink } from '../case.ts';
import { ALICE, type Context } from '../context.ts';

export default cases('unlink', [
  {
    name: 'the name is gone, and the times of the directory change',
    given: { 'd/a': file('a'), 'd/b': file('b'), 'd/c': file('c') },
    run: (c) => {
      for (const name of ['d/a', 'd/b', 'd/c']) {
        c.changes('d', ['mtime', 'ctime'], () => c.is(c.unlink(name), 0));
        c.gone(name);
        c.is(c.unlink(name), 'ENOENT');
      }
    },
  },
  ...Object.entries({
    'a FIFO': fifo(),
    'a socket': socket(),
    'a symlink to nothing': symlink('nothing'),
    'an empty file': file(),
    'a read-only file': file('x', { mode: 0 }),
  }).map(([what, thing]) => ({
    name: what,
    given: { x: thing, y: file('y') },
    run: (c: Context) => {
      c.is(c.unlink('x'), 0);
      c.gone('x');
      c.is(c.names(), 'y');
    },
  })),
  {
    name: 'device nodes',
    root: true,
    given: { a: char(1, 3), b: block(7, 0) },
    run: (c) => {
      c.is(c.unlink('a'), 0);
      c.is(c.unlink('b'), 0);
      c.is(c.names(), '');
    },
  },
  {
    name: 'a symlink goes, what it leads to stays',
    given: { f: file('f'), d: dir(), lf: symlink('f'), ld: symlink('d') },
    run: (c) => {
      c.is(c.unlink('lf'), 0);
      c.is(c.unlink('ld'), 0);
      c.is(c.names(), 'd f');
    },
  },
  {
    name: 'EISDIR for a directory',
    given: { d: dir() },
    run: (c) => {
      c.is(c.unlink('d'), 'EISDIR');
      c.is(c.unlink('.'), 'EISDIR');
      c.is(c.unlink('d/..'), 'EISDIR');
      c.is(c.unlink('d/'), 'EISDIR');
      c.is(c.names(), 'd');
    },
  },
  {
    name: 'ENOTDIR for a file with a slash behind it',
    given: { f: file('f'), l: symlink('f') },
    run: (c) => {
      c.is(c.unlink('f/'), 'ENOTDIR');
      c.is(c.unlink('l/'), 'ENOTDIR');
      c.is(c.names(), 'f l');
    },
  },
  {
    name: 'EINVAL for unknown flags',
    given: { f: file() },
    run: (c) => {
      c.is(c.unlinkat(AT_FDCWD, 'f', 0x1), 'EINVAL');
      c.is(c.unlinkat(AT_FDCWD, 'f', AT_REMOVEDIR | 0x100), 'EINVAL');
      c.is(c.names(), 'f');
    },
  },
  {
    name: 'relative to an open directory',
    given: { 'd/f': file(), 'd/e': dir() },
    run: (c) => {
      const fd = c.ok(c.open('d', O_RDONLY));
      c.is(c.unlinkat(fd, 'e'), 'EISDIR');
      c.is(c.unlinkat(fd, 'f', AT_REMOVEDIR), 'ENOTDIR');
      c.is(c.unlinkat(fd, 'f'), 0);
      c.is(c.unlinkat(fd, 'e', AT_REMOVEDIR), 0);
      c.is(c.names('d'), '');
    },
  },
  {
    name: 'EBADF and ENOTDIR for what is no open directory',
    given: { f: file() },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      c.is(c.unlinkat(fd, 'x'), 'ENOTDIR');
      c.is(c.unlinkat(10_000, 'x'), 'EBADF');
    },
  },
  {
    name: 'one of two names: the other stays, with one link less and a new ctime',
    given: { a: file('content'), 'd/b': hardlink('a') },
    run: (c) => {
      c.is(c.facts('a').nlink, 2);
      c.changes('d/b', ['ctime'], () => c.is(c.unlink('a'), 0));
      c.is(c.facts('d/b').nlink, 1);
      c.is(c.text('d/b'), 'content');
      c.gone('a');
      c.is(c.unlink('d/b'), 0);
      c.gone('d/b');
    },
  },
  {
    name: 'an open file goes on without a name',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const { ino } = c.ffacts(fd);
      c.is(c.unlink('f'), 0);
      c.is(c.ffacts(fd).nlink, 0);
      c.is(c.ffacts(fd).ino, ino);
      c.is(c.pread(fd, 20, 0), 'content');
      c.is(c.pwrite(fd, 'more', 7), 4);
      c.is(c.ffacts(fd).size, 11);
      c.is(c.ftruncate(fd, 3), 0);
      c.is(c.fchmod(fd, 0o600), 0);
      c.is(c.ffacts(fd).mode, 0o600);
      c.is(c.pread(fd, 20, 0), 'con');
      c.gone('f');
    },
  },
  {
    name: 'a file open for reading only goes on without a name',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      c.is(c.unlink('f'), 0);
      c.is(c.ffacts(fd).nlink, 0);
      c.is(c.read(fd, 20), 'content');
      c.is(c.fchmod(fd, 0o604), 0);
      c.is(c.ffacts(fd).mode, 0o604);
      c.gone('f');
    },
  },
  {
    name: 'a new file of the name is another file',
    given: { f: file('old') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      c.is(c.unlink('f'), 0);
      const fresh = c.ok(c.open('f', O_RDWR | O_CREAT | O_EXCL));
      c.is(c.write(fresh, 'new'), 3);
      c.is(c.read(fd, 10), 'old');
      c.is(c.text('f'), 'new');
      c.is(c.ffacts(fd).ino === c.ffacts(fresh).ino, false);
    },
  },
  {
    name: 'a file without a name cannot be given one again',
    given: { f: file() },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      c.is(c.unlink('f'), 0);
      c.is(c.link(`/proc/self/fd/${fd}`, 'again', 0x400), 'ENOENT');
      c.is(c.names(), '');
    },
  },
  {
    name: 'made, unlinked and made again, many times',
    given: { f: file('0') },
    run: (c) => {
      for (let i = 0; i < 20; i++) {
        c.is(c.unlink('f'), 0);
        c.gone('f');
        c.put('f', `${i}`);
        c.is(c.text('f'), `${i}`);
      }
    },
  },
  {
    name: 'EACCES without write permission for the directory',
    root: true,
    given: { 'd/mine': file('', { uid: ALICE.uid, mode: 0o666 }) },
    run: (c) => {
      c.as(ALICE, () => c.is(c.unlink('d/mine'), 'EACCES'));
      c.is(c.names('d'), 'mine');
    },
  },
  {
    name: 'no permission for the file itself is needed',
    root: true,
    given: { d: dir({ mode: 0o777 }), 'd/f': file('', { mode: 0 }) },
    run: (c) => {
      c.as(ALICE, () => c.is(c.unlink('d/f'), 0));
      c.is(c.names('d'), '');
    },
  },
  {
    name: 'ENOENT comes before EACCES',
    root: true,
    given: { d: dir() },
    run: (c) => c.as(ALICE, () => c.is(c.unlink('d/missing'), 'ENOENT')),
  },
  {
    name: 'another process that has it open goes on reading and writing',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.other().open('f', O_RDWR));
      c.is(c.unlink('f'), 0);
      c.is(c.other().pwrite(fd, 'C', 0), 1);
      c.is(c.other().pread(fd, 20, 0), 'Content');
      c.is(c.open('f', O_WRONLY), 'ENOENT');
    },
  },
]);
