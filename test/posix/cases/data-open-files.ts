// Files that are open go on working, whatever becomes of their names and whichever layer their data lie on afterwards.

import {
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  RENAME_EXCHANGE,
  SEEK_END,
} from '../../../src/sys/constants.ts';
import { type Case, cases, dir, file, hardlink } from '../case.ts';
import type { Context } from '../context.ts';

const CONTENT = 'the content of the file';
/** Nanoseconds. */
const SOME_TIME = 1_234_567_890_000_000_001n;

/** What becomes of `f` while it is open; how many names it has then, and one of them. */
interface Fate {
  name: string;
  path: string | undefined;
  nlink: number;
  content?: string;
  act: (c: Context) => void;
}

const WRITTEN = 'THE content of the file';

function written(c: Context, fd: number): void {
  c.is(c.pwrite(c.ok(fd), 'THE', 0), 3);
}

const FATES: Fate[] = [
  { name: 'renamed', path: 'g', nlink: 1, act: (c) => c.is(c.rename('f', 'g'), 0) },
  { name: 'moved to another directory', path: 'd/g', nlink: 1, act: (c) => c.is(c.rename('f', 'd/g'), 0) },
  { name: 'unlinked', path: undefined, nlink: 0, act: (c) => c.is(c.unlink('f'), 0) },
  { name: 'replaced by a rename', path: undefined, nlink: 0, act: (c) => c.is(c.rename('other', 'f'), 0) },
  {
    name: 'unlinked, and the name is another file’s',
    path: undefined,
    nlink: 0,
    act: (c) => {
      c.is(c.unlink('f'), 0);
      c.put('f', 'a new file');
    },
  },
  {
    name: 'exchanged with another',
    path: 'other',
    nlink: 1,
    act: (c) => c.is(c.rename('f', 'other', RENAME_EXCHANGE), 0),
  },
  { name: 'linked', path: 'd/link', nlink: 2, act: (c) => c.is(c.link('f', 'd/link'), 0) },
  {
    name: 'written to by another descriptor',
    path: 'f',
    nlink: 1,
    content: WRITTEN,
    act: (c) => written(c, c.open('f', O_WRONLY)),
  },
  {
    name: 'written to by another descriptor, then renamed',
    path: 'd/g',
    nlink: 1,
    content: WRITTEN,
    act: (c) => {
      written(c, c.open('f', O_WRONLY));
      c.is(c.rename('f', 'd/g'), 0);
    },
  },
  {
    name: 'renamed, then written to by another descriptor',
    path: 'g',
    nlink: 1,
    content: WRITTEN,
    act: (c) => {
      c.is(c.rename('f', 'g'), 0);
      written(c, c.open('g', O_RDWR));
    },
  },
  {
    name: 'written to by another descriptor, then unlinked',
    path: undefined,
    nlink: 0,
    content: WRITTEN,
    act: (c) => {
      written(c, c.open('f', O_WRONLY));
      c.is(c.unlink('f'), 0);
    },
  },
];

interface Deed {
  name: string;
  /** Needs a descriptor to write. */
  writes?: boolean;
  act: (c: Context, fd: number, path: string | undefined, content: string) => void;
}

const DEEDS: Deed[] = [
  {
    name: 'read, seek, sync',
    act: (c, fd, path, content) => {
      c.is(c.pread(fd, 100, 0), content);
      c.is(c.lseek(fd, -4, SEEK_END), content.length - 4);
      c.is(c.read(fd, 100), 'file');
      c.is(c.fsync(fd), 0);
      c.is(c.fdatasync(fd), 0);
      if (path !== undefined) c.is(c.text(path), content);
    },
  },
  {
    name: 'fchmod, fchown, futimens',
    act: (c, fd, path) => {
      const { uid, gid } = c.ffacts(fd);
      c.is(c.fchmod(fd, 0o604), 0);
      c.is(c.fchown(fd, uid, gid), 0);
      c.is(c.futimens(fd, SOME_TIME, SOME_TIME + 5n), 0);
      for (const facts of path === undefined ? [c.ffacts(fd)] : [c.ffacts(fd), c.facts(path)]) {
        c.is(facts.mode, 0o604);
        c.is(facts.mtime, SOME_TIME + 5n);
      }
    },
  },
  {
    name: 'extended attributes',
    act: (c, fd, path) => {
      c.is(c.fgetxattr(fd, 'user.kept'), 'value');
      c.is(c.fsetxattr(fd, 'user.more', 'another'), 0);
      c.is(c.flistxattr(fd), 'user.kept user.more');
      c.is(c.fremovexattr(fd, 'user.kept'), 0);
      c.is(c.fgetxattr(fd, 'user.kept'), 'ENODATA');
      c.is(c.fgetxattr(fd, 'user.more'), 'another');
      if (path !== undefined) c.is(c.listxattr(path), 'user.more');
    },
  },
  {
    name: 'write, ftruncate, fallocate',
    writes: true,
    act: (c, fd, path, content) => {
      c.is(c.pwrite(fd, 'x', 30), 1);
      c.is(c.pread(fd, 100, 0), `${content.padEnd(30, '\0')}x`);
      c.is(c.ftruncate(fd, 5), 0);
      c.is(c.fallocate(fd, 0, 0, 8), 0);
      c.is(c.pread(fd, 100, 0), `${content.slice(0, 5)}\0\0\0`);
      c.is(c.ffacts(fd).size, 8);
      if (path !== undefined) c.is(c.text(path), `${content.slice(0, 5)}\0\0\0`);
    },
  },
  {
    name: 'opened again through /proc, to read, to write, to empty it',
    act: (c, fd, path, content) => {
      const self = `/proc/self/fd/${fd}`;
      c.is(c.text(self), content);
      const writing = c.ok(c.open(self, O_WRONLY));
      c.is(c.pwrite(writing, 'again', 0), 5);
      c.is(c.pread(fd, 5, 0), 'again');
      c.is(c.ffacts(writing).ino, c.ffacts(fd).ino);
      c.ok(c.open(self, O_RDWR | O_TRUNC));
      c.is(c.ffacts(fd).size, 0);
      c.is(c.pwrite(writing, 'more', 0), 4);
      c.is(c.pread(fd, 9, 0), 'more');
      if (path !== undefined) c.is(c.text(path), 'more');
    },
  },
];

const matrix = FATES.flatMap((fate): Case[] =>
  DEEDS.flatMap(({ name, writes, act }): Case[] =>
    (writes ? [O_RDWR] : [O_RDONLY, O_RDWR]).map((flags) => ({
      name: `${fate.name}, opened to ${flags === O_RDONLY ? 'read' : 'read and write'}: ${name}`,
      given: {
        f: file(CONTENT, { xattrs: { 'user.kept': 'value' } }),
        other: file('another file'),
        d: dir(),
      },
      run: (c) => {
        const before = c.facts('f');
        const fd = c.ok(c.open('f', flags));
        c.is(c.pread(fd, 3, 0), 'the');
        fate.act(c);
        const after = c.ffacts(fd);
        c.is(after.ino, before.ino, 'st_ino by the descriptor');
        c.is(after.nlink, fate.nlink, 'links');
        if (fate.path !== undefined) c.is(c.facts(fate.path).ino, before.ino, 'st_ino by the name');
        act(c, fd, fate.path, fate.content ?? CONTENT);
        c.is(c.ffacts(fd).ino, before.ino, 'st_ino at the end');
        c.is(c.ffacts(fd).nlink, fate.nlink, 'links at the end');
        c.is(c.close(fd), 0);
      },
    })),
  ),
);

export default cases('open file', [
  ...matrix,
  {
    name: 'a reader from before sees every write, cut and append of a later writer',
    given: { f: file(CONTENT) },
    run: (c) => {
      const readers = [c.ok(c.open('f', O_RDONLY)), c.ok(c.other().open('f', O_RDONLY))] as const;
      const sees = (content: string) => {
        c.is(c.pread(readers[0], 100, 0), content);
        c.is(c.other().pread(readers[1], 100, 0), content);
        c.is(c.ffacts(readers[0]).size, content.length);
      };
      sees(CONTENT);
      const fd = c.ok(c.open('f', O_RDWR));
      sees(CONTENT);
      c.is(c.pwrite(fd, 'THE', 0), 3);
      sees(WRITTEN);
      c.is(c.ftruncate(fd, 3), 0);
      sees('THE');
      c.is(c.pwrite(fd, '!', 4), 1);
      sees('THE\0!');
      c.is(c.close(fd), 0);
      c.put('f', 'anew');
      sees('anew');
      c.is(c.unlink('f'), 0);
      sees('anew');
    },
  },
  {
    name: 'a position stays while the file is written to by another',
    given: { f: file('0123456789') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      c.is(c.read(fd, 4), '0123');
      const writer = c.ok(c.other().open('f', O_RDWR));
      c.is(c.other().pwrite(writer, 'abcdef', 3), 6);
      c.is(c.read(fd, 3), 'bcd');
      c.is(c.read(fd, 9), 'ef9');
    },
  },
  {
    name: 'two names of one file are one file to all that have it open',
    given: { f: file(CONTENT), 'd/g': hardlink('f') },
    run: (c) => {
      const one = c.ok(c.open('f', O_RDONLY));
      const two = c.ok(c.open('d/g', O_RDONLY));
      const { ino } = c.facts('f');
      const writer = c.ok(c.open('d/g', O_RDWR));
      c.is(c.pwrite(writer, 'THE', 0), 3);
      for (const fd of [one, two, writer]) {
        c.is(c.pread(fd, 100, 0), WRITTEN);
        c.is(c.ffacts(fd).ino, ino);
        c.is(c.ffacts(fd).nlink, 2);
      }
      c.is(c.text('f'), WRITTEN);
      c.is(c.facts('f').ino, ino);
      c.is(c.unlink('f'), 0);
      for (const fd of [one, two, writer]) c.is(c.ffacts(fd).nlink, 1);
      c.is(c.pwrite(writer, 'x', 0), 1);
      c.is(c.pread(one, 3, 0), 'xHE');
      c.is(c.facts('d/g').ino, ino);
    },
  },
  {
    name: 'opened by a name that is gone, written through /proc: the other name shows it, before and after it is opened for writing',
    given: { f: file(CONTENT), g: hardlink('f') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      c.is(c.unlink('f'), 0);
      const writing = c.ok(c.open(`/proc/self/fd/${fd}`, O_RDWR));
      c.is(c.pwrite(writing, 'THE', 0), 3);
      c.is(c.text('g'), WRITTEN);
      const other = c.ok(c.open('g', O_RDWR));
      c.is(c.pwrite(writing, 'That', 0), 4);
      c.is(c.pread(other, 8, 0), 'Thatcont');
      c.is(c.pwrite(other, 'x', 0), 1);
      c.is(c.pread(fd, 4, 0), 'xhat');
      c.is(c.text('g').slice(0, 4), 'xhat');
    },
  },
  {
    name: 'an unlinked file takes what is written and shows it to all who have it open',
    given: { f: file(CONTENT) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const other = c.ok(c.other().open('f', O_RDONLY));
      c.is(c.unlink('f'), 0);
      c.gone('f');
      c.is(c.pwrite(fd, 'THE', 0), 3);
      c.is(c.other().pread(other, 100, 0), WRITTEN);
      c.put('f', 'another');
      c.is(c.other().pread(other, 100, 0), WRITTEN);
      c.is(c.text('f'), 'another');
      c.is(c.close(fd), 0);
      c.is(c.other().pread(other, 100, 0), WRITTEN);
    },
  },
  {
    name: 'an unlinked file in a removed directory',
    given: { 'e/f': file(CONTENT) },
    run: (c) => {
      const fd = c.ok(c.open('e/f', O_RDWR));
      c.is(c.unlink('e/f'), 0);
      c.is(c.rmdir('e'), 0);
      c.is(c.pwrite(fd, 'THE', 0), 3);
      c.is(c.pread(fd, 100, 0), WRITTEN);
      c.is(c.ffacts(fd).nlink, 0);
      c.is(c.fchmod(fd, 0o600), 0);
      c.is(c.ffacts(fd).mode, 0o600);
    },
  },
  {
    name: 'its directory is renamed while it is open',
    given: { 'e/f': file(CONTENT), 'e/g': file('g') },
    run: (c) => {
      const fd = c.ok(c.open('e/f', O_RDONLY));
      const { ino } = c.ffacts(fd);
      c.is(c.rename('e', 'h'), 0);
      c.is(c.pread(fd, 3, 0), 'the');
      const writer = c.ok(c.open('h/f', O_RDWR));
      c.is(c.pwrite(writer, 'THE', 0), 3);
      c.is(c.pread(fd, 100, 0), WRITTEN);
      c.is(c.facts('h/f').ino, ino);
      c.is(c.ffacts(fd).ino, ino);
    },
  },
  {
    name: 'close answers 0, once',
    given: { f: file(CONTENT) },
    run: (c) => {
      for (const flags of [O_RDONLY, O_WRONLY, O_RDWR]) {
        const fd = c.ok(c.open('f', flags));
        c.is(c.close(fd), 0);
        c.is(c.close(fd), 'EBADF');
      }
    },
  },
]);
