// Files that are open go on working, whatever becomes of their names and whichever layer their data lie on afterwards.

import {
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  RENAME_EXCHANGE,
  SEEK_END,
} from '../../../src/sys/constants.ts';
import { type Case, cases, dir, file } from '../case.ts';
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

export default cases('open file', matrix);
