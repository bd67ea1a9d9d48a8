// open(2) and creat(2): what is made, what is refused, what changes.

import {
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOATIME,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
} from '../../../src/sys/constants.ts';
import { cases, char, dir, fifo, file, socket, symlink } from '../case.ts';
import { ALICE, BOB, SHARED_GROUP } from '../context.ts';

const CREAT = O_WRONLY | O_CREAT | O_TRUNC;

export default cases('open', [
  {
    name: 'O_CREAT makes an empty file of the caller, less the umask',
    given: { d: dir() },
    run: (c) => {
      c.ok(c.open('d/new', CREAT, 0o666));
      const made = c.facts('d/new');
      c.is(made.type, 'file');
      c.is(made.mode, 0o644);
      c.is(made.size, 0);
      c.is(made.nlink, 1);
      c.is(made.uid, process.geteuid?.());
      c.is(c.names('d'), 'new');
    },
  },
  ...[0o000, 0o077, 0o777, 0o027].map((mask) => ({
    name: `O_CREAT under umask ${mask.toString(8).padStart(3, '0')}`,
    run: (c: import('../context.ts').Context) => {
      c.umask(mask);
      c.ok(c.open('new', CREAT, 0o777));
      c.is(c.facts('new').mode, 0o777 & ~mask);
    },
  })),
  {
    name: 'O_CREAT with set-user-ID, set-group-ID and sticky bits',
    run: (c) => {
      c.ok(c.open('new', CREAT, 0o7755));
      c.asPlain(c.facts('new').mode);
    },
  },
  {
    name: 'O_CREAT gives the file to the user who makes it',
    root: true,
    given: { d: dir({ mode: 0o777 }) },
    run: (c) => {
      c.as(ALICE, () => c.ok(c.open('d/new', CREAT)));
      c.is(c.facts('d/new').uid, ALICE.uid);
      c.is(c.facts('d/new').gid, ALICE.gid);
    },
  },
  {
    name: 'O_CREAT in a set-group-ID directory gives the file its group',
    root: true,
    given: { d: dir({ mode: 0o2777, gid: 2500 }) },
    run: (c) => {
      c.as(ALICE, () => c.ok(c.open('d/new', CREAT)));
      c.is(c.facts('d/new').gid, 2500);
      c.is(c.facts('d/new').uid, ALICE.uid);
    },
  },
  {
    name: 'set-group-ID is not given with a group that the user is not in',
    root: true,
    given: { d: dir({ mode: 0o2777, gid: 2500 }) },
    run: (c) => {
      c.as(ALICE, () => c.ok(c.open('d/new', CREAT, 0o2755)));
      c.asPlain(c.facts('d/new').mode);
    },
  },
  {
    name: 'O_CREAT changes the times of the directory',
    given: { d: dir(), 'd/other': file() },
    run: (c) => c.changes('d', ['mtime', 'ctime'], () => c.ok(c.open('d/new', CREAT))),
  },
  {
    name: 'O_CREAT of what is there opens it, and changes neither mode nor owner nor directory',
    given: { 'd/f': file('content', { mode: 0o604 }) },
    run: (c) => {
      const { ino } = c.facts('d/f');
      c.changes('d', [], () => c.ok(c.open('d/f', O_RDONLY | O_CREAT, 0o777)));
      c.is(c.facts('d/f').mode, 0o604);
      c.is(c.facts('d/f').ino, ino);
      c.is(c.text('d/f'), 'content');
    },
  },
  {
    name: 'a new file may be written whatever its mode',
    root: true,
    given: { d: dir({ mode: 0o777 }) },
    run: (c) =>
      c.as(ALICE, () => {
        const fd = c.ok(c.open('d/new', O_RDWR | O_CREAT, 0));
        c.is(c.write(fd, 'written'), 7);
        c.is(c.pread(fd, 10, 0), 'written');
        c.is(c.open('d/new', O_RDONLY), 'EACCES');
      }),
  },
  ...Object.entries({
    'a file': file('f'),
    'a directory': dir(),
    'a symlink to a file': symlink('f'),
    'a symlink to nothing': symlink('nothing'),
    'a FIFO': fifo(),
    'a socket': socket(),
  }).map(([what, thing]) => ({
    name: `O_CREAT with O_EXCL: EEXIST when ${what} is there`,
    given: { x: thing },
    run: (c: import('../context.ts').Context) => {
      const { ino } = c.facts('x');
      c.is(c.open('x', O_RDWR | O_CREAT | O_EXCL), 'EEXIST');
      c.is(c.facts('x').ino, ino);
      c.is(c.names(), 'x');
    },
  })),
  {
    name: 'O_CREAT with O_EXCL makes what is not there',
    given: { 'd/other': file() },
    run: (c) => {
      c.ok(c.open('d/new', O_RDWR | O_CREAT | O_EXCL));
      c.is(c.names('d'), 'new other');
      c.is(c.open('d/new', O_RDWR | O_CREAT | O_EXCL), 'EEXIST');
    },
  },
  {
    name: 'O_EXCL without O_CREAT means nothing',
    given: { f: file('f') },
    run: (c) => c.is(c.read(c.ok(c.open('f', O_RDONLY | O_EXCL)), 5), 'f'),
  },
  {
    name: 'O_CREAT through a symlink to nothing makes what it names',
    given: { d: dir(), l: symlink('d/made') },
    run: (c) => {
      c.put('l', 'content');
      c.is(c.text('d/made'), 'content');
      c.is(c.readlink('l'), 'd/made');
    },
  },
  {
    name: 'EISDIR when a directory is opened for writing',
    given: { d: dir() },
    run: (c) => {
      c.is(c.open('d', O_WRONLY), 'EISDIR');
      c.is(c.open('d', O_RDWR), 'EISDIR');
      c.is(c.open('d', O_RDONLY | O_CREAT), 'EISDIR');
      c.is(c.open('d', O_RDONLY | O_TRUNC), 'EISDIR');
      c.is(c.open('.', O_WRONLY | O_CREAT), 'EISDIR');
      c.is(c.open('d/..', O_WRONLY), 'EISDIR');
    },
  },
  {
    name: 'EISDIR when a name that ends in a slash is to be made',
    given: { f: file() },
    run: (c) => {
      c.is(c.open('new/', O_WRONLY | O_CREAT), 'EISDIR');
      c.asPlain(c.open('f/', O_WRONLY | O_CREAT));
      c.is(c.names(), 'f');
    },
  },
  {
    name: 'ENOTDIR for a file with a slash behind it',
    given: { f: file(), l: symlink('f') },
    run: (c) => {
      c.is(c.open('f/', O_RDONLY), 'ENOTDIR');
      c.is(c.open('l/', O_RDONLY), 'ENOTDIR');
    },
  },
  {
    name: 'a directory with a slash behind it',
    given: { d: dir(), l: symlink('d') },
    run: (c) => {
      c.ok(c.open('d/', O_RDONLY));
      c.ok(c.open('l/', O_RDONLY));
      c.ok(c.open('l///.', O_RDONLY));
    },
  },
  {
    name: 'O_DIRECTORY: ENOTDIR for everything else',
    given: { f: file(), l: symlink('f'), p: fifo(), s: socket() },
    run: (c) => {
      for (const name of ['f', 'l', 'p', 's']) c.is(c.open(name, O_RDONLY | O_DIRECTORY), 'ENOTDIR', name);
    },
  },
  {
    name: 'O_DIRECTORY follows a symlink to a directory',
    given: { d: dir(), l: symlink('d') },
    run: (c) => {
      c.is(c.ffacts(c.ok(c.open('l', O_RDONLY | O_DIRECTORY))).ino, c.facts('d').ino);
      c.is(c.open('l', O_RDONLY | O_DIRECTORY | O_NOFOLLOW), 'ENOTDIR');
    },
  },
  {
    name: 'O_CREAT with O_DIRECTORY',
    given: { d: dir() },
    run: (c) => {
      c.asPlain(c.open('new', O_RDONLY | O_CREAT | O_DIRECTORY));
      c.asPlain(c.open('d', O_RDONLY | O_CREAT | O_DIRECTORY));
      c.asPlain(c.names());
    },
  },
  {
    name: 'O_NOFOLLOW: ELOOP for a symlink in the last place only',
    given: { 'd/f': file('f'), l: symlink('d/f'), m: symlink('d') },
    run: (c) => {
      c.is(c.open('l', O_RDONLY | O_NOFOLLOW), 'ELOOP');
      c.is(c.open('l', O_WRONLY | O_CREAT | O_NOFOLLOW), 'ELOOP');
      c.is(c.read(c.ok(c.open('m/f', O_RDONLY | O_NOFOLLOW)), 5), 'f');
    },
  },
  {
    name: 'O_PATH with O_NOFOLLOW opens a symlink itself',
    given: { l: symlink('where') },
    run: (c) => {
      const fd = c.ok(c.open('l', O_PATH | O_NOFOLLOW));
      c.is(c.ffacts(fd).type, 'symlink');
      c.is(c.readlink('', 100, fd), 'where');
    },
  },
  {
    name: 'O_PATH opens without permission for the file, and neither reads nor writes',
    root: true,
    given: { f: file('f', { mode: 0 }) },
    run: (c) => {
      const fd = c.as(ALICE, () => c.ok(c.open('f', O_PATH)));
      c.is(c.read(fd, 1), 'EBADF');
      c.is(c.write(fd, 'x'), 'EBADF');
      c.is(c.ffacts(fd).size, 1);
    },
  },
  {
    name: 'O_TRUNC empties the same file, and sets its times',
    given: { 'd/f': file('content') },
    run: (c) => {
      const { ino } = c.facts('d/f');
      c.changes('d/f', ['mtime', 'ctime'], () => c.ok(c.open('d/f', O_WRONLY | O_TRUNC)));
      c.is(c.facts('d/f').size, 0);
      c.is(c.facts('d/f').ino, ino);
    },
  },
  {
    name: 'O_TRUNC of an empty file sets its times too',
    given: { f: file() },
    run: (c) => c.changes('f', ['mtime', 'ctime'], () => c.ok(c.open('f', O_WRONLY | O_TRUNC))),
  },
  {
    name: 'O_TRUNC does not change the directory',
    given: { 'd/f': file('content') },
    run: (c) => c.changes('d', [], () => c.ok(c.open('d/f', O_WRONLY | O_TRUNC))),
  },
  {
    name: 'opening for writing changes no times, of the file or of the directory',
    given: { 'd/f': file('content'), 'd/g': file('content'), 'd/h': file('content') },
    run: (c) => {
      for (const name of ['d/f', 'd/g', 'd/h']) {
        c.changes('d', [], () => c.ok(c.open(name, O_RDWR)));
      }
    },
  },
  {
    name: 'O_TRUNC by a user takes set-user-ID away',
    root: true,
    given: { f: file('content', { mode: 0o6777 }) },
    run: (c) => {
      c.as(ALICE, () => c.ok(c.open('f', O_WRONLY | O_TRUNC)));
      c.is(c.facts('f').size, 0);
      c.asPlain(c.facts('f').mode);
    },
  },
  {
    name: 'EACCES: by the bits of the owner, then of the group, then of all others',
    root: true,
    given: {
      owner: file('', { uid: ALICE.uid, gid: SHARED_GROUP, mode: 0o077 }),
      group: file('', { uid: BOB.uid, gid: SHARED_GROUP, mode: 0o707 }),
      other: file('', { uid: BOB.uid, gid: BOB.gid, mode: 0o770 }),
    },
    run: (c) =>
      c.as(ALICE, () => {
        for (const name of ['owner', 'group', 'other']) {
          for (const how of [O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC])
            c.is(c.open(name, how), 'EACCES', name);
        }
      }),
  },
  {
    name: 'what the bits allow, and no more',
    root: true,
    given: { r: file('r', { mode: 0o604 }), w: file('w', { mode: 0o602 }), rw: file('rw', { mode: 0o606 }) },
    run: (c) =>
      c.as(ALICE, () => {
        c.ok(c.open('r', O_RDONLY));
        c.is(c.open('r', O_WRONLY), 'EACCES');
        c.is(c.open('r', O_RDWR), 'EACCES');
        c.is(c.open('r', O_RDONLY | O_TRUNC), 'EACCES');
        c.is(c.open('w', O_RDONLY), 'EACCES');
        c.ok(c.open('w', O_WRONLY));
        c.is(c.open('w', O_RDWR), 'EACCES');
        c.ok(c.open('rw', O_RDWR));
      }),
  },
  {
    name: 'a supplementary group gives what the group may',
    root: true,
    given: { f: file('f', { gid: SHARED_GROUP, mode: 0o660 }) },
    run: (c) => {
      c.as(ALICE, () => c.is(c.write(c.ok(c.open('f', O_RDWR)), 'F'), 1));
      c.is(c.text('f'), 'F');
    },
  },
  {
    name: 'EACCES when a file is to be made in a directory without write permission',
    root: true,
    given: { d: dir({ mode: 0o755 }), 'd/f': file('f', { mode: 0o666 }) },
    run: (c) => {
      c.as(ALICE, () => {
        c.is(c.open('d/new', O_WRONLY | O_CREAT), 'EACCES');
        c.ok(c.open('d/f', O_WRONLY | O_CREAT), 'what is there may be opened');
      });
      c.is(c.names('d'), 'f');
    },
  },
  {
    name: 'EPERM for O_NOATIME by another than the owner',
    root: true,
    given: { f: file('f', { mode: 0o666 }), own: file('f', { uid: ALICE.uid }) },
    run: (c) =>
      c.as(ALICE, () => {
        c.is(c.open('f', O_RDONLY | O_NOATIME), 'EPERM');
        c.ok(c.open('own', O_RDONLY | O_NOATIME));
      }),
  },
  {
    name: 'ENXIO for a FIFO that nobody reads, without waiting',
    given: { p: fifo() },
    run: (c) => {
      c.is(c.open('p', O_WRONLY | O_NONBLOCK), 'ENXIO');
      const reader = c.ok(c.open('p', O_RDONLY | O_NONBLOCK));
      const writer = c.ok(c.open('p', O_WRONLY | O_NONBLOCK));
      c.is(c.write(writer, 'through'), 7);
      c.is(c.read(reader, 10), 'through');
    },
  },
  {
    name: 'two processes talk through a FIFO',
    given: { p: fifo() },
    run: (c) => {
      const waiting = c.otherBegins('open', ['p', O_RDONLY]);
      const writer = c.ok(c.open('p', O_WRONLY));
      const reader = c.ok(waiting.result());
      c.is(c.write(writer, 'hello'), 5);
      c.is(c.other().read(reader, 10), 'hello');
    },
  },
  {
    name: 'ENXIO for a socket',
    given: { s: socket() },
    run: (c) => {
      c.is(c.open('s', O_RDONLY), 'ENXIO');
      c.is(c.open('s', O_RDWR), 'ENXIO');
    },
  },
  {
    name: 'a character device is the device',
    root: true,
    given: { null: char(1, 3), zero: char(1, 5), nothing: char(255, 255) },
    run: (c) => {
      c.is(c.write(c.ok(c.open('null', O_WRONLY)), 'away'), 4);
      c.is(c.read(c.ok(c.open('zero', O_RDONLY)), 3), '\0\0\0');
      c.is(c.open('nothing', O_RDONLY), 'ENXIO');
    },
  },
]);
