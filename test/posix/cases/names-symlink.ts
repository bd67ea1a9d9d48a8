// symlink(2), readlink(2), and the ways that lead through symlinks.

import { O_CREAT, O_NOFOLLOW, O_PATH, O_RDONLY, O_WRONLY } from '../../../src/sys/constants.ts';
import { type Case, cases, dir, fifo, file, symlink } from '../case.ts';
import { ALICE, type Context } from '../context.ts';

const TARGETS: Record<string, string | Buffer> = {
  'a name': 'somewhere',
  'an absolute path': '/no/such/place',
  'many steps up': '../'.repeat(100),
  'bytes that are no UTF-8': Buffer.from([0xff, 0x2f, 0x80, 0x0a]),
  'spaces and newlines': ' a\n b ',
  '255 bytes': 'n'.repeat(255),
  '1023 bytes': 'm'.repeat(1023),
};

const symlinks: Case[] = [
  ...Object.entries(TARGETS).map(([what, target]) => ({
    name: `to ${what}, kept as it is`,
    given: { d: dir() },
    run: (c: Context) => {
      c.is(c.symlink(target, 'd/l'), 0);
      c.is(c.readlink('d/l'), Buffer.from(target).toString('latin1'));
      c.is(c.facts('d/l').size, target.length);
      c.is(c.facts('d/l').type, 'symlink');
      c.is(c.facts('d/l').mode, 0o777);
    },
  })),
  {
    name: 'the longest targets, as the file system has it',
    run: (c) => {
      for (const length of [1024, 4000, 4095, 4096, 5000]) {
        c.asPlain(c.symlink('x'.repeat(length), `l${length}`));
        const target = c.readlink(`l${length}`);
        c.asPlain(typeof target === 'string' ? target.length : target);
      }
    },
  },
  {
    name: 'ENOENT for an empty target',
    run: (c) => {
      c.is(c.symlink('', 'l'), 'ENOENT');
      c.is(c.names(), '');
    },
  },
  ...Object.entries({
    file: file('x'),
    directory: dir(),
    'symlink to nothing': symlink('nothing'),
    FIFO: fifo(),
  }).map(([what, thing]) => ({
    name: `EEXIST when a ${what} is there`,
    given: { x: thing },
    run: (c: Context) => {
      const { type } = c.facts('x');
      c.is(c.symlink('target', 'x'), 'EEXIST');
      c.is(c.facts('x').type, type);
    },
  })),
  {
    name: 'ENOENT or EEXIST with a slash behind the name',
    given: { d: dir(), l: symlink('nothing') },
    run: (c) => {
      c.is(c.symlink('x', 'new/'), 'ENOENT');
      c.is(c.symlink('x', 'd/'), 'EEXIST');
      c.asPlain(c.symlink('x', 'l/'));
      c.is(c.names(), 'd l');
    },
  },
  {
    name: 'belongs to the user who makes it; the times of the directory change',
    root: true,
    given: { d: dir({ mode: 0o777 }), 'd/x': file() },
    run: (c) => {
      c.changes('d', ['mtime', 'ctime'], () => c.as(ALICE, () => c.is(c.symlink('x', 'd/l'), 0)));
      c.is(c.facts('d/l').uid, ALICE.uid);
    },
  },
  {
    name: 'in a set-group-ID directory it gets the group',
    root: true,
    given: { d: dir({ mode: 0o2777, gid: 2500 }) },
    run: (c) => {
      c.as(ALICE, () => c.is(c.symlink('x', 'd/l'), 0));
      c.is(c.facts('d/l').gid, 2500);
    },
  },
  {
    name: 'EACCES without write permission',
    root: true,
    given: { d: dir() },
    run: (c) => c.as(ALICE, () => c.is(c.symlink('x', 'd/l'), 'EACCES')),
  },
  {
    name: 'relative to an open directory',
    given: { d: dir() },
    run: (c) => {
      const d = c.ok(c.open('d', O_RDONLY));
      c.is(c.symlinkat('target', d, 'l'), 0);
      c.is(c.readlink('l', 100, d), 'target');
      c.is(c.readlink('d/l'), 'target');
    },
  },
];

const readlinks: Case[] = [
  {
    name: 'EINVAL for what is no symlink',
    given: { f: file(), d: dir(), p: fifo() },
    run: (c) => {
      for (const name of ['f', 'd', 'p', '.']) c.is(c.readlink(name), 'EINVAL', name);
    },
  },
  {
    name: 'as many bytes as there is room for',
    given: { l: symlink('target'), m: symlink('another') },
    run: (c) => {
      c.is(c.readlink('l', 3), 'tar');
      c.is(c.readlink('m', 1), 'a');
      c.is(c.readlink('l', 6), 'target');
      c.is(c.readlink('l', 0), 'EINVAL');
    },
  },
  {
    name: 'needs no permission for the symlink, only the way to it',
    root: true,
    given: { l: symlink('target', { uid: 0 }), 'd/l': symlink('target'), d: dir({ mode: 0o766 }) },
    run: (c) =>
      c.as(ALICE, () => {
        c.is(c.readlink('l'), 'target');
        c.is(c.readlink('d/l'), 'EACCES');
      }),
  },
  {
    name: 'of a symlink opened with O_PATH',
    given: { l: symlink('target'), m: symlink('another'), f: file() },
    run: (c) => {
      c.is(c.readlink('', 100, c.ok(c.open('l', O_PATH | O_NOFOLLOW))), 'target');
      c.is(c.readlink('', 100, c.ok(c.open('m', O_PATH | O_NOFOLLOW))), 'another');
      c.is(c.readlink('', 100, c.ok(c.open('f', O_PATH))), ['EINVAL', 'ENOENT']);
    },
  },
  {
    name: 'after rename, and of a new one of the same name',
    given: { l: symlink('one'), d: dir() },
    run: (c) => {
      c.is(c.rename('l', 'd/l'), 0);
      c.is(c.symlink('two', 'l'), 0);
      c.is(c.readlink('d/l'), 'one');
      c.is(c.readlink('l'), 'two');
      c.is(c.unlink('l'), 0);
      c.is(c.symlink('three', 'l'), 0);
      c.is(c.readlink('l'), 'three');
    },
  },
];

const ways: Case[] = [
  {
    name: 'forty symlinks one after the other are followed, one more is ELOOP',
    given: {
      f: file('end'),
      ...Object.fromEntries(
        Array.from({ length: 41 }, (_, i) => [`l${i}`, symlink(i === 0 ? 'f' : `l${i - 1}`)]),
      ),
    },
    run: (c) => {
      c.is(c.text('l39'), 'end');
      c.is(c.open('l40', O_RDONLY), 'ELOOP');
      c.is((c.stat('l39') as { size: number }).size, 3);
    },
  },
  {
    name: 'into directories, up again, and to absolute paths',
    given: {
      'd/e/f': file('f'),
      'd/up': symlink('../d/e'),
      l: symlink('d/up/../e/f'),
      m: symlink('./d//up/'),
    },
    run: (c) => {
      c.is(c.text('l'), 'f');
      c.is(c.text('m/f'), 'f');
      c.is(c.text('m/../up/f'), 'f');
      c.is(c.symlink(c.path('d'), 'absolute'), 0);
      c.is(c.text('absolute/e/f'), 'f');
    },
  },
  {
    name: 'what is made through a symlink to a directory is in the directory',
    given: { 'd/x': file('x'), l: symlink('d') },
    run: (c) => {
      c.put('l/new', 'new');
      c.is(c.mkdir('l/e'), 0);
      c.is(c.rename('l/x', 'l/e/x'), 0);
      c.is(c.link('l/new', 'l/e/new'), 0);
      c.is(c.names('d'), 'e new');
      c.is(c.names('d/e'), 'new x');
      c.is(c.unlink('l/new'), 0);
      c.is(c.names('d'), 'e');
    },
  },
  {
    name: 'a symlink whose target comes and goes',
    given: { l: symlink('f'), f: file('one') },
    run: (c) => {
      c.is(c.text('l'), 'one');
      c.is(c.unlink('f'), 0);
      c.is(c.open('l', O_RDONLY), 'ENOENT');
      c.is(c.mkdir('f'), 0);
      c.is((c.stat('l') as { type: string }).type, 'dir');
      c.is(c.rmdir('f'), 0);
      c.is(c.write(c.ok(c.open('l', O_WRONLY | O_CREAT)), 'two'), 3);
      c.is(c.text('f'), 'two');
    },
  },
  {
    name: 'a symlink is replaced by a directory, and back',
    given: { 'd/a': file('a'), l: symlink('d'), 'e/b': file('b') },
    run: (c) => {
      c.is(c.names('l'), 'a');
      c.is(c.unlink('l'), 0);
      c.is(c.rename('e', 'l'), 0);
      c.is(c.names('l'), 'b');
      c.is(c.rename('l', 'e'), 0);
      c.is(c.symlink('d', 'l'), 0);
      c.is(c.names('l'), 'a');
    },
  },
];

export default [
  ...cases('symlink', symlinks),
  ...cases('readlink', readlinks),
  ...cases('ways through symlinks', ways),
];
