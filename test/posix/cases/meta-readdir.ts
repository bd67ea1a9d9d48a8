// Directories as they are read: getdents64(2), offsets, entries that come and go meanwhile, removed directories.

import {
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  SEEK_CUR,
  SEEK_SET,
} from '../../../src/sys/constants.ts';
import type { Entry } from '../calls/names.ts';
import { cases, dir, fifo, file, type Given, hardlink, socket, symlink } from '../case.ts';
import type { Context } from '../context.ts';

const many = (count: number, more: Given = {}): Given => ({
  d: dir(),
  ...Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`d/n${String(i).padStart(5, '0')}`, file('')]),
  ),
  ...more,
});
const numbered = (count: number) => Array.from({ length: count }, (_, i) => `n${String(i).padStart(5, '0')}`);

/** Everything that is left to read of an open directory. */
function rest(c: Context, fd: number, size = 4096): Entry[] {
  const all: Entry[] = [];
  for (;;) {
    const some = c.ok(c.getdents(fd, size)) as Entry[];
    if (some.length === 0) return all;
    all.push(...some);
  }
}

const open = (c: Context, path: string) => c.ok(c.open(path, O_RDONLY | O_DIRECTORY));
const namesOf = (entries: readonly Entry[]) =>
  entries
    .map(({ name }) => name)
    .filter((name) => name !== '.' && name !== '..')
    .sort();
const same = (c: Context, entries: readonly Entry[], expected: readonly string[], what?: string) =>
  c.is(namesOf(entries).join(' '), [...expected].sort().join(' '), what);

export default cases('readdir', [
  {
    name: 'an empty directory has two entries: itself and its parent',
    given: { d: dir() },
    run: (c) => {
      const entries = rest(c, open(c, 'd'));
      c.is(
        entries
          .map(({ name }) => name)
          .sort()
          .join(' '),
        '. ..',
      );
      for (const { name, type, ino } of entries) {
        c.is(type, 'dir');
        c.is(ino, c.facts(name === '.' ? 'd' : '.').ino, name);
      }
    },
  },
  {
    name: 'one entry, a few, a thousand: each once, in pieces of any size',
    given: { one: dir(), 'one/x': file(''), ...many(1000) },
    run: (c) => {
      same(c, rest(c, open(c, 'one')), ['x']);
      for (const size of [1 << 16, 4096, 333, 300]) {
        const entries = rest(c, open(c, 'd'), size);
        c.is(entries.length, 1002, `${size}`);
        same(c, entries, numbered(1000), `${size}`);
      }
    },
  },
  {
    name: 'ten thousand made at once',
    run: (c) => {
      c.is(c.mkdir('d'), 0);
      for (const name of numbered(10_000)) c.is(c.mknod(`d/${name}`, 0o100644), 0);
      const entries = rest(c, open(c, 'd'), 1 << 15);
      same(c, entries, numbered(10_000));
      c.is(new Set(entries.map(({ ino }) => ino)).size, 10_002, 'each has a number of its own');
    },
  },
  {
    name: 'types, and the numbers that stat shows',
    given: {
      'd/file': file(''),
      'd/dir': dir(),
      'd/symlink': symlink('x'),
      'd/fifo': fifo(),
      'd/socket': socket(),
      'd/dir/deep': file(''),
    },
    run: (c) => {
      for (const round of ['not yet looked up', 'looked up']) {
        for (const { name, type, ino } of c.entries('d')) {
          const facts = c.facts(`d/${name}`);
          c.is(type, name, round);
          c.is(facts.type, name, round);
          c.is(ino, facts.ino, `${name}, ${round}`);
        }
      }
      const [up] = rest(c, open(c, 'd/dir')).filter(({ name }) => name === '..');
      c.is(up?.ino, c.facts('d').ino);
    },
  },
  {
    name: 'all names of one file have one number',
    given: { 'd/a': file('x'), 'd/b': hardlink('d/a'), 'd/c': file('x') },
    run: (c) => {
      const [a, b, other] = c.entries('d');
      c.is(a?.ino, b?.ino);
      c.is(a?.ino === other?.ino, false);
      c.put('d/b', 'written');
      const [again] = c.entries('d');
      c.is(again?.ino, a?.ino, 'writing does not change it');
      c.is(c.text('d/a'), 'written');
    },
  },
  {
    name: 'the longest names, of any bytes but / and NUL',
    given: { d: dir() },
    run: (c) => {
      const names = [
        'n'.repeat(255),
        '\xff'.repeat(255),
        Array.from({ length: 255 }, (_, i) => String.fromCharCode(i === 46 ? 1 : i + 1))
          .join('')
          .replace('/', 'x'),
        '...',
        ' ',
        '\n',
        '-rf',
      ];
      for (const name of names) c.is(c.mkdir(Buffer.from(`d/${name}`, 'latin1')), 0, JSON.stringify(name));
      same(c, rest(c, open(c, 'd')), names);
      for (const name of names) c.is(c.rmdir(Buffer.from(`d/${name}`, 'latin1')), 0);
      same(c, rest(c, open(c, 'd')), []);
    },
  },
  {
    name: 'EINVAL for a buffer without room for an entry; what it was asked for comes later',
    given: many(3),
    run: (c) => {
      const fd = open(c, 'd');
      for (const size of [0, 1, 19, 23]) c.is(c.getdents(fd, size) as number, 'EINVAL', `${size}`);
      same(c, rest(c, fd), numbered(3));
      c.is((c.getdents(fd, 10) as Entry[]).length, 0, 'at the end there is nothing to have room for');
    },
  },
  {
    name: 'ENOTDIR and EBADF',
    given: { f: file('') },
    run: (c) => {
      c.is(c.getdents(c.ok(c.open('f', O_RDONLY))) as number, 'ENOTDIR');
      c.is(c.getdents(c.ok(c.open('.', O_PATH))) as number, 'EBADF');
      c.is(c.getdents(-1) as number, 'EBADF');
      c.is(c.open('f', O_RDONLY | O_DIRECTORY), 'ENOTDIR');
    },
  },
  {
    name: 'every offset goes on exactly behind its entry, in any order',
    given: many(200),
    run: (c) => {
      const fd = open(c, 'd');
      const all = rest(c, fd, 1000);
      const order = all.map((_, i) => (i * 77) % all.length);
      for (const i of order) {
        c.ok(c.seek(fd, all[i]?.next ?? 0, SEEK_SET));
        const next = c.ok(c.getdents(fd, 300)) as Entry[];
        c.is(next[0]?.name, all[i + 1]?.name, `behind ${all[i]?.name}`);
      }
      c.is(c.lseek(fd, 0), 0);
      c.is(rest(c, fd).length, 202);
    },
  },
  {
    name: 'the position is where the last entry said',
    given: many(50),
    run: (c) => {
      const fd = open(c, 'd');
      for (;;) {
        const some = c.ok(c.getdents(fd, 200)) as Entry[];
        if (some.length === 0) break;
        c.is(String(c.seek(fd, 0, SEEK_CUR)), String(some.at(-1)?.next));
      }
    },
  },
  {
    name: 'offsets stay good when entries go and come',
    given: many(300),
    run: (c) => {
      const fd = open(c, 'd');
      const all = rest(c, fd, 1000);
      const [a, b] = [all[100], all[250]];
      for (let i = 0; i < 100; i++) {
        const name = all[i]?.name as string;
        if (name.startsWith('n')) c.is(c.unlink(`d/${name}`), 0);
      }
      for (let i = 0; i < 50; i++) c.put(`d/new${i}`, '');
      const fresh = (entries: Entry[]) => entries.filter(({ name }) => !name.startsWith('new'));
      c.ok(c.seek(fd, b?.next ?? 0, SEEK_SET));
      c.is(namesOf(fresh(rest(c, fd))).join(' '), namesOf(all.slice(251)).join(' '));
      c.ok(c.seek(fd, a?.next ?? 0, SEEK_SET));
      c.is(namesOf(fresh(rest(c, fd))).join(' '), namesOf(all.slice(101)).join(' '));
    },
  },
  {
    name: 'rewinding shows what is there now',
    given: many(20),
    run: (c) => {
      const fd = open(c, 'd');
      same(c, rest(c, fd), numbered(20));
      c.put('d/new', '');
      c.is(c.unlink('d/n00003'), 0);
      c.is(c.rename('d/n00004', 'd/moved'), 0);
      c.is(c.mkdir('d/sub'), 0);
      c.is(c.lseek(fd, 0), 0);
      const expected = numbered(20).filter((name) => !/n0000[34]$/.test(name));
      same(c, rest(c, fd), [...expected, 'new', 'moved', 'sub']);
      c.is(c.rmdir('d/sub'), 0);
      c.is(c.lseek(fd, 0), 0);
      same(c, rest(c, fd), [...expected, 'new', 'moved']);
    },
  },
  {
    name: 'what is made before the first read is listed',
    unless: { btrfs: 'it lists what was there when the directory was opened' },
    given: many(3),
    run: (c) => {
      const fd = open(c, 'd');
      c.put('d/new', '');
      c.is(c.unlink('d/n00001'), 0);
      same(c, rest(c, fd), ['n00000', 'n00002', 'new']);
    },
  },
  {
    name: 'entries that are removed while they are listed: the others are listed exactly once',
    given: many(500),
    run: (c) => {
      const fd = open(c, 'd');
      const seen: string[] = [];
      for (;;) {
        const some = c.ok(c.getdents(fd, 500)) as Entry[];
        if (some.length === 0) break;
        for (const name of namesOf(some)) {
          seen.push(name);
          c.is(c.unlink(`d/${name}`), 0);
        }
      }
      c.is(seen.sort().join(' '), numbered(500).join(' '), 'as rm -r does it');
      same(c, rest(c, open(c, 'd')), []);
      c.is(c.rmdir('d'), 0);
    },
  },
  {
    name: 'changes by others while it is listed: what is untouched is listed exactly once, nothing twice',
    given: many(500),
    run: (c) => {
      const fd = open(c, 'd');
      const seen: string[] = [];
      for (let round = 0; ; round++) {
        const some = c.ok(c.getdents(fd, 500)) as Entry[];
        if (some.length === 0) break;
        seen.push(...namesOf(some));
        if (round < 40) {
          c.is(c.unlink(`d/n${String(round * 3).padStart(5, '0')}`), 0);
          c.put(`d/new${round}`, '');
          c.is(c.rename(`d/n${String(499 - round * 3).padStart(5, '0')}`, `d/moved${round}`), 0);
        }
      }
      c.is(new Set(seen).size, seen.length, 'nothing twice');
      const kept = numbered(500).slice(120, 380);
      c.is(
        seen
          .filter((name) => kept.includes(name))
          .sort()
          .join(' '),
        kept.join(' '),
      );
    },
  },
  {
    name: 'writing to listed files, which may move them between layers, disturbs no listing',
    given: many(100),
    run: (c) => {
      const fd = open(c, 'd');
      const seen: string[] = [];
      for (;;) {
        const some = c.ok(c.getdents(fd, 400)) as Entry[];
        if (some.length === 0) break;
        for (const name of namesOf(some)) {
          seen.push(name);
          c.put(`d/${name}`, 'written');
          c.is(c.chmod(`d/${name}`, 0o600), 0);
        }
      }
      c.is(seen.sort().join(' '), numbered(100).join(' '));
      same(c, rest(c, open(c, 'd')), numbered(100));
    },
  },
  {
    name: 'two handles of one directory have positions of their own; a duplicate shares one',
    given: many(100),
    run: (c) => {
      const [a, b] = [open(c, 'd'), open(c, 'd')];
      const first = c.ok(c.getdents(a, 500)) as Entry[];
      same(c, rest(c, b), numbered(100));
      const copy = c.ok(c.dup(a));
      const second = c.ok(c.getdents(copy, 500)) as Entry[];
      same(c, [...first, ...second, ...rest(c, a)], numbered(100));
      c.is((c.getdents(copy) as Entry[]).length, 0);
    },
  },
  {
    name: 'of a removed directory: ENOENT, by a handle from before and from its start',
    given: { d: dir(), e: dir(), 'e/f': file('') },
    run: (c) => {
      const [fresh, read, other] = [open(c, 'd'), open(c, 'd'), open(c, 'e')];
      rest(c, read);
      rest(c, other);
      c.is(c.rmdir('d'), 0);
      c.is(c.unlink('e/f'), 0);
      c.is(c.rmdir('e'), 0);
      for (const fd of [fresh, read, other]) {
        c.is(c.getdents(fd) as number, 'ENOENT');
        c.is(c.lseek(fd, 0), 0);
        c.is(c.getdents(fd) as number, 'ENOENT');
        c.is(c.ffacts(fd).nlink, 0);
      }
      c.is(c.mkdir('d'), 0);
      c.put('d/new', '');
      c.is(c.getdents(fresh) as number, 'ENOENT', 'a new one of that name is another');
    },
  },
  {
    name: 'of a directory that was replaced by rename: ENOENT',
    given: { d: dir(), e: dir(), 'e/f': file('') },
    run: (c) => {
      const fd = open(c, 'd');
      c.is(c.rename('e', 'd'), 0);
      c.is(c.getdents(fd) as number, 'ENOENT');
      same(c, rest(c, open(c, 'd')), ['f']);
    },
  },
  {
    name: 'a handle follows its directory through renames',
    given: { 'a/d/f': file('1'), b: dir() },
    run: (c) => {
      const fd = open(c, 'a/d');
      c.is(c.rename('a/d', 'b/e'), 0);
      c.put('b/e/g', '2');
      c.is(c.lseek(fd, 0), 0);
      same(c, rest(c, fd), ['f', 'g']);
      c.is(c.lseek(fd, 0), 0);
      const up = rest(c, fd).find(({ name }) => name === '..');
      c.is(up?.ino, c.facts('b').ino);
      c.is(c.close(c.ok(c.openat(fd, 'f', O_RDWR))), 0);
    },
  },
  {
    name: 'EISDIR: reading, writing, truncating a directory',
    given: { d: dir() },
    run: (c) => {
      for (const flags of [O_WRONLY, O_RDWR, O_RDONLY | 0o1000, O_RDONLY | 0o100])
        c.is(c.open('d', flags), 'EISDIR');
      c.is(c.truncate('d', 0), 'EISDIR');
      const fd = open(c, 'd');
      c.is(c.read(fd, 1), 'EISDIR');
      c.asPlain(c.pread(fd, 1, 0));
      c.is(c.write(fd, 'x'), 'EBADF');
      c.is(c.ftruncate(fd, 0), 'EINVAL');
      c.is(c.fallocate(fd, 0, 0, 1), 'EBADF');
      c.is(c.lseek(fd, -1), 'EINVAL');
    },
  },
  {
    name: 'fsync, fdatasync and syncfs of a directory',
    given: { d: dir(), 'd/f': file('') },
    run: (c) => {
      const fd = open(c, 'd');
      c.put('d/new', 'x');
      c.is(c.fsync(fd), 0);
      c.is(c.fdatasync(fd), 0);
      c.is(c.syncfs(fd), 0);
      c.is(c.unlink('d/new'), 0);
      c.is(c.unlink('d/f'), 0);
      c.is(c.rmdir('d'), 0);
      c.is(c.fsync(fd), 0, 'removed');
    },
  },
]);
