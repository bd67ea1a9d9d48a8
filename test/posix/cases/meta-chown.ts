// chown(2), lchown(2), fchown(2), fchownat(2): who may give what to whom, what stays with -1, what else changes.

import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_RDWR,
} from '../../../src/sys/constants.ts';
import { type Case, cases, char, dir, fifo, file, hardlink, socket, symlink, type Thing } from '../case.ts';
import { ALICE, BOB, CAROL, type Context, SHARED_GROUP } from '../context.ts';

const mine = { uid: ALICE.uid, gid: ALICE.gid };
const owner = (c: Context, path: string) => `${c.facts(path).uid}:${c.facts(path).gid}`;

const everyKind = (thing: Thing, kind: string): Case => ({
  name: `a ${kind}: both ids, one, none`,
  root: true,
  given: { x: thing },
  run: (c) => {
    const { type, mode, size } = c.facts('x');
    c.is(c.lchown('x', 11, 12), 0);
    c.is(owner(c, 'x'), '11:12');
    c.is(c.lchown('x', 13, -1), 0);
    c.is(owner(c, 'x'), '13:12');
    c.is(c.lchown('x', -1, 14), 0);
    c.is(owner(c, 'x'), '13:14');
    c.changes('x', ['ctime'], () => c.is(c.lchown('x', -1, -1), 0));
    c.is(owner(c, 'x'), '13:14');
    c.is(c.lchown('x', 0, 0), 0);
    c.is(owner(c, 'x'), '0:0');
    const after = c.facts('x');
    c.is(`${after.type} ${after.mode} ${after.size}`, `${type} ${mode} ${size}`);
  },
});

export default cases('chown', [
  everyKind(file('content'), 'file'),
  everyKind(dir(), 'directory'),
  everyKind(symlink('nowhere'), 'symlink'),
  everyKind(fifo(), 'FIFO'),
  everyKind(socket(), 'socket'),
  everyKind(char(1, 3), 'device'),
  {
    name: 'the largest ids',
    root: true,
    given: { f: file(''), d: dir() },
    run: (c) => {
      for (const name of ['f', 'd']) {
        c.is(c.chown(name, 0xffff_fffe, 0xffff_fffe), 0);
        c.is(owner(c, name), '4294967294:4294967294');
        c.is(c.chown(name, 65536, 0x8000_0000), 0);
        c.is(owner(c, name), '65536:2147483648');
      }
    },
  },
  {
    name: 'sets ctime, and no other time',
    root: true,
    given: { f: file('x'), d: dir(), l: symlink('f') },
    run: (c) => {
      for (const name of ['f', 'd', 'l']) c.changes(name, ['ctime'], () => c.is(c.lchown(name, 5, 6), 0));
    },
  },
  {
    name: 'follows a symlink, lchown does not',
    root: true,
    given: { f: file(''), l: symlink('f'), ll: symlink('l') },
    run: (c) => {
      c.is(c.chown('ll', 21, 22), 0);
      c.is(`${owner(c, 'f')} ${owner(c, 'l')} ${owner(c, 'll')}`, '21:22 0:0 0:0');
      c.is(c.lchown('ll', 31, 32), 0);
      c.is(`${owner(c, 'f')} ${owner(c, 'l')} ${owner(c, 'll')}`, '21:22 0:0 31:32');
      c.is(c.fchownat(AT_FDCWD, 'l', 41, 42, AT_SYMLINK_NOFOLLOW), 0);
      c.is(owner(c, 'l'), '41:42');
      c.is(c.readlink('l'), 'f');
    },
  },
  {
    name: 'all names of a file show it',
    root: true,
    given: { f: file(''), 'd/g': hardlink('f') },
    run: (c) => {
      c.is(c.chown('d/g', 7, 8), 0);
      c.is(owner(c, 'f'), '7:8');
    },
  },
  {
    name: 'ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, EINVAL for an unknown flag',
    given: { f: file(''), dangling: symlink('nowhere'), loop: symlink('loop') },
    run: (c) => {
      c.is(c.chown('missing', -1, -1), 'ENOENT');
      c.is(c.chown('', -1, -1), 'ENOENT');
      c.is(c.chown('dangling', -1, -1), 'ENOENT');
      c.is(c.lchown('dangling', -1, -1), 0);
      c.is(c.chown('f/x', -1, -1), 'ENOTDIR');
      c.is(c.chown('loop', -1, -1), 'ELOOP');
      c.is(c.lchown('loop', -1, -1), 0);
      c.is(c.chown('n'.repeat(256), -1, -1), 'ENAMETOOLONG');
      c.is(c.fchownat(AT_FDCWD, 'f', -1, -1, 0x4000), 'EINVAL');
    },
  },
  {
    name: 'EPERM: an owner cannot give his file away, nor back',
    root: true,
    given: { f: file('', mine), d: dir(mine), l: symlink('f', mine) },
    run: (c) => {
      for (const name of ['f', 'd', 'l']) {
        c.changes(name, [], () => {
          c.is(
            c.as(ALICE, () => c.lchown(name, BOB.uid, -1)),
            'EPERM',
            name,
          );
          c.is(
            c.as(ALICE, () => c.lchown(name, 0, -1)),
            'EPERM',
            name,
          );
          c.is(
            c.as(ALICE, () => c.lchown(name, -1, CAROL.gid)),
            'EPERM',
            name,
          );
          c.is(
            c.as(ALICE, () => c.lchown(name, ALICE.uid, 0)),
            'EPERM',
            name,
          );
          c.is(
            c.as(BOB, () => c.lchown(name, BOB.uid, BOB.gid)),
            'EPERM',
            name,
          );
          c.is(
            c.as(BOB, () => c.lchown(name, -1, SHARED_GROUP)),
            'EPERM',
            name,
          );
        });
        c.is(owner(c, name), `${ALICE.uid}:${ALICE.gid}`);
      }
    },
  },
  {
    name: 'an owner gives his file to a group of his, and takes it back',
    root: true,
    given: { f: file('', mine), d: dir(mine), l: symlink('f', mine), p: fifo(mine) },
    run: (c) => {
      for (const name of ['f', 'd', 'l', 'p']) {
        c.as(ALICE, () => {
          c.is(c.lchown(name, -1, SHARED_GROUP), 0, name);
          c.is(owner(c, name), `${ALICE.uid}:${SHARED_GROUP}`);
          c.is(c.lchown(name, ALICE.uid, ALICE.gid), 0, name);
          c.is(owner(c, name), `${ALICE.uid}:${ALICE.gid}`);
        });
      }
    },
  },
  {
    name: 'an owner may name himself and the group that the file has, though it is not his group',
    root: true,
    given: { f: file('', { uid: ALICE.uid, gid: CAROL.gid }) },
    run: (c) => {
      c.asPlain(c.as(ALICE, () => c.chown('f', ALICE.uid, CAROL.gid)));
      c.asPlain(c.as(ALICE, () => c.chown('f', ALICE.uid, -1)));
      c.asPlain(owner(c, 'f'));
    },
  },
  {
    name: 'EACCES behind a directory that is closed to the owner',
    root: true,
    given: { d: dir({ mode: 0o700 }), 'd/f': file('', mine) },
    run: (c) =>
      c.is(
        c.as(ALICE, () => c.chown('d/f', -1, SHARED_GROUP)),
        'EACCES',
      ),
  },
  {
    name: 'fchown of open files and directories; EBADF for O_PATH and closed ones',
    root: true,
    given: { f: file(''), d: dir() },
    run: (c) => {
      for (const name of ['f', 'd']) {
        const fd = c.ok(c.open(name, O_RDONLY));
        c.is(c.fchown(fd, 3, 4), 0);
        c.is(owner(c, name), '3:4');
        c.is(`${c.ffacts(fd).uid}`, '3');
        const path = c.ok(c.open(name, O_PATH));
        c.is(c.fchown(path, 5, 6), 'EBADF');
        c.is(c.fchownat(path, '', 5, 6, AT_EMPTY_PATH), 0);
        c.is(owner(c, name), '5:6');
        c.close(fd);
        c.is(c.fchown(fd, 3, 4), 'EBADF');
      }
    },
  },
  {
    name: 'a symlink by a descriptor of it',
    root: true,
    given: { l: symlink('nowhere') },
    run: (c) => {
      const fd = c.ok(c.open('l', O_PATH | 0o400000));
      c.is(c.fchownat(fd, '', 5, 6, AT_EMPTY_PATH), 0);
      c.is(owner(c, 'l'), '5:6');
    },
  },
  {
    name: 'fchown of a removed file, directory and FIFO',
    root: true,
    given: { f: file('content'), d: dir(), p: fifo() },
    run: (c) => {
      for (const name of ['f', 'd', 'p']) {
        const fd = c.ok(c.open(name, name === 'p' ? O_RDWR : O_RDONLY));
        c.is(name === 'd' ? c.rmdir(name) : c.unlink(name), 0);
        c.is(c.fchown(fd, 9, 10), 0, name);
        c.is(`${c.ffacts(fd).uid}:${c.ffacts(fd).gid}`, '9:10', name);
      }
    },
  },
  {
    name: 'fchown by the owner of a file that was replaced',
    root: true,
    given: { '.': dir({ mode: 0o777 }), f: file('', mine), g: file('', mine) },
    run: (c) => {
      c.as(ALICE, () => {
        const fd = c.ok(c.open('g', O_RDONLY));
        c.is(c.rename('f', 'g'), 0);
        c.is(c.fchown(fd, -1, SHARED_GROUP), 0);
        c.is(c.ffacts(fd).gid, SHARED_GROUP);
        c.is(c.facts('g').gid, ALICE.gid);
      });
    },
  },
  {
    name: 'what was given away is no longer his to change',
    root: true,
    given: { f: file('content', mine) },
    run: (c) => {
      c.is(c.chown('f', BOB.uid, BOB.gid), 0);
      c.is(
        c.as(ALICE, () => c.chmod('f', 0o777)),
        'EPERM',
      );
      c.is(
        c.as(ALICE, () => c.open('f', O_RDWR)),
        'EACCES',
      );
      c.is(
        c.as(BOB, () => c.chmod('f', 0o600)),
        0,
      );
      c.is(
        c.as(BOB, () => c.text('f')),
        'content',
      );
    },
  },
]);
