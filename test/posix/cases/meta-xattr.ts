// Extended attributes: getxattr(2), setxattr(2), listxattr(2), removexattr(2), with their l and f forms; which namespaces on what kind of
// object, sizes and names at their limits, who may.

import { O_PATH, O_RDONLY, O_WRONLY, XATTR_CREATE, XATTR_REPLACE } from '../../../src/sys/constants.ts';
import {
  block,
  type Case,
  cases,
  char,
  dir,
  fifo,
  file,
  hardlink,
  socket,
  symlink,
  type Thing,
} from '../case.ts';
import { ALICE, BOB } from '../context.ts';

const mine = { uid: ALICE.uid, gid: ALICE.gid };

/** What the layer says to each namespace, on one kind of object, to root. */
const namespaces = (kind: string, thing: Thing): Case => ({
  name: `every namespace, on a ${kind}`,
  root: true,
  given: { x: thing },
  run: (c) => {
    const { mtime } = c.facts('x');
    for (const name of [
      'user.a',
      'trusted.a',
      'security.a',
      'system.a',
      'other.a',
      'user',
      'user.',
      'trusted.',
      '.a',
    ]) {
      c.asPlain(c.lgetxattr('x', name), `get ${name}`);
      c.asPlain(c.lsetxattr('x', name, 'value'), `set ${name}`);
      c.asPlain(c.lgetxattr('x', name), `get ${name} again`);
      c.asPlain(c.llistxattr('x'), `list with ${name}`);
      c.asPlain(c.lremovexattr('x', name), `remove ${name}`);
      c.asPlain(c.lremovexattr('x', name), `remove ${name} again`);
    }
    c.is(c.llistxattr('x'), '');
    c.is(c.facts('x').mtime, mtime);
  },
});

/** Sizes and names at their limits: the layer's own answer, and what was there before stays. */
const limits = (kind: string, thing: Thing, name: string, root = false): Case => ({
  name: `values and names at their limits: ${name.split('.')[0]}, on a ${kind}`,
  root,
  given: { x: thing },
  run: (c) => {
    c.is(c.lsetxattr('x', name, 'before'), 0);
    for (const size of [0, 1, 255, 1024, 4096, 16_384, 65_535, 65_536, 65_537]) {
      c.asPlain(c.lsetxattr('x', name, 'v'.repeat(size)), `${size} bytes`);
      c.asPlain(c.xattrSize('x', name, 0), `length of ${size} bytes`);
    }
    c.is(c.lsetxattr('x', name, 'after'), 0);
    c.is(c.lgetxattr('x', name), 'after');
    const prefix = `${name.split('.')[0]}.`;
    const longest = prefix + 'n'.repeat(255 - prefix.length);
    c.asPlain(c.lsetxattr('x', longest, 'v'));
    c.asPlain(c.lgetxattr('x', longest));
    c.is(c.lsetxattr('x', `${longest}n`, 'v'), 'ERANGE');
    c.is(c.lgetxattr('x', `${longest}n`), 'ERANGE');
    c.is(c.lremovexattr('x', `${longest}n`), 'ERANGE');
    c.is(c.lsetxattr('x', '', 'v'), 'ERANGE');
    c.is(c.lgetxattr('x', ''), 'ERANGE');
    c.is(c.lremovexattr('x', ''), 'ERANGE');
  },
});

export default cases('xattr', [
  namespaces('file', file('content')),
  namespaces('directory', dir()),
  namespaces('symlink', symlink('nowhere')),
  namespaces('FIFO', fifo()),
  namespaces('socket', socket()),
  namespaces('character device', char(1, 3)),
  namespaces('block device', block(7, 77)),
  limits('file', file(''), 'user.a'),
  limits('directory', dir(), 'user.a'),
  limits('file', file(''), 'trusted.a', true),
  limits('symlink', symlink('x'), 'trusted.a', true),
  {
    name: 'set, replaced, removed; values are bytes',
    given: { f: file('x'), d: dir() },
    run: (c) => {
      const value = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('');
      for (const name of ['f', 'd']) {
        c.is(c.getxattr(name, 'user.a'), 'ENODATA');
        c.is(c.setxattr(name, 'user.a', value), 0);
        c.is(c.getxattr(name, 'user.a'), value);
        c.is(c.setxattr(name, 'user.a', 'short'), 0);
        c.is(c.getxattr(name, 'user.a'), 'short');
        c.is(c.setxattr(name, 'user.a', ''), 0);
        c.is(c.getxattr(name, 'user.a'), '');
        c.is(c.listxattr(name), 'user.a');
        c.is(c.removexattr(name, 'user.a'), 0);
        c.is(c.removexattr(name, 'user.a'), 'ENODATA');
        c.is(c.listxattr(name), '');
      }
    },
  },
  {
    name: 'XATTR_CREATE and XATTR_REPLACE',
    given: { f: file('x'), d: dir({ xattrs: { 'user.there': 'old' } }) },
    run: (c) => {
      for (const name of ['f', 'd']) {
        c.is(c.setxattr(name, 'user.a', '1', XATTR_REPLACE), 'ENODATA');
        c.is(c.getxattr(name, 'user.a'), 'ENODATA');
        c.is(c.setxattr(name, 'user.a', '2', XATTR_CREATE), 0);
        c.is(c.setxattr(name, 'user.a', '3', XATTR_CREATE), 'EEXIST');
        c.is(c.getxattr(name, 'user.a'), '2');
        c.is(c.setxattr(name, 'user.a', '4', XATTR_REPLACE), 0);
        c.is(c.getxattr(name, 'user.a'), '4');
        c.asPlain(c.setxattr(name, 'user.a', '5', XATTR_CREATE | XATTR_REPLACE), 'both, there');
        c.is(c.setxattr(name, 'user.b', '5', XATTR_CREATE | XATTR_REPLACE), [0, 'ENODATA'], 'both, missing');
        c.is(c.setxattr(name, 'user.a', '6', 4), 'EINVAL');
        c.is(c.getxattr(name, 'user.a'), '4');
      }
      c.is(c.setxattr('d', 'user.there', 'new', XATTR_CREATE), 'EEXIST');
      c.is(c.setxattr('d', 'user.there', 'new', XATTR_REPLACE), 0);
      c.is(c.getxattr('d', 'user.there'), 'new');
    },
  },
  {
    name: 'sizes: 0 asks for the length, too little room is ERANGE',
    given: {
      f: file('x', { xattrs: { 'user.abc': 'value', 'user.d': '' } }),
      d: dir({ xattrs: { 'user.abc': 'value', 'user.d': '' } }),
    },
    run: (c) => {
      for (const name of ['f', 'd']) {
        const getsize = (room: number) => c.xattrSize(name, 'user.abc', room);
        c.is(getsize(0), 5);
        c.is(getsize(5), 5);
        c.is(getsize(6), 5);
        c.is(getsize(4), 'ERANGE');
        c.is(getsize(1), 'ERANGE');
        c.is(c.xattrSize(name, 'user.d', 0), 0);
        c.is(c.xattrSize(name, 'user.d', 1), 0);
        const list = 'user.abc\0user.d\0'.length;
        c.is(c.listSize(name, 0), list);
        c.is(c.listSize(name, list), list);
        c.is(c.listSize(name, list - 1), 'ERANGE');
        c.is(c.listSize(name, 1), 'ERANGE');
        c.is(c.listSize(name, 1 << 17), list);
      }
    },
  },
  {
    name: 'many names, as long as the file system has room',
    given: { f: file('x'), d: dir() },
    run: (c) => {
      for (const name of ['f', 'd']) {
        const names = Array.from({ length: 60 }, (_, i) => `user.number-${String(i).padStart(3, '0')}`);
        for (const each of names) c.asPlain(c.setxattr(name, each, each));
        c.asPlain(c.listxattr(name));
        for (const each of names) c.asPlain(c.getxattr(name, each));
        for (const each of names.slice(0, 30)) c.asPlain(c.removexattr(name, each));
        c.asPlain(c.listxattr(name));
      }
    },
  },
  {
    name: 'setting and removing sets ctime, and no other time; what changes nothing sets none',
    given: { f: file('x'), d: dir() },
    run: (c) => {
      for (const name of ['f', 'd']) {
        c.changes(name, ['ctime'], () => c.is(c.setxattr(name, 'user.a', 'v'), 0));
        c.changes(name, ['ctime'], () => c.is(c.removexattr(name, 'user.a'), 0));
        c.changes(name, [], () => c.is(c.removexattr(name, 'user.a'), 'ENODATA'));
        c.changes(name, [], () => c.is(c.setxattr(name, 'user.a', 'v', XATTR_REPLACE), 'ENODATA'));
      }
    },
  },
  {
    name: 'a symlink is followed, or not',
    root: true,
    given: { f: file('x'), l: symlink('f'), dangling: symlink('nowhere') },
    run: (c) => {
      c.is(c.setxattr('l', 'trusted.a', 'file'), 0);
      c.is(c.lsetxattr('l', 'trusted.a', 'link'), 0);
      c.is(c.getxattr('f', 'trusted.a'), 'file');
      c.is(c.getxattr('l', 'trusted.a'), 'file');
      c.is(c.lgetxattr('l', 'trusted.a'), 'link');
      c.is(c.lremovexattr('l', 'trusted.a'), 0);
      c.is(c.getxattr('l', 'trusted.a'), 'file');
      c.is(c.listxattr('l'), 'trusted.a');
      c.is(c.llistxattr('l'), '');
      c.is(c.getxattr('dangling', 'trusted.a'), 'ENOENT');
      c.is(c.setxattr('dangling', 'trusted.a', ''), 'ENOENT');
      c.is(c.lsetxattr('dangling', 'trusted.a', 'x'), 0);
      c.is(c.readlink('dangling'), 'nowhere');
    },
  },
  {
    name: 'all names of a file show them; a rename takes them along, a replaced file loses them',
    given: {
      f: file('x', { xattrs: { 'user.a': '1' } }),
      'd/g': hardlink('f'),
      h: file('y', { xattrs: { 'user.b': '2' } }),
    },
    run: (c) => {
      c.is(c.setxattr('d/g', 'user.c', '3'), 0);
      c.is(c.listxattr('f'), 'user.a user.c');
      c.is(c.rename('f', 'h'), 0);
      c.is(c.listxattr('h'), 'user.a user.c');
      c.is(c.unlink('h'), 0);
      c.put('h', 'new');
      c.is(c.listxattr('h'), '');
      c.is(c.getxattr('d/g', 'user.c'), '3');
    },
  },
  {
    name: 'by descriptors: of open, removed and replaced objects; EBADF by O_PATH',
    given: { f: file('x', { xattrs: { 'user.a': '1' } }), d: dir({ xattrs: { 'user.a': '1' } }) },
    run: (c) => {
      for (const name of ['f', 'd']) {
        const fd = c.ok(c.open(name, O_RDONLY));
        c.is(c.fgetxattr(fd, 'user.a'), '1');
        c.is(c.fsetxattr(fd, 'user.b', '2'), 0);
        c.is(c.getxattr(name, 'user.b'), '2');
        c.is(c.flistxattr(fd), 'user.a user.b');
        c.is(name === 'd' ? c.rmdir(name) : c.unlink(name), 0);
        c.is(c.fgetxattr(fd, 'user.a'), '1', 'removed');
        c.is(c.fsetxattr(fd, 'user.c', '3'), 0, 'removed');
        c.is(c.fremovexattr(fd, 'user.a'), 0, 'removed');
        c.is(c.flistxattr(fd), 'user.b user.c', 'removed');
        c.put('f', '');
        c.is(c.flistxattr(c.ok(c.open('f', O_RDONLY))), '');
        const path = c.ok(c.open('f', O_PATH));
        c.is(c.fgetxattr(path, 'user.a'), 'EBADF');
        c.is(c.fsetxattr(path, 'user.a', ''), 'EBADF');
        c.unlink('f');
      }
    },
  },
  {
    name: 'ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG',
    given: { f: file(''), loop: symlink('loop') },
    run: (c) => {
      for (const [path, expected] of [
        ['missing', 'ENOENT'],
        ['f/x', 'ENOTDIR'],
        ['loop', 'ELOOP'],
        ['n'.repeat(256), 'ENAMETOOLONG'],
      ] as const) {
        c.is(c.getxattr(path, 'user.a'), expected);
        c.is(c.setxattr(path, 'user.a', ''), expected);
        c.is(c.listxattr(path), expected);
        c.is(c.removexattr(path, 'user.a'), expected);
      }
    },
  },
  {
    name: 'user attributes are as the content: who may read reads, who may write writes',
    root: true,
    given: {
      f: file('', { ...mine, mode: 0o644, xattrs: { 'user.a': '1' } }),
      closed: file('', { ...mine, mode: 0o600, xattrs: { 'user.a': '1' } }),
      open: file('', { ...mine, mode: 0o622, xattrs: { 'user.a': '1' } }),
      own: file('', { ...mine, mode: 0, xattrs: { 'user.a': '1' } }),
      d: dir({ ...mine, mode: 0o711, xattrs: { 'user.a': '1' } }),
    },
    run: (c) => {
      c.as(BOB, () => {
        c.is(c.getxattr('f', 'user.a'), '1');
        c.is(c.setxattr('f', 'user.a', '2'), 'EACCES');
        c.is(c.removexattr('f', 'user.a'), 'EACCES');
        c.is(c.getxattr('closed', 'user.a'), 'EACCES');
        c.is(c.listxattr('closed'), 'user.a', 'names may be listed by whoever comes to the file');
        c.is(c.getxattr('open', 'user.a'), 'EACCES');
        c.is(c.setxattr('open', 'user.a', '2'), 0);
        c.is(c.removexattr('open', 'user.a'), 0);
        c.is(c.getxattr('d', 'user.a'), 'EACCES');
        c.is(c.setxattr('d', 'user.a', '2'), 'EACCES');
      });
      c.is(
        c.as(ALICE, () => c.getxattr('own', 'user.a')),
        'EACCES',
      );
      c.is(
        c.as(ALICE, () => c.setxattr('own', 'user.a', '2')),
        'EACCES',
      );
      c.is(c.setxattr('own', 'user.a', '2'), 0, 'root');
      c.is(c.getxattr('f', 'user.a'), '1');
    },
  },
  {
    name: 'in a sticky directory its owner alone sets user attributes of it',
    root: true,
    given: { d: dir({ ...mine, mode: 0o1777 }) },
    run: (c) => {
      c.is(
        c.as(BOB, () => c.setxattr('d', 'user.a', '1')),
        'EPERM',
      );
      c.is(
        c.as(ALICE, () => c.setxattr('d', 'user.a', '1')),
        0,
      );
      c.is(
        c.as(BOB, () => c.getxattr('d', 'user.a')),
        '1',
      );
      c.is(
        c.as(BOB, () => c.removexattr('d', 'user.a')),
        'EPERM',
      );
    },
  },
  {
    name: 'trusted attributes are there for root alone',
    root: true,
    unless: { btrfs: 'it lists their names to everybody' },
    given: {
      f: file('', {
        ...mine,
        mode: 0o666,
        xattrs: { 'trusted.a': '1', 'user.b': '2', 'trusted.c': '3', 'security.d': '4' },
      }),
      d: dir({ ...mine, mode: 0o777, xattrs: { 'trusted.a': '1', 'user.b': '2' } }),
    },
    run: (c) => {
      c.as(ALICE, () => {
        for (const name of ['f', 'd']) {
          c.is(c.getxattr(name, 'trusted.a'), 'ENODATA');
          c.is(c.setxattr(name, 'trusted.a', '2'), 'EPERM');
          c.is(c.setxattr(name, 'trusted.new', '2'), 'EPERM');
          c.is(c.removexattr(name, 'trusted.a'), 'EPERM');
        }
        c.is(c.listxattr('f'), 'security.d user.b');
        c.is(c.listSize('f', 0), 'security.d\0user.b\0'.length);
        c.is(c.listxattr('d'), 'user.b');
      });
      c.is(c.listxattr('f'), 'security.d trusted.a trusted.c user.b');
      c.is(c.getxattr('f', 'trusted.a'), '1');
    },
  },
  {
    name: 'security attributes: everybody reads, CAP_SYS_ADMIN writes',
    root: true,
    given: { f: file('', { ...mine, mode: 0o600, xattrs: { 'security.test': '1' } }) },
    run: (c) => {
      c.is(
        c.as(BOB, () => c.getxattr('f', 'security.test')),
        '1',
      );
      c.is(
        c.as(ALICE, () => c.setxattr('f', 'security.test', '2')),
        'EPERM',
      );
      c.is(
        c.as(ALICE, () => c.setxattr('f', 'security.new', '2')),
        'EPERM',
      );
      c.is(
        c.as(ALICE, () => c.removexattr('f', 'security.test')),
        'EPERM',
      );
      c.is(
        c.as(ALICE, () => c.listxattr('f')),
        'security.test',
      );
    },
  },
  {
    name: 'they stay through writing, truncating and a change of mode',
    given: { f: file('content', { xattrs: { 'user.a': '1', 'user.b': '' } }) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_WRONLY));
      c.is(c.write(fd, 'x'), 1);
      c.is(c.listxattr('f'), 'user.a user.b');
      c.is(c.truncate('f', 0), 0);
      c.is(c.chmod('f', 0o600), 0);
      c.is(c.getxattr('f', 'user.a'), '1');
      c.is(c.getxattr('f', 'user.b'), '');
      c.is(c.close(c.ok(c.open('f', O_WRONLY | 0o1000))), 0);
      c.is(c.getxattr('f', 'user.a'), '1');
    },
  },
]);
