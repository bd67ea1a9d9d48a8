// mkdir(2) and rmdir(2).

import { AT_REMOVEDIR, O_DIRECTORY, O_RDONLY } from '../../../src/sys/constants.ts';
import { type Case, cases, dir, fifo, file, symlink, type Thing } from '../case.ts';
import { ALICE, BOB, type Context } from '../context.ts';

const THERE: Record<string, Thing> = {
  'a file': file('f'),
  'a directory': dir(),
  'a symlink to a directory': symlink('.'),
  'a symlink to nothing': symlink('nothing'),
  'a FIFO': fifo(),
};

/** Counting would mean to list it at each stat; 1 is what file systems show that do not count. */
const MERGED_LINKS = 'a directory that several layers have, or may have, shows one link';

const mkdirs: Case[] = [
  {
    name: 'makes an empty directory of the caller, less the umask',
    given: { d: dir() },
    run: (c) => {
      c.is(c.mkdir('d/new', 0o777), 0);
      const made = c.facts('d/new');
      c.is(made.type, 'dir');
      c.is(made.mode, 0o755);
      c.is(made.uid, process.geteuid?.());
      c.is(c.names('d/new'), '');
      c.is(c.names('d'), 'new');
    },
  },
  ...[0o000, 0o077, 0o777].map((mask) => ({
    name: `under umask ${mask.toString(8).padStart(3, '0')}`,
    run: (c: Context) => {
      c.umask(mask);
      c.is(c.mkdir('new', 0o777), 0);
      c.is(c.facts('new').mode, 0o777 & ~mask);
    },
  })),
  {
    name: 'the sticky bit is kept, set-user-ID and set-group-ID as the system has it',
    run: (c) => {
      c.is(c.mkdir('sticky', 0o1777), 0);
      c.is(c.facts('sticky').mode, 0o1755);
      c.is(c.mkdir('ids', 0o6777), 0);
      c.asPlain(c.facts('ids').mode);
    },
  },
  {
    name: 'gives the directory to the user who makes it',
    root: true,
    given: { d: dir({ mode: 0o777 }) },
    run: (c) => {
      c.as(ALICE, () => c.is(c.mkdir('d/new'), 0));
      c.is(c.facts('d/new').uid, ALICE.uid);
      c.is(c.facts('d/new').gid, ALICE.gid);
    },
  },
  {
    name: 'set-group-ID passes to new directories, with the group',
    root: true,
    given: { d: dir({ mode: 0o2777, gid: 2500 }) },
    run: (c) => {
      c.as(ALICE, () => {
        c.is(c.mkdir('d/new'), 0);
        c.is(c.mkdir('d/new/deeper'), 0);
      });
      for (const path of ['d/new', 'd/new/deeper']) {
        c.is(c.facts(path).gid, 2500);
        c.is(c.facts(path).mode, 0o2755);
      }
    },
  },
  {
    name: 'changes the times of the directory that it is made in',
    given: { d: dir(), 'd/other': file() },
    run: (c) => c.changes('d', ['mtime', 'ctime'], () => c.is(c.mkdir('d/new'), 0)),
  },
  {
    name: 'links are counted as on the plain directory',
    unless: { btrfs: 'a directory of btrfs has one link, whatever is in it' },
    deviates: {
      lower: { sees: 'got 1', why: MERGED_LINKS },
      merged: { sees: 'got 1', why: MERGED_LINKS },
      lower2: { sees: 'got 1', why: MERGED_LINKS },
      contrary: { sees: 'got 1', why: MERGED_LINKS },
    },
    given: { 'd/e': dir(), 'd/f': file() },
    run: (c) => {
      c.asPlain(c.facts('d').nlink, 'with one');
      c.is(c.mkdir('d/new'), 0);
      c.asPlain(c.facts('d').nlink, 'with two');
      c.asPlain(c.facts('d/new').nlink, 'empty');
      c.is(c.rmdir('d/e'), 0);
      c.asPlain(c.facts('d').nlink, 'with one again');
    },
  },
  ...Object.entries(THERE).map(([what, thing]) => ({
    name: `EEXIST when ${what} is there`,
    given: { x: thing },
    run: (c: Context) => {
      const { ino } = c.facts('x');
      c.is(c.mkdir('x'), 'EEXIST');
      c.is(c.facts('x').ino, ino);
    },
  })),
  {
    name: 'EEXIST for . and .. and the root',
    given: { d: dir() },
    run: (c) => {
      for (const path of ['.', '..', 'd/.', 'd/..', '/']) c.is(c.mkdir(path), 'EEXIST', path);
    },
  },
  {
    name: 'ENOENT when the path goes on behind the new name',
    run: (c) => {
      c.is(c.mkdir('new/.'), 'ENOENT');
      c.is(c.mkdir('new/deeper'), 'ENOENT');
      c.is(c.names(), '');
    },
  },
  {
    name: 'slashes behind the name are allowed',
    run: (c) => {
      c.is(c.mkdir('new//'), 0);
      c.is(c.facts('new').type, 'dir');
    },
  },
  {
    name: 'EACCES without write permission',
    root: true,
    given: { d: dir({ mode: 0o755 }), mine: dir({ mode: 0o577, uid: ALICE.uid }) },
    run: (c) => {
      c.as(ALICE, () => {
        c.is(c.mkdir('d/new'), 'EACCES');
        c.is(c.mkdir('mine/new'), 'EACCES');
      });
      c.is(c.names('d'), '');
    },
  },
  {
    name: 'EEXIST comes before EACCES',
    root: true,
    given: { 'd/there': file() },
    run: (c) => c.as(ALICE, () => c.is(c.mkdir('d/there'), 'EEXIST')),
  },
];

const rmdirs: Case[] = [
  {
    name: 'removes an empty directory, and changes the times of the one above',
    given: { 'd/e': dir(), 'd/f': file() },
    run: (c) => {
      c.changes('d', ['mtime', 'ctime'], () => c.is(c.rmdir('d/e'), 0));
      c.gone('d/e');
      c.is(c.rmdir('d/e'), 'ENOENT');
    },
  },
  ...Object.entries({ file: file(), directory: dir(), symlink: symlink('x'), FIFO: fifo() }).map(
    ([what, thing]) => ({
      name: `ENOTEMPTY when a ${what} is in it`,
      given: { 'd/x': thing },
      run: (c: Context) => {
        c.is(c.rmdir('d'), ['ENOTEMPTY', 'EEXIST']);
        c.is(c.names('d'), 'x');
      },
    }),
  ),
  {
    name: 'after everything in it has gone',
    given: { 'd/a': file(), 'd/b': symlink('x'), 'd/e/f': file(), 'd/p': fifo() },
    run: (c) => {
      for (const name of ['d/a', 'd/b', 'd/e/f', 'd/p']) {
        c.is(c.rmdir('d'), ['ENOTEMPTY', 'EEXIST']);
        c.is(c.unlink(name), 0, name);
      }
      c.is(c.rmdir('d/e'), 0);
      c.is(c.rmdir('d'), 0);
      c.gone('d');
    },
  },
  {
    name: 'after everything in it has been moved away',
    given: { 'd/a': file('a'), 'd/b': file('b'), 'd/e/f': file('f') },
    run: (c) => {
      for (const name of ['a', 'b', 'e']) c.is(c.rename(`d/${name}`, name), 0, name);
      c.is(c.rmdir('d'), 0);
      c.gone('d');
      c.is(c.names(), 'a b e');
      c.is(c.text('e/f'), 'f');
    },
  },
  ...Object.entries({ 'a file': file(), 'a FIFO': fifo(), 'a symlink to a directory': symlink('d') }).map(
    ([what, thing]) => ({
      name: `ENOTDIR for ${what}`,
      given: { x: thing, d: dir() },
      run: (c: Context) => {
        c.is(c.rmdir('x'), 'ENOTDIR');
        c.is(c.rmdir('x/'), 'ENOTDIR');
        c.is(c.unlinkat(-100, 'x', AT_REMOVEDIR), 'ENOTDIR');
        c.is(c.names(), 'd x');
      },
    }),
  ),
  {
    name: 'EINVAL for . and ENOTEMPTY for ..',
    given: { 'd/e': dir() },
    run: (c) => {
      c.is(c.rmdir('d/e/.'), 'EINVAL');
      c.is(c.rmdir('.'), 'EINVAL');
      c.is(c.rmdir('d/e/..'), 'ENOTEMPTY');
      c.is(c.rmdir('..'), 'ENOTEMPTY');
      c.is(c.names('d'), 'e');
    },
  },
  {
    name: 'slashes behind the name are allowed',
    given: { d: dir() },
    run: (c) => {
      c.is(c.rmdir('d//'), 0);
      c.gone('d');
    },
  },
  {
    name: 'EACCES without write permission above, whoever owns it',
    root: true,
    given: { 'd/mine': dir({ uid: ALICE.uid }) },
    run: (c) => {
      c.as(ALICE, () => c.is(c.rmdir('d/mine'), 'EACCES'));
      c.is(c.names('d'), 'mine');
    },
  },
  {
    name: 'no permission for the directory itself is needed',
    root: true,
    given: { d: dir({ mode: 0o777 }), 'd/closed': dir({ mode: 0, uid: BOB.uid }) },
    run: (c) => {
      c.as(ALICE, () => c.is(c.rmdir('d/closed'), 0));
      c.is(c.names('d'), '');
    },
  },
  {
    name: 'a name that was removed can be taken by a file, and the other way round',
    given: { d: dir(), f: file() },
    run: (c) => {
      c.is(c.rmdir('d'), 0);
      c.put('d', 'now a file');
      c.is(c.unlink('f'), 0);
      c.is(c.mkdir('f'), 0);
      c.is(c.text('d'), 'now a file');
      c.is(c.names('f'), '');
    },
  },
  {
    name: 'a new directory of the name is empty',
    given: { 'd/a': file(), 'd/b': file(), 'd/e/c': file() },
    run: (c) => {
      for (const name of ['d/a', 'd/b', 'd/e/c']) c.is(c.unlink(name), 0);
      c.is(c.rmdir('d/e'), 0);
      c.is(c.rmdir('d'), 0);
      c.is(c.mkdir('d'), 0);
      c.is(c.names('d'), '');
      c.is(c.mkdir('d/e'), 0);
      c.is(c.names('d/e'), '');
    },
  },
  {
    name: 'an open directory that was removed lists nothing, and takes nothing',
    given: { 'd/e': dir() },
    run: (c) => {
      const fd = c.ok(c.open('d/e', O_RDONLY | O_DIRECTORY));
      const { ino } = c.ffacts(fd);
      c.is(c.rmdir('d/e'), 0);
      c.is(c.ffacts(fd).ino, ino);
      c.asPlain(c.ffacts(fd).nlink, 'nlink');
      c.asPlain((c.getdents(fd) as unknown[]).length, 'entries');
      c.is(c.mkdirat(fd, 'x'), 'ENOENT');
      c.is(c.openat(fd, 'x', 0o101), 'ENOENT');
      c.is(c.openat(fd, 'x', O_RDONLY), 'ENOENT');
      c.is(c.symlinkat('x', fd, 'x'), 'ENOENT');
      c.is(c.mknodat(fd, 'x', 0o100644), 'ENOENT');
      c.is(c.unlinkat(fd, 'x'), 'ENOENT');
      c.is(c.renameat2(fd, 'x', -100, 'y'), 'ENOENT');
      c.is(c.renameat2(-100, 'd', fd, 'y'), 'ENOENT');
      c.is(c.names('d'), '');
    },
  },
  {
    name: 'the working directory can be removed; nothing can be made or found in it then',
    given: { 'd/e': dir(), f: file() },
    run: (c) => {
      const f = c.path('f');
      c.is(c.chdir('d/e'), 0);
      c.is(c.rmdir('../e'), 0);
      c.is(c.mkdir('x'), 'ENOENT');
      c.is(c.open('x', 0o101), 'ENOENT');
      c.is(c.open('x', O_RDONLY), 'ENOENT');
      c.is(c.symlink('x', 'y'), 'ENOENT');
      c.is(c.link(f, 'x'), 'ENOENT');
      c.is(c.rename(f, 'x'), 'ENOENT');
      c.is(c.getcwd(), 'ENOENT');
      c.ok(c.stat('.'));
      c.asPlain(c.rmdir('.'));
      c.is(c.chdir('..'), 0);
      c.is(c.names(), '');
    },
  },
];

export default [...cases('mkdir', mkdirs), ...cases('rmdir', rmdirs)];
