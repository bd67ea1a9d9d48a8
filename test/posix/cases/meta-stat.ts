// stat(2) in all its forms, statx(2), statfs(2): every field, of every kind of object, by name and by descriptor.

import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_STATX_DONT_SYNC,
  AT_STATX_FORCE_SYNC,
  AT_SYMLINK_NOFOLLOW,
  O_CREAT,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  STATX_BASIC_STATS,
  STATX_BTIME,
  STATX_SIZE,
} from '../../../src/sys/constants.ts';
import { Stat } from '../../../src/sys/stat.ts';
import { StatFs } from '../../../src/sys/statfs.ts';
import type { Facts } from '../calls/metadata.ts';
import {
  type Case,
  cases,
  char,
  dir,
  fifo,
  file,
  type Given,
  hardlink,
  socket,
  symlink,
  type Thing,
} from '../case.ts';

const given: Given = {
  file: file('content', { mode: 0o640, mtime: 1_234_567_890_987_654_321n }),
  dir: dir({ mode: 0o751, mtime: 1_234_567_890_987_654_321n }),
  symlink: symlink('file', { mtime: 1_234_567_890_987_654_321n }),
  fifo: fifo({ mode: 0o604, mtime: 1_234_567_890_987_654_321n }),
  socket: socket({ mode: 0o777, mtime: 1_234_567_890_987_654_321n }),
};
const kinds = Object.keys(given);

/** Without what looking changes: access times. A directory's links may be 1, until all layers have been asked. */
const shown = (facts: Facts | number) => {
  const hidden = ['atime', ...(typeof facts === 'object' && facts.type === 'dir' ? ['nlink'] : [])];
  return JSON.stringify(facts, (key, value) =>
    hidden.includes(key) ? undefined : typeof value === 'bigint' ? `${value}` : value,
  );
};

const device = (kind: 'char' | 'block', major: number, minor: number): Case => ({
  name: `device numbers: ${kind} ${major}:${minor}`,
  root: true,
  given: { x: { ...char(major, minor, { mode: 0o666 }), kind } as Thing, d: dir() },
  run: (c) => {
    c.is(c.facts('x').type, kind);
    c.is(c.facts('x').rdev, `${major}:${minor}`);
    c.is(c.facts('x').size, 0);
    c.is(c.rename('x', 'd/y'), 0);
    c.is(c.chmod('d/y', 0o600), 0);
    c.is(c.facts('d/y').rdev, `${major}:${minor}`);
    c.is(c.link('d/y', 'x'), 0);
    c.is(c.facts('x').ino, c.facts('d/y').ino);
    c.is(c.facts('x').nlink, 2);
  },
});

export default cases('stat', [
  {
    name: 'type, mode, size, times and links of everything, as it was made',
    given,
    run: (c) => {
      for (const kind of kinds) {
        const facts = c.facts(kind);
        c.is(facts.type, kind);
        c.is(facts.mode, given[kind]?.mode ?? 0o777, kind);
        if (kind !== 'dir') c.is(facts.nlink, 1, kind);
        if (kind !== 'dir') c.is(facts.size, { file: 7, symlink: 4 }[kind] ?? 0, kind);
        c.is(facts.mtime, 1_234_567_890_987_654_321n, kind);
        c.asPlain(facts.uid, `uid of ${kind}`);
        c.asPlain(facts.gid, `gid of ${kind}`);
        c.asPlain(facts.blksize, `blksize of ${kind}`);
        c.is(facts.rdev, '0:0', kind);
      }
    },
  },
  {
    name: 'by name, by descriptor, by a descriptor of O_PATH: the same',
    given,
    run: (c) => {
      for (const kind of kinds) {
        const facts = shown(c.facts(kind));
        const path = c.ok(c.open(kind, O_PATH | O_NOFOLLOW));
        c.is(shown(c.fstat(path)), facts, kind);
        c.is(shown(c.fstatat(path, '', AT_EMPTY_PATH)), facts, kind);
        if (kind !== 'symlink') c.is(shown(c.stat(kind)), facts, kind);
        else c.is(shown(c.stat(kind)), shown(c.facts('file')), 'followed');
        if (kind === 'file' || kind === 'dir')
          c.is(shown(c.fstat(c.ok(c.open(kind, O_RDONLY)))), facts, kind);
        c.is(shown(c.fstatat(AT_FDCWD, kind, AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC)), facts, kind);
        c.is(shown(c.fstatat(AT_FDCWD, kind, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC)), facts, kind);
      }
    },
  },
  {
    name: 'one device for everything, and a number of its own for each',
    given: { ...given, 'dir/in': file('x'), 'dir/sub/deeper': file('y'), other: file('') },
    run: (c) => {
      const paths = [...kinds, '.', 'dir/in', 'dir/sub', 'dir/sub/deeper', 'other'];
      c.put('new', '');
      c.is(c.mkdir('newdir'), 0);
      const all = [...paths, 'new', 'newdir'].map((path) => c.facts(path));
      c.is(new Set(all.map(({ dev }) => dev)).size, 1);
      c.is(new Set(all.map(({ ino }) => ino)).size, all.length);
      c.is(c.facts('..').dev, all[0]?.dev);
    },
  },
  {
    name: 'the number stays through writing, renaming, linking, and a change of everything else',
    given: { f: file('content'), d: dir(), 'd/sub': dir(), l: symlink('f'), p: fifo() },
    run: (c) => {
      const before = ['f', 'd', 'd/sub', 'l', 'p'].map((name) => c.facts(name).ino).join(' ');
      const fd = c.ok(c.open('f', O_RDONLY));
      c.put('f', 'other');
      c.is(c.chmod('f', 0o600), 0);
      c.is(c.truncate('f', 1), 0);
      c.put('d/made', '');
      c.is(c.rename('d', 'e'), 0);
      c.is(c.rename('f', 'e/f'), 0);
      c.is(c.rename('l', 'e/sub/l'), 0);
      c.is(c.rename('p', 'e/p'), 0);
      c.is(c.link('e/f', 'g'), 0);
      c.is(['g', 'e', 'e/sub', 'e/sub/l', 'e/p'].map((name) => c.facts(name).ino).join(' '), before);
      c.is(c.ffacts(fd).ino, c.facts('e/f').ino);
      c.is(c.ffacts(fd).size, 1);
    },
  },
  {
    name: 'links: of a file as many as it has names, also when it was removed',
    given: { f: file('x'), g: hardlink('f'), 'd/h': hardlink('f') },
    run: (c) => {
      const fd = c.ok(c.open('g', O_RDONLY));
      for (const name of ['f', 'g', 'd/h']) c.is(c.facts(name).nlink, 3, name);
      c.is(c.link('g', 'i'), 0);
      c.is(c.facts('f').nlink, 4);
      c.is(c.unlink('g'), 0);
      c.is(c.ffacts(fd).nlink, 3);
      for (const name of ['f', 'd/h', 'i']) c.is(c.unlink(name), 0);
      c.is(c.ffacts(fd).nlink, 0);
      c.is(c.ffacts(fd).size, 1);
    },
  },
  {
    name: 'links of a directory that users make: as the file system counts its subdirectories, or 1, which says nothing of them',
    given: { d: dir(), 'd/sub': dir() },
    run: (c) => {
      for (const act of [() => 0, () => c.mkdir('d/more'), () => c.rmdir('d/sub')]) {
        c.is(act(), 0);
        const subdirectories = c.entries('d').length;
        c.is(c.facts('d').nlink, [1, 2 + subdirectories]);
      }
    },
  },
  {
    name: 'size and blocks follow writing, cutting and holes',
    given: { f: file('') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      for (const act of [
        () => c.pwrite(fd, 'x'.repeat(10_000), 0),
        () => c.ftruncate(fd, 1 << 20),
        () => c.pwrite(fd, 'x', (1 << 30) - 1),
        () => c.ftruncate(fd, 5),
        () => c.ftruncate(fd, 0),
      ]) {
        c.ok(act());
        c.is(c.fsync(fd), 0);
        c.asPlain(c.ffacts(fd).size);
        c.asPlain(c.facts('f').size);
        c.asPlain(c.facts('f').blocks);
      }
    },
  },
  {
    name: 'the size of a symlink is the length of its target',
    given: { l: symlink('t'.repeat(700)) },
    run: (c) => {
      c.is(c.facts('l').size, 700);
      c.is(c.symlink('u'.repeat(300), 'm'), 0);
      c.is(c.facts('m').size, 300);
    },
  },
  {
    name: 'the time of birth: of what is new, the present; it stays when everything else changes',
    given: { d: dir() },
    run: (c) => {
      const before = c.facts('d').ctime;
      c.put('d/f', 'x');
      c.is(c.mkdir('d/e'), 0);
      const born = ['d/f', 'd/e'].map((name) => c.facts(name).btime);
      c.asPlain(born.every((time) => time > 0n));
      if (born[0] !== 0n)
        c.is(
          born.every((time) => time >= before),
          true,
        );
      c.put('d/f', 'more');
      c.is(c.chmod('d/f', 0o600), 0);
      c.is(c.utimens('d/f', 0n, 0n), 0);
      c.is(c.rename('d/f', 'd/g'), 0);
      c.is(c.facts('d/g').btime, born[0]);
    },
  },
  {
    name: 'statx: the mask says what is there, unknown flags and masks are EINVAL',
    given: { f: file('content') },
    run: (c) => {
      const stat = new Stat();
      c.is(c.statx(AT_FDCWD, 'f', 0, STATX_BASIC_STATS | STATX_BTIME, stat), 0);
      c.is(stat.mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
      c.asPlain(stat.mask & STATX_BTIME);
      c.is(c.statx(AT_FDCWD, 'f', 0, STATX_SIZE, stat), 0);
      c.is(stat.mask & STATX_SIZE, STATX_SIZE);
      c.is(Number(stat.size), 7);
      c.is(c.statx(AT_FDCWD, 'f', 0, 0, stat), 0);
      c.is(c.statx(AT_FDCWD, 'f', 0, 0x8000_0000, stat), 'EINVAL');
      c.is(c.statx(AT_FDCWD, 'f', 0x10_0000, STATX_SIZE, stat), 'EINVAL');
      c.is(c.statx(AT_FDCWD, 'f', AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, STATX_SIZE, stat), 'EINVAL');
      c.is(c.statx(AT_FDCWD, '', 0, STATX_SIZE, stat), 'ENOENT');
      c.is(c.statx(-1, '', AT_EMPTY_PATH, STATX_SIZE, stat), 'EBADF');
      c.is(c.statx(-1, 'f', 0, STATX_SIZE, stat), 'EBADF');
    },
  },
  {
    name: 'ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG',
    given: { f: file(''), dangling: symlink('nowhere'), loop: symlink('loop'), through: symlink('f/x') },
    run: (c) => {
      for (const [path, expected] of [
        ['missing', 'ENOENT'],
        ['', 'ENOENT'],
        ['dangling', 'ENOENT'],
        ['f/', 'ENOTDIR'],
        ['f/x', 'ENOTDIR'],
        ['f/.', 'ENOTDIR'],
        ['f/..', 'ENOTDIR'],
        ['through', 'ENOTDIR'],
        ['loop', 'ELOOP'],
        ['loop/x', 'ELOOP'],
        ['n'.repeat(256), 'ENAMETOOLONG'],
        ['n'.repeat(255), 'ENOENT'],
        [`${'./'.repeat(2047)}f`, 0],
        [`${'./'.repeat(2048)}f`, 'ENAMETOOLONG'],
      ] as const) {
        const seen = c.stat(path);
        c.is(typeof seen === 'number' ? seen : 0, expected, path.slice(0, 20));
      }
      c.is(c.facts('dangling').type, 'symlink');
      c.is(c.facts('loop').type, 'symlink');
    },
  },
  {
    name: 'a trailing slash follows a symlink to a directory',
    given: { d: dir(), l: symlink('d'), f: file(''), m: symlink('f') },
    run: (c) => {
      c.is(c.facts('l').type, 'symlink');
      c.is(c.facts('l/').type, 'dir');
      c.is(c.facts('l/.').ino, c.facts('d').ino);
      c.is(c.lstat('m/') as number, 'ENOTDIR');
    },
  },
  device('char', 1, 3),
  device('char', 511, 262_143),
  device('char', 0, 255),
  device('block', 7, 256),
  device('block', 259, 70_000),
  {
    name: 'a device is opened, and is the device',
    root: true,
    given: {
      null: char(1, 3, { mode: 0o666 }),
      zero: char(1, 5, { mode: 0o666 }),
      none: char(240, 250, { mode: 0o666 }),
    },
    run: (c) => {
      const fd = c.ok(c.open('null', O_RDWR));
      c.is(c.write(fd, 'gone'), 4);
      c.is(c.read(fd, 4), '');
      c.is(c.read(c.ok(c.open('zero', O_RDONLY)), 3), '\0\0\0');
      c.is(c.ffacts(fd).rdev, '1:3');
      c.is(c.fchmod(fd, 0o600), 0);
      c.is(c.facts('null').mode, 0o600);
      c.is(c.open('none', O_RDONLY), 'ENXIO');
      c.is(c.close(c.ok(c.open('null', O_WRONLY | O_CREAT | 0o1000))), 0);
      c.is(c.facts('null').type, 'char');
    },
  },
  {
    name: 'statfs: the upper layer speaks, everywhere the same',
    given: { f: file(''), d: dir() },
    run: (c) => {
      const of = (fill: (into: StatFs) => number) => {
        const into = new StatFs();
        c.is(fill(into), 0);
        return `${into.namelen} ${into.bsize} ${into.frsize} ${into.blocks}`;
      };
      const here = of((into) => c.statfs('.', into));
      c.asPlain(here);
      c.is(
        of((into) => c.statfs('d', into)),
        here,
      );
      c.is(
        of((into) => c.fstatfs(c.ok(c.open('f', O_RDONLY)), into)),
        here,
      );
      const into = new StatFs();
      c.is(c.statfs('.', into), 0);
      c.is(into.namelen, 255);
      c.is(Number(into.bfree) >= Number(into.bavail), true);
      c.is(Number(into.files) >= Number(into.ffree), true);
      c.is(c.statfs('missing', into), 'ENOENT');
      c.is(c.statfs('f/x', into), 'ENOTDIR');
    },
  },
]);
