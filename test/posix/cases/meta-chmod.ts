// chmod(2), fchmod(2), fchmodat(2): all bits, who may, what else changes and what does not.

import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
} from '../../../src/sys/constants.ts';
import {
  block,
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
import { ALICE, BOB, CAROL, SHARED_GROUP } from '../context.ts';

const MODES = [
  0, 0o1, 0o10, 0o100, 0o444, 0o222, 0o644, 0o755, 0o777, 0o1777, 0o2755, 0o4755, 0o6711, 0o7777,
];

const allBits = (kind: string, thing: Thing, root = false): Case => ({
  name: `all bits, of a ${kind}`,
  root,
  given: { x: thing },
  run: (c) => {
    const before = c.facts('x');
    for (const mode of MODES) {
      c.is(c.chmod('x', mode), 0);
      c.is(c.facts('x').mode.toString(8), mode.toString(8));
      c.is(c.facts('x').type, before.type);
    }
    c.is(c.chmod('x', 0o700), 0);
    c.is(c.facts('x').ino, before.ino);
    c.is(c.facts('x').size, before.size);
  },
});

const mine = { uid: ALICE.uid, gid: ALICE.gid };
const shared = { uid: ALICE.uid, gid: SHARED_GROUP };
const foreign = { uid: ALICE.uid, gid: CAROL.gid };

/** What is left of 06777 and of 07777 when its owner sets it. */
const setgid = (name: string, given: Given, expected: number): Case => ({
  name,
  root: true,
  given,
  run: (c) => {
    c.is(
      c.as(ALICE, () => c.chmod('x', 0o6777)),
      0,
    );
    c.is(c.facts('x').mode.toString(8), expected.toString(8));
  },
});

export default cases('chmod', [
  allBits('file', file('content')),
  allBits('directory', dir()),
  allBits('FIFO', fifo()),
  allBits('socket', socket()),
  allBits('character device', char(1, 3), true),
  allBits('block device', block(7, 77), true),
  {
    name: 'bits above 07777 mean nothing',
    given: { x: file('') },
    run: (c) => {
      c.is(c.chmod('x', 0o170600), 0);
      c.is(c.facts('x').mode, 0o600);
      c.is(c.facts('x').type, 'file');
      c.is(c.chmod('x', 0xffff_f000 + 0o640), 0);
      c.is(c.facts('x').mode.toString(8), ((0xf000 & 0o7000) | 0o640).toString(8));
    },
  },
  {
    name: 'sets ctime, and no other time',
    given: { f: file('x'), d: dir(), p: fifo() },
    run: (c) => {
      for (const name of ['f', 'd', 'p']) c.changes(name, ['ctime'], () => c.is(c.chmod(name, 0o750), 0));
    },
  },
  {
    name: 'sets ctime although the mode is the same',
    given: { f: file('x', { mode: 0o640 }) },
    run: (c) => c.changes('f', ['ctime'], () => c.is(c.chmod('f', 0o640), 0)),
  },
  {
    name: 'leaves content, owner and parent alone',
    root: true,
    given: { 'd/f': file('content', foreign) },
    run: (c) => {
      c.changes('d', [], () => c.is(c.chmod('d/f', 0o444), 0));
      c.is(c.text('d/f'), 'content');
      c.is(c.facts('d/f').uid, ALICE.uid);
      c.is(c.facts('d/f').gid, CAROL.gid);
    },
  },
  {
    name: 'follows a symlink, of which the mode stays',
    given: { f: file('', { mode: 0o600 }), l: symlink('f'), ll: symlink('l') },
    run: (c) => {
      c.is(c.chmod('ll', 0o644), 0);
      c.is(c.facts('f').mode, 0o644);
      c.is(c.facts('l').mode, 0o777);
    },
  },
  {
    name: 'EOPNOTSUPP for a symlink itself, by fchmodat2; files and directories it takes',
    given: { f: file('', { mode: 0o600 }), l: symlink('f'), d: dir() },
    run: (c) => {
      c.asPlain(c.fchmodat(AT_FDCWD, 'l', 0o644, AT_SYMLINK_NOFOLLOW));
      c.asPlain(c.facts('f').mode);
      c.asPlain(c.facts('l').mode);
      c.asPlain(c.fchmodat(AT_FDCWD, 'f', 0o644, AT_SYMLINK_NOFOLLOW));
      c.asPlain(c.facts('f').mode);
      c.asPlain(c.fchmodat(AT_FDCWD, 'd', 0o700, AT_SYMLINK_NOFOLLOW));
      c.asPlain(c.facts('d').mode);
      c.asPlain(c.fchmodat(AT_FDCWD, 'f', 0o644, 1));
    },
  },
  {
    name: 'all names of a file show it',
    given: { f: file(''), 'd/g': hardlink('f') },
    run: (c) => {
      c.is(c.chmod('d/g', 0o711), 0);
      c.is(c.facts('f').mode, 0o711);
      c.is(c.chmod('f', 0o600), 0);
      c.is(c.facts('d/g').mode, 0o600);
    },
  },
  {
    name: 'ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG',
    given: { f: file(''), dangling: symlink('nowhere'), loop: symlink('loop') },
    run: (c) => {
      c.is(c.chmod('missing', 0o600), 'ENOENT');
      c.is(c.chmod('missing/x', 0o600), 'ENOENT');
      c.is(c.chmod('', 0o600), 'ENOENT');
      c.is(c.chmod('dangling', 0o600), 'ENOENT');
      c.is(c.chmod('f/x', 0o600), 'ENOTDIR');
      c.is(c.chmod('f/', 0o600), 'ENOTDIR');
      c.is(c.chmod('loop', 0o600), 'ELOOP');
      c.is(c.chmod('n'.repeat(256), 0o600), 'ENAMETOOLONG');
      c.is(c.chmod('n'.repeat(255), 0o600), 'ENOENT');
    },
  },
  {
    name: 'EPERM for whoever is not the owner, whatever else he may',
    root: true,
    given: {
      f: file('', { ...shared, mode: 0o666 }),
      d: dir({ ...shared, mode: 0o777 }),
      l: symlink('f', mine),
    },
    run: (c) => {
      for (const name of ['f', 'd', 'l']) {
        c.changes(name, [], () => {
          for (const user of [BOB, CAROL])
            c.is(
              c.as(user, () => c.chmod(name, 0o700)),
              'EPERM',
              name,
            );
        });
      }
      c.is(c.facts('f').mode, 0o666);
      c.is(c.facts('d').mode, 0o777);
    },
  },
  {
    name: 'the owner may, and root',
    root: true,
    given: { f: file('', { ...mine, mode: 0 }), d: dir({ ...mine, mode: 0 }) },
    run: (c) => {
      for (const name of ['f', 'd']) {
        c.is(
          c.as(ALICE, () => c.chmod(name, 0o640)),
          0,
        );
        c.is(c.facts(name).mode, 0o640);
        c.is(c.chmod(name, 0o4711), 0);
        c.is(c.facts(name).mode, 0o4711);
      }
    },
  },
  {
    name: 'EACCES behind a directory that is closed to him, although the file is his',
    root: true,
    given: { d: dir({ mode: 0o700 }), 'd/f': file('', mine) },
    run: (c) =>
      c.is(
        c.as(ALICE, () => c.chmod('d/f', 0o600)),
        'EACCES',
      ),
  },
  setgid('setgid stays when the owner is in the group of the file', { x: file('', mine) }, 0o6777),
  setgid('setgid stays when a supplementary group is that of the file', { x: file('', shared) }, 0o6777),
  setgid('setgid goes when the owner is not in the group of the file', { x: file('', foreign) }, 0o4777),
  setgid('setgid stays on a directory of an own group', { x: dir(shared) }, 0o6777),
  setgid('setgid goes on a directory of a group that is not his', { x: dir(foreign) }, 0o4777),
  setgid('setgid goes on a FIFO of a group that is not his', { x: fifo(foreign) }, 0o4777),
  {
    name: 'root sets setgid whatever the group',
    root: true,
    given: { f: file('', foreign), d: dir(foreign) },
    run: (c) => {
      for (const name of ['f', 'd']) {
        c.is(c.chmod(name, 0o2755), 0);
        c.is(c.facts(name).mode, 0o2755);
      }
    },
  },
  {
    name: 'the sticky bit, of a file and of a directory, by its owner',
    root: true,
    given: { f: file('', mine), d: dir(mine) },
    run: (c) => {
      for (const name of ['f', 'd']) {
        c.is(
          c.as(ALICE, () => c.chmod(name, 0o1755)),
          0,
        );
        c.is(c.facts(name).mode, 0o1755);
      }
    },
  },
  {
    name: 'fchmod of what is open for reading or writing',
    given: { f: file('content'), d: dir() },
    run: (c) => {
      const reader = c.ok(c.open('f', O_RDONLY));
      c.is(c.fchmod(reader, 0o400), 0);
      c.is(c.facts('f').mode, 0o400);
      c.is(c.fchmod(reader, 0o600), 0);
      const writer = c.ok(c.open('f', O_WRONLY));
      c.is(c.fchmod(writer, 0o4700), 0);
      c.is(c.facts('f').mode, 0o4700);
      c.is(c.ffacts(reader).mode, 0o4700, 'the reader from before');
      const directory = c.ok(c.open('d', O_RDONLY));
      c.is(c.fchmod(directory, 0o711), 0);
      c.is(c.facts('d').mode, 0o711);
    },
  },
  {
    name: 'fchmod: EBADF for a closed descriptor and for one of O_PATH',
    given: { f: file('') },
    run: (c) => {
      c.is(c.fchmod(-1, 0o600), 'EBADF');
      const fd = c.ok(c.open('f', O_PATH));
      c.is(c.fchmod(fd, 0o600), 'EBADF');
      c.close(fd);
      c.is(c.fchmod(fd, 0o600), 'EBADF');
    },
  },
  {
    name: 'fchmod of a removed file, directory and FIFO',
    given: { f: file('content'), d: dir(), p: fifo() },
    run: (c) => {
      for (const [name, flags] of [
        ['f', O_RDONLY],
        ['f2', O_RDWR],
        ['d', O_RDONLY],
        ['p', O_RDWR],
      ] as const) {
        if (name === 'f2') c.put(name, 'more');
        const fd = c.ok(c.open(name, flags), name);
        c.is(name === 'd' ? c.rmdir(name) : c.unlink(name), 0);
        c.is(c.fchmod(fd, 0o4750), 0, name);
        c.is(c.ffacts(fd).mode, 0o4750, name);
        c.is(c.fchmod(fd, 0o10), 0, name);
        c.is(c.ffacts(fd).mode, 0o10, name);
      }
    },
  },
  {
    name: 'fchmod of a renamed file, and of one that was replaced',
    given: { f: file('one'), g: file('two', { mode: 0o600 }) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      const replaced = c.ok(c.open('g', O_RDONLY));
      c.is(c.rename('f', 'g'), 0);
      c.is(c.fchmod(fd, 0o640), 0);
      c.is(c.facts('g').mode, 0o640);
      c.is(c.fchmod(replaced, 0o444), 0);
      c.is(c.facts('g').mode, 0o640, 'the new one is not meant');
      c.is(c.ffacts(replaced).mode, 0o444);
    },
  },
  {
    name: 'who has a file open may go on, whatever the mode is afterwards',
    root: true,
    given: { f: file('content', { ...mine, mode: 0o600 }) },
    run: (c) =>
      c.as(ALICE, () => {
        const fd = c.ok(c.open('f', O_RDWR));
        c.is(c.chmod('f', 0), 0);
        c.is(c.open('f', O_RDONLY), 'EACCES');
        c.is(c.open('f', O_WRONLY), 'EACCES');
        c.is(c.read(fd, 7), 'content');
        c.is(c.write(fd, '!'), 1);
        c.is(c.fchmod(fd, 0o400), 0);
        c.is(c.text('f'), 'content!');
      }),
  },
]);
