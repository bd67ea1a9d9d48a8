// Working directories and descriptors of directories: through renames, after removal, for everything that is named relative to them.

import {
  AT_EMPTY_PATH,
  AT_REMOVEDIR,
  O_CREAT,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_TMPFILE,
  O_WRONLY,
} from '../../../src/sys/constants.ts';
import { cases, dir, file, symlink } from '../case.ts';

export default cases('working directory', [
  {
    name: 'getcwd follows renames, of it and of what is above',
    given: { 'a/b/c': dir(), d: dir() },
    run: (c) => {
      c.is(c.chdir('a/b/c'), 0);
      c.is(c.getcwd(), c.path('a/b/c'));
      c.is(c.rename('../../b', '../../../d/moved'), 0);
      c.is(c.getcwd(), c.path('d/moved/c'));
      c.is(c.rename('../c', '../renamed'), 0);
      c.is(c.getcwd(), c.path('d/moved/renamed'));
      c.is(c.chdir('..'), 0);
      c.is(c.getcwd(), c.path('d/moved'));
      c.is(c.chdir('../..'), 0);
      c.is(c.getcwd(), c.path());
    },
  },
  {
    name: 'everything works in a renamed one',
    given: { 'd/f': file('content'), 'd/sub/deep': file('deep'), e: dir() },
    run: (c) => {
      c.is(c.chdir('d'), 0);
      c.is(c.rename('../d', '../e/d'), 0);
      c.is(c.text('f'), 'content');
      c.put('new', 'made');
      c.put('f', 'written');
      c.is(c.mkdir('made'), 0);
      c.is(c.rename('sub/deep', 'made/deep'), 0);
      c.is(c.link('f', 'linked'), 0);
      c.is(c.names(), 'f linked made new sub');
      c.is(c.text('../../e/d/new'), 'made');
      c.is(c.text(c.path('e/d/linked')), 'written');
      c.is(c.stat(c.path('d')) as number, 'ENOENT');
    },
  },
  {
    name: '.. of a renamed directory is its new parent',
    given: { 'a/d/sub': dir(), 'a/mark': file('a'), 'b/mark': file('b') },
    run: (c) => {
      c.is(c.chdir('a/d/sub'), 0);
      c.is(c.text('../../mark'), 'a');
      c.is(c.rename(c.path('a/d'), c.path('b/e')), 0);
      c.is(c.text('../../mark'), 'b');
      c.is(c.facts('../..').ino, c.facts(c.path('b')).ino);
      const fd = c.ok(c.open('.', O_RDONLY));
      c.is(c.close(c.ok(c.openat(fd, '../../mark', O_RDONLY))), 0);
    },
  },
  {
    name: 'a removed one: nothing can be made or found in it',
    given: { 'd/sub': dir() },
    run: (c) => {
      c.is(c.chdir('d/sub'), 0);
      c.is(c.rmdir('../sub'), 0);
      c.is(c.getcwd(), 'ENOENT');
      c.is(c.open('new', O_WRONLY | O_CREAT), 'ENOENT');
      c.is(c.mkdir('new'), 'ENOENT');
      c.is(c.symlink('x', 'new'), 'ENOENT');
      c.is(c.mknod('new', 0o100644), 'ENOENT');
      c.is(c.link('..', 'new'), ['ENOENT', 'EPERM']);
      c.is(c.rename('../../d', 'new'), ['ENOENT', 'EINVAL']);
      c.is(c.stat('missing') as number, 'ENOENT');
      c.is(c.facts('.').nlink, 0);
      c.is(c.facts('.').type, 'dir');
      c.is(c.close(c.ok(c.open('.', O_RDONLY))), 0);
      const nameless = c.open('.', O_WRONLY | O_TMPFILE);
      if (nameless < 0) c.is(nameless, ['ENOENT', 'EOPNOTSUPP', 'EPERM']);
      c.is(c.mkdir('../sub'), 0);
      c.put('../sub/f', '');
      c.is(c.stat('f') as number, 'ENOENT', 'a new one of its name is another');
      c.is(c.facts('..').ino, c.facts(c.path('d')).ino);
      c.is(c.chdir('..'), 0);
      c.is(c.getcwd(), c.path('d'));
    },
  },
  {
    name: 'rmdir of . and .., of the way up, of a mount of names',
    given: { 'd/sub': dir() },
    run: (c) => {
      c.is(c.chdir('d/sub'), 0);
      c.is(c.rmdir('.'), 'EINVAL');
      c.is(c.rmdir('..'), 'ENOTEMPTY');
      c.is(c.unlink('.'), ['EISDIR', 'EINVAL']);
      c.is(c.unlink('..'), 'EISDIR');
      c.is(c.rename('.', '../x'), 'EBUSY');
      c.is(c.rename('..', '../x'), 'EBUSY');
      c.is(c.rename('../sub', '.'), 'EBUSY');
      c.is(c.mkdir('.'), 'EEXIST');
      c.is(c.mkdir('..'), 'EEXIST');
      c.is(c.symlink('x', '.'), 'EEXIST');
      c.is(c.open('.', O_RDONLY | O_CREAT), 'EISDIR');
      c.is(c.getcwd(), c.path('d/sub'));
    },
  },
  {
    name: 'chdir: ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG; through symlinks',
    given: {
      f: file(''),
      d: dir(),
      l: symlink('d'),
      m: symlink('f'),
      loop: symlink('loop'),
      up: symlink('..'),
    },
    run: (c) => {
      c.is(c.chdir('missing'), 'ENOENT');
      c.is(c.chdir(''), 'ENOENT');
      c.is(c.chdir('f'), 'ENOTDIR');
      c.is(c.chdir('m'), 'ENOTDIR');
      c.is(c.chdir('loop'), 'ELOOP');
      c.is(c.chdir('n'.repeat(256)), 'ENAMETOOLONG');
      c.is(c.chdir('up'), 0);
      c.is(c.chdir(c.path()), 0);
      c.is(c.chdir('l'), 0);
      c.is(c.getcwd(), c.path('d'));
      c.is(c.fchdir(-1), 'EBADF');
      c.is(c.fchdir(c.ok(c.open('../f', O_RDONLY))), 'ENOTDIR');
    },
  },
  {
    name: 'fchdir by a descriptor, also of O_PATH, after a rename and after removal',
    given: { 'a/d/f': file('x'), b: dir() },
    run: (c) => {
      const fd = c.ok(c.open('a/d', O_RDONLY));
      const path = c.ok(c.open('a/d', O_PATH | O_DIRECTORY));
      c.is(c.rename('a/d', 'b/e'), 0);
      for (const each of [fd, path]) {
        c.is(c.fchdir(each), 0);
        c.is(c.getcwd(), c.path('b/e'));
        c.is(c.text('f'), 'x');
      }
      c.is(c.unlink('f'), 0);
      c.is(c.rmdir(c.path('b/e')), 0);
      c.is(c.chdir('/'), 0);
      c.is(c.fchdir(fd), 0);
      c.is(c.getcwd(), 'ENOENT');
    },
  },
  {
    name: 'all *at calls by a descriptor of a directory that was renamed',
    given: { 'a/d/f': file('content'), 'a/d/l': symlink('f'), 'a/d/sub': dir(), b: dir() },
    run: (c) => {
      for (const fd of [c.ok(c.open('a/d', O_RDONLY)), c.ok(c.open('a/d', O_PATH))]) {
        const back = c.lstat('b/e');
        c.is(typeof back === 'number' ? c.rename('a/d', 'b/e') : c.rename('b/e', 'a/d'), 0);
        c.is(c.close(c.ok(c.openat(fd, 'f', O_RDONLY))), 0);
        c.is(c.close(c.ok(c.openat(fd, 'new', O_WRONLY | O_CREAT))), 0);
        c.is(c.mkdirat(fd, 'newdir'), 0);
        c.is(c.symlinkat('x', fd, 'newlink'), 0);
        c.is(c.readlink('newlink', 100, fd), 'x');
        c.is(c.linkat(fd, 'f', fd, 'second'), 0);
        c.is(c.renameat2(fd, 'new', fd, 'newdir/new'), 0);
        c.is((c.fstatat(fd, 'newdir/new') as { size: number }).size, 0);
        c.is(c.faccessat(fd, 'f', 4), 0);
        c.is(c.fchownat(fd, 'f', -1, -1), 0);
        c.is(c.utimensat(fd, 'f', 5n, 6n), 0);
        c.is((c.fstatat(fd, 'second') as { mtime: bigint }).mtime, 6n);
        for (const name of ['newdir/new', 'newlink', 'second']) c.is(c.unlinkat(fd, name), 0);
        c.is(c.unlinkat(fd, 'newdir', AT_REMOVEDIR), 0);
        c.is(c.openat(fd, 'l', O_RDONLY | O_NOFOLLOW), 'ELOOP');
      }
      c.is(c.names('a/d'), 'f l sub');
    },
  },
  {
    name: 'by a descriptor of a removed directory: ENOENT for names, itself is there',
    given: { d: dir() },
    run: (c) => {
      const fd = c.ok(c.open('d', O_RDONLY));
      c.is(c.rmdir('d'), 0);
      c.is(c.openat(fd, 'new', O_WRONLY | O_CREAT), 'ENOENT');
      c.is(c.mkdirat(fd, 'new'), 'ENOENT');
      c.is(c.fstatat(fd, 'x') as number, 'ENOENT');
      c.is((c.fstatat(fd, '', AT_EMPTY_PATH) as { type: string }).type, 'dir');
      c.is(c.close(c.ok(c.openat(fd, '.', O_RDONLY))), 0);
      c.is(c.close(c.ok(c.openat(fd, '..', O_RDONLY))), 0);
      c.is(c.fchmod(fd, 0o700), 0);
      c.is(c.futimens(fd, 5n, 6n), 0);
      c.is(c.ffacts(fd).mtime, 6n);
      c.is(c.ffacts(fd).mode, 0o700);
    },
  },
  {
    name: 'symlinks: forty are followed, one more is ELOOP; and 4095 bytes of path, no more',
    given: {
      f: file('there'),
      ...Object.fromEntries(
        Array.from({ length: 41 }, (_, i) => [`l${i}`, symlink(i === 0 ? 'f' : `l${i - 1}`)]),
      ),
    },
    run: (c) => {
      c.is(c.text('l39'), 'there');
      c.is(c.open('l40', O_RDONLY), 'ELOOP');
      c.is(c.stat('l40') as number, 'ELOOP');
      c.is(c.facts('l40').type, 'symlink');
      c.is(c.text(`${'./'.repeat(2047)}f`), 'there');
      c.is(c.open(`${'./'.repeat(2047)}ff`, O_RDONLY), 'ENAMETOOLONG');
      c.is(c.mkdir(`${'./'.repeat(2047)}d`), 0);
      c.is(c.mkdir(`${'./'.repeat(2047)}dd`), 'ENAMETOOLONG');
    },
  },
  {
    name: 'deeper than any path: by relative names, down and up again',
    given: { d: dir() },
    run: (c) => {
      const name = 'n'.repeat(250);
      c.is(c.chdir('d'), 0);
      for (let i = 0; i < 30; i++) {
        c.is(c.mkdir(name), 0);
        c.is(c.chdir(name), 0);
      }
      c.put('f', 'deep');
      c.is(c.text('f'), 'deep');
      c.asPlain(typeof c.getcwd() === 'number');
      c.is(c.unlink('f'), 0);
      for (let i = 0; i < 30; i++) {
        c.is(c.chdir('..'), 0);
        c.is(c.rmdir(name), 0);
      }
      c.is(c.names(), '');
    },
  },
]);
