// link(2) and linkat(2).

import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_FOLLOW,
  O_PATH,
  O_RDONLY,
  O_RDWR,
} from '../../../src/sys/constants.ts';
import { cases, char, dir, fifo, file, hardlink, socket, symlink } from '../case.ts';
import { ALICE, type Context } from '../context.ts';

export default cases('link', [
  {
    name: 'a second name of the same file',
    given: { a: file('content', { mode: 0o640 }), d: dir() },
    run: (c) => {
      c.is(c.link('a', 'd/b'), 0);
      const [a, b] = [c.facts('a'), c.facts('d/b')];
      for (const fact of ['ino', 'mode', 'uid', 'gid', 'size', 'mtime', 'ctime'] as const)
        c.is(b[fact], a[fact], fact);
      c.is(a.nlink, 2);
      c.is(b.nlink, 2);
      c.is(c.names('d'), 'b');
    },
  },
  {
    name: 'what is written by one name is read by the other',
    given: { a: file('content'), b: file('content'), c: file('content'), d: dir() },
    run: (c) => {
      for (const name of ['a', 'b', 'c']) {
        c.is(c.link(name, `d/${name}`), 0);
        c.put(`d/${name}`, 'changed');
        c.is(c.text(name), 'changed');
        const fd = c.ok(c.open(name, O_RDWR));
        c.is(c.pwrite(fd, 'C', 0), 1);
        c.is(c.text(`d/${name}`), 'Changed');
        c.is(c.facts(name).ino, c.facts(`d/${name}`).ino);
      }
    },
  },
  {
    name: 'mode, owner and times are one',
    given: { a: file('content'), b: file('content') },
    run: (c) => {
      for (const name of ['a', 'b']) {
        c.is(c.link(name, `${name}2`), 0);
        c.is(c.chmod(`${name}2`, 0o604), 0);
        c.is(c.utimens(name, 1_000_000_000n, 2_000_000_000n), 0);
        c.is(c.facts(name).mode, 0o604);
        c.is(c.facts(`${name}2`).mtime, 2_000_000_000n);
      }
    },
  },
  {
    name: 'a file with several names gets more, and loses them one by one',
    given: { a: file('content'), 'd/b': hardlink('a'), 'd/c': hardlink('a') },
    run: (c) => {
      c.is(c.facts('a').nlink, 3);
      c.is(c.link('d/c', 'e'), 0);
      const all = ['a', 'd/b', 'd/c', 'e'];
      for (const name of all) c.is(c.facts(name).nlink, 4, name);
      for (let left = all.length; left > 0; left--) {
        const name = all[left - 1] as string;
        c.is(c.facts(name).nlink, left);
        c.is(c.text(name), 'content');
        c.is(c.unlink(name), 0);
      }
      c.is(c.names(), 'd');
      c.is(c.names('d'), '');
    },
  },
  {
    name: 'written by one of its names it stays one file',
    given: { a: file('content'), 'd/b': hardlink('a'), 'd/c': hardlink('a') },
    run: (c) => {
      const { ino } = c.facts('a');
      c.put('d/b', 'changed');
      for (const name of ['a', 'd/b', 'd/c']) {
        c.is(c.text(name), 'changed', name);
        c.is(c.facts(name).ino, ino, name);
        c.is(c.facts(name).nlink, 3, name);
      }
      c.is(
        c
          .entries('d')
          .map((each) => each.ino)
          .join(),
        `${ino},${ino}`,
      );
    },
  },
  {
    name: 'written before the first other name is looked at',
    given: { a: file('content'), 'd/b': hardlink('a') },
    run: (c) => {
      const fd = c.ok(c.open('a', O_RDWR));
      c.is(c.pwrite(fd, 'C', 0), 1);
      c.is(c.unlink('a'), 0);
      c.is(c.ffacts(fd).nlink, 1);
      c.is(c.text('d/b'), 'Content');
      c.is(c.pwrite(fd, 'X', 1), 1);
      c.is(c.text('d/b'), 'CXntent');
    },
  },
  {
    name: 'the times of the directory change, and the ctime of the file',
    given: { a: file('a'), b: file('b'), c: file('c'), d: dir(), e: dir() },
    run: (c) => {
      for (const name of ['a', 'b', 'c']) {
        c.changes('d', ['mtime', 'ctime'], () => c.is(c.link(name, `d/${name}`), 0));
        c.changes(name, ['ctime'], () => c.is(c.link(name, `e/${name}`), 0));
      }
    },
  },
  ...Object.entries({
    file: file('x'),
    directory: dir(),
    'symlink to nothing': symlink('nothing'),
    FIFO: fifo(),
  }).map(([what, thing]) => ({
    name: `EEXIST when a ${what} is there`,
    given: { a: file('a'), x: thing },
    run: (c: Context) => {
      c.is(c.link('a', 'x'), 'EEXIST');
      c.is(c.facts('a').nlink, 1);
      c.is(c.link('a', 'a'), 'EEXIST');
    },
  })),
  {
    name: 'EPERM for a directory',
    given: { 'd/f': file(), l: symlink('d') },
    run: (c) => {
      c.is(c.link('d', 'x'), 'EPERM');
      c.is(c.link('.', 'x'), 'EPERM');
      c.is(c.link('l', 'x', AT_SYMLINK_FOLLOW), 'EPERM');
      c.is(c.names(), 'd l');
    },
  },
  {
    name: 'slashes behind either name',
    given: { f: file(), d: dir() },
    run: (c) => {
      c.is(c.link('f/', 'x'), 'ENOTDIR');
      c.is(c.link('f', 'x/'), 'ENOENT');
      c.is(c.link('f', 'd/'), 'EEXIST');
      c.is(c.names(), 'd f');
    },
  },
  {
    name: 'a symlink itself, or with AT_SYMLINK_FOLLOW what it leads to',
    given: { f: file('f'), l: symlink('f'), dangling: symlink('nothing') },
    run: (c) => {
      c.is(c.link('l', 'm'), 0);
      c.is(c.readlink('m'), 'f');
      c.is(c.facts('m').ino, c.facts('l').ino);
      c.is(c.facts('l').nlink, 2);
      c.is(c.link('l', 'g', AT_SYMLINK_FOLLOW), 0);
      c.is(c.facts('g').ino, c.facts('f').ino);
      c.is(c.link('dangling', 'h', AT_SYMLINK_FOLLOW), 'ENOENT');
    },
  },
  {
    name: 'FIFOs and sockets',
    given: { p: fifo(), s: socket(), d: dir() },
    run: (c) => {
      for (const name of ['p', 's']) {
        c.is(c.link(name, `d/${name}`), 0);
        c.is(c.facts(`d/${name}`).ino, c.facts(name).ino);
        c.is(c.facts(name).nlink, 2);
      }
    },
  },
  {
    name: 'a device node',
    root: true,
    given: { n: char(1, 3) },
    run: (c) => {
      c.is(c.link('n', 'm'), 0);
      c.is(c.facts('m').rdev, '1:3');
      c.is(c.facts('m').ino, c.facts('n').ino);
    },
  },
  {
    name: 'an open file by AT_EMPTY_PATH, and by its descriptor in /proc',
    root: true,
    given: { f: file('f'), g: file('g') },
    run: (c) => {
      for (const name of ['f', 'g']) {
        const fd = c.ok(c.open(name, O_RDONLY));
        c.is(c.linkat(fd, '', AT_FDCWD, `${name}1`, AT_EMPTY_PATH), 0);
        c.is(c.link(`/proc/self/fd/${fd}`, `${name}2`, AT_SYMLINK_FOLLOW), 0);
        c.is(c.linkat(fd, '', AT_FDCWD, `${name}3`), 'ENOENT');
        c.is(c.facts(name).nlink, 3);
        c.is(c.facts(`${name}2`).ino, c.facts(name).ino);
      }
    },
  },
  {
    name: 'relative to open directories',
    given: { 'd/a': file('a'), e: dir() },
    run: (c) => {
      const [d, e] = [c.ok(c.open('d', O_RDONLY)), c.ok(c.open('e', O_PATH))];
      c.is(c.linkat(d, 'a', e, 'b'), 0);
      c.is(c.text('e/b'), 'a');
    },
  },
  {
    name: 'EINVAL for unknown flags',
    given: { f: file() },
    run: (c) => {
      c.is(c.link('f', 'x', 0x1), 'EINVAL');
      c.is(c.names(), 'f');
    },
  },
  {
    name: 'EXDEV from another file system',
    run: (c) => c.is(c.link('/proc/version', 'x'), 'EXDEV'),
  },
  {
    name: 'EACCES without write permission for the directory',
    root: true,
    given: { '.': dir({ mode: 0o777 }), f: file('', { uid: ALICE.uid }), d: dir() },
    run: (c) => {
      c.as(ALICE, () => {
        c.is(c.link('f', 'd/x'), 'EACCES');
        c.is(c.link('f', 'x'), 0);
      });
      c.is(c.facts('x').uid, ALICE.uid);
    },
  },
  {
    name: "another's file, as the system has it (protected_hardlinks)",
    root: true,
    given: { '.': dir({ mode: 0o777 }), closed: file('', { mode: 0o600 }), open: file('', { mode: 0o666 }) },
    run: (c) =>
      c.as(ALICE, () => {
        c.asPlain(c.link('closed', 'x'));
        c.asPlain(c.link('open', 'y'));
      }),
  },
  {
    name: 'two hundred names',
    given: { f: file('content'), d: dir() },
    run: (c) => {
      for (let i = 0; i < 200; i++) c.is(c.link(i % 2 === 0 ? 'f' : `d/n${i - 1}`, `d/n${i}`), 0);
      c.is(c.facts('f').nlink, 201);
      c.put('d/n100', 'changed');
      c.is(c.text('f'), 'changed');
      const inodes = new Set(c.entries('d').map(({ ino }) => ino));
      c.is([...inodes].join(), c.facts('f').ino);
      for (let i = 0; i < 200; i += 2) c.is(c.unlink(`d/n${i}`), 0);
      c.is(c.facts('f').nlink, 101);
      c.is(c.text('d/n199'), 'changed');
    },
  },
]);
