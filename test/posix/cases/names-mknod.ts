// mknod(2) and mkfifo(3) of all kinds, and files without a name (O_TMPFILE).

import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_FOLLOW,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  O_TMPFILE,
  O_WRONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFREG,
  S_IFSOCK,
} from '../../../src/sys/constants.ts';
import { deviceNumber } from '../calls/names.ts';
import { type Case, cases, dir, fifo, file, symlink } from '../case.ts';
import { ALICE, type Context } from '../context.ts';

const KINDS = { file: S_IFREG, fifo: S_IFIFO, socket: S_IFSOCK };
const DEVICES = { char: S_IFCHR, block: S_IFBLK };

const mknods: Case[] = [
  ...Object.entries(KINDS).flatMap(([type, bits]): Case[] => [
    {
      name: `a ${type}: mode less the umask, owner, one link, times of the directory`,
      given: { d: dir(), 'd/x': file() },
      run: (c) => {
        c.changes('d', ['mtime', 'ctime'], () => c.is(c.mknod('d/n', bits | 0o666), 0));
        const made = c.facts('d/n');
        c.is(made.type, type);
        c.is(made.mode, 0o644);
        c.is(made.uid, process.geteuid?.());
        c.is(made.nlink, 1);
        c.is(made.size, 0);
        c.umask(0o077);
        c.is(c.mknod('d/m', bits | 0o777), 0);
        c.is(c.facts('d/m').mode, 0o700);
        c.is(
          c
            .entries('d')
            .map((each) => `${each.name}:${each.type}`)
            .join(' '),
          `m:${type} n:${type} x:file`,
        );
      },
    },
    {
      name: `a ${type} by a user, in a set-group-ID directory`,
      root: true,
      given: { d: dir({ mode: 0o2777, gid: 2500 }) },
      run: (c) => {
        c.as(ALICE, () => c.is(c.mknod('d/n', bits | 0o644), 0));
        c.is(c.facts('d/n').uid, ALICE.uid);
        c.is(c.facts('d/n').gid, 2500);
      },
    },
    {
      name: `a ${type}: EEXIST when something is there`,
      given: { f: file('f'), d: dir(), l: symlink('nothing'), p: fifo() },
      run: (c) => {
        for (const name of ['f', 'd', 'l', 'p', '.', '..']) c.is(c.mknod(name, bits | 0o644), 'EEXIST', name);
        c.is(c.text('f'), 'f');
      },
    },
    {
      name: `a ${type}: ENOENT with a slash behind the name`,
      run: (c) => {
        c.is(c.mknod('n/', bits | 0o644), 'ENOENT');
        c.is(c.names(), '');
      },
    },
    {
      name: `a ${type}: EACCES without write permission`,
      root: true,
      given: { d: dir() },
      run: (c) => c.as(ALICE, () => c.is(c.mknod('d/n', bits | 0o644), 'EACCES')),
    },
  ]),
  ...Object.entries(DEVICES).flatMap(([type, bits]) =>
    [
      [1, 3],
      [255, 255],
      [4095, 1_048_575],
      [7, 256],
      [300, 70_000],
    ].map(([major, minor]) => ({
      name: `a ${type} device ${major}:${minor}`,
      root: true,
      run: (c: Context) => {
        // Not every file system has room for the largest numbers.
        const made = c.mknod('n', bits | 0o640, deviceNumber(major as number, minor as number));
        c.asPlain(made);
        if (made < 0) return;
        c.is(c.facts('n').type, type);
        c.is(c.facts('n').rdev, `${major}:${minor}`);
        c.is(c.facts('n').mode, 0o640);
      },
    })),
  ),
  {
    name: 'a device: EPERM for a user',
    root: true,
    given: { d: dir({ mode: 0o777 }) },
    run: (c) => {
      c.as(ALICE, () => {
        c.is(c.mknod('d/c', S_IFCHR | 0o644, deviceNumber(1, 3)), 'EPERM');
        c.is(c.mknod('d/b', S_IFBLK | 0o644, deviceNumber(7, 0)), 'EPERM');
      });
      c.is(c.names('d'), '');
    },
  },
  {
    name: 'a character device 0:0 is an ordinary device, not a hole in the tree',
    root: true,
    given: { x: file() },
    run: (c) => {
      c.is(c.mknod('n', S_IFCHR | 0o600, 0), 0);
      c.is(c.facts('n').rdev, '0:0');
      c.is(c.names(), 'n x');
    },
  },
  {
    name: 'no type means a file',
    run: (c) => {
      c.is(c.mknod('n', 0o644), 0);
      c.is(c.facts('n').type, 'file');
    },
  },
  {
    name: 'EPERM for a directory, EINVAL for a symlink and for no type at all',
    run: (c) => {
      c.is(c.mknod('n', S_IFDIR | 0o755), 'EPERM');
      c.is(c.mknod('n', S_IFLNK | 0o777), 'EINVAL');
      c.is(c.mknod('n', 0o170000 | 0o644), 'EINVAL');
      c.is(c.names(), '');
    },
  },
  {
    name: 'set-user-ID, set-group-ID and sticky bits',
    run: (c) => {
      c.is(c.mknod('n', S_IFREG | 0o7755), 0);
      c.asPlain(c.facts('n').mode);
    },
  },
  {
    name: 'relative to an open directory',
    given: { d: dir() },
    run: (c) => {
      const d = c.ok(c.open('d', O_RDONLY));
      c.is(c.mknodat(d, 'p', S_IFIFO | 0o600), 0);
      c.is(c.facts('d/p').type, 'fifo');
    },
  },
];

const UNNAMED = O_TMPFILE | O_RDWR;

const tmpfiles: Case[] = [
  {
    name: 'a file without a name, that nobody sees',
    given: { 'd/x': file() },
    run: (c) => {
      const fd = c.ok(c.open('d', UNNAMED, 0o666));
      c.is(c.ffacts(fd).nlink, 0);
      c.is(c.ffacts(fd).mode, 0o644);
      c.is(c.ffacts(fd).type, 'file');
      c.is(c.write(fd, 'content'), 7);
      c.is(c.pread(fd, 10, 0), 'content');
      c.is(c.ffacts(fd).size, 7);
      c.is(c.names('d'), 'x');
      c.is(c.names(), 'd');
    },
  },
  {
    name: 'the mtime of the directory does not change until it gets a name',
    given: { d: dir() },
    run: (c) => {
      const { mtime } = c.facts('d');
      const fd = c.ok(c.open('d', UNNAMED));
      c.is(c.facts('d').mtime, mtime);
      c.changes('d', ['mtime', 'ctime'], () =>
        c.is(c.link(`/proc/self/fd/${fd}`, 'd/named', AT_SYMLINK_FOLLOW), 0),
      );
      c.is(c.ffacts(fd).nlink, 1);
    },
  },
  {
    name: 'gets a name, and then another',
    given: { d: dir(), e: dir() },
    run: (c) => {
      const fd = c.ok(c.open('d', UNNAMED, 0o600));
      c.is(c.write(fd, 'content'), 7);
      const { ino } = c.ffacts(fd);
      c.is(c.link(`/proc/self/fd/${fd}`, 'e/named', AT_SYMLINK_FOLLOW), 0);
      c.is(c.link('e/named', 'd/again'), 0);
      c.is(c.facts('e/named').ino, ino);
      c.is(c.facts('d/again').nlink, 2);
      c.is(c.text('d/again'), 'content');
      c.is(c.pwrite(fd, 'C', 0), 1);
      c.is(c.text('e/named'), 'Content');
    },
  },
  {
    name: 'gets a name by AT_EMPTY_PATH',
    root: true,
    given: { d: dir() },
    run: (c) => {
      const fd = c.ok(c.open('d', UNNAMED));
      c.is(c.linkat(fd, '', AT_FDCWD, 'd/named', AT_EMPTY_PATH), 0);
      c.is(c.names('d'), 'named');
      c.is(c.linkat(fd, '', AT_FDCWD, 'd/named', AT_EMPTY_PATH), 'EEXIST');
    },
  },
  {
    name: 'EEXIST when the name is there, and it stays without one',
    given: { d: dir(), f: file('f') },
    run: (c) => {
      const fd = c.ok(c.open('d', UNNAMED));
      c.is(c.link(`/proc/self/fd/${fd}`, 'f', AT_SYMLINK_FOLLOW), 'EEXIST');
      c.is(c.ffacts(fd).nlink, 0);
      c.is(c.text('f'), 'f');
    },
  },
  {
    name: 'with O_EXCL it never gets a name',
    given: { d: dir() },
    run: (c) => {
      const fd = c.ok(c.open('d', UNNAMED | O_EXCL));
      c.is(c.link(`/proc/self/fd/${fd}`, 'd/named', AT_SYMLINK_FOLLOW), 'ENOENT');
      c.is(c.names('d'), '');
    },
  },
  {
    name: 'what lost its name by unlink gets none again',
    given: { d: dir() },
    run: (c) => {
      const fd = c.ok(c.open('d', UNNAMED));
      c.is(c.link(`/proc/self/fd/${fd}`, 'd/named', AT_SYMLINK_FOLLOW), 0);
      c.is(c.unlink('d/named'), 0);
      c.is(c.ffacts(fd).nlink, 0);
      c.is(c.link(`/proc/self/fd/${fd}`, 'd/named', AT_SYMLINK_FOLLOW), 'ENOENT');
    },
  },
  {
    name: 'EINVAL for reading only, ENOTDIR for a file, ENOENT for nothing',
    given: { d: dir(), f: file() },
    run: (c) => {
      c.is(c.open('d', O_TMPFILE | O_RDONLY), 'EINVAL');
      c.is(c.open('f', UNNAMED), 'ENOTDIR');
      c.is(c.open('missing', UNNAMED), 'ENOENT');
    },
  },
  {
    name: 'for writing only',
    given: { d: dir() },
    run: (c) => {
      const fd = c.ok(c.open('d', O_TMPFILE | O_WRONLY, 0o640));
      c.is(c.read(fd, 1), 'EBADF');
      c.is(c.write(fd, 'x'), 1);
    },
  },
  {
    name: 'owner, group and mode as of a new file; EACCES without write permission',
    root: true,
    given: { d: dir({ mode: 0o2777, gid: 2500 }), shut: dir() },
    run: (c) => {
      const fd = c.as(ALICE, () => {
        c.is(c.open('shut', UNNAMED), 'EACCES');
        c.umask(0o027);
        return c.ok(c.open('d', UNNAMED, 0o666));
      });
      c.is(c.ffacts(fd).uid, ALICE.uid);
      c.is(c.ffacts(fd).gid, 2500);
      c.is(c.ffacts(fd).mode, 0o640);
    },
  },
];

export default [...cases('mknod', mknods), ...cases('O_TMPFILE', tmpfiles)];
