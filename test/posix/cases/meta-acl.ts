// POSIX ACLs, by their extended attributes: what they allow, what is inherited, what chmod and ACLs do to one another.

import {
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  S_IFIFO,
  S_IFREG,
  S_IFSOCK,
} from '../../../src/sys/constants.ts';
import { ACCESS, acl, DEFAULT, shown } from '../acl.ts';
import { type Case, cases, dir, file, symlink } from '../case.ts';
import { ALICE, BOB, CAROL, type Context, SHARED_GROUP } from '../context.ts';

const mine = { uid: ALICE.uid, gid: ALICE.gid };
const FOR_BOB = `u:rw- user${BOB.uid}:rw- g:r-- m:rw- o:---`;
const INHERITED = `u:rwx user${BOB.uid}:rwx g:r-x m:rwx o:---`;
const mode = (c: Context, path: string) => c.facts(path).mode.toString(8);
const access = (c: Context, path: string) => shown(c.lgetxattr(path, ACCESS));
const preset = (c: Context, path: string) => shown(c.lgetxattr(path, DEFAULT));

/** Who may do what with a file that has an ACL. */
const decides = (name: string, text: string, rights: Record<string, string>): Case => ({
  name: `decides: ${name}`,
  root: true,
  given: {
    f: file('content', { uid: ALICE.uid, gid: SHARED_GROUP, mode: 0o600, xattrs: { [ACCESS]: acl(text) } }),
  },
  run: (c) => {
    for (const user of [ALICE, BOB, CAROL]) {
      const who = user === ALICE ? 'ALICE' : user === BOB ? 'BOB' : 'CAROL';
      const may = c.as(user, () =>
        [
          ['r', O_RDONLY, 4],
          ['w', O_WRONLY, 2],
        ]
          .map(([letter, flags, bit]) => {
            const fd = c.open('f', flags as number);
            c.is(c.access('f', bit as number), fd < 0 ? 'EACCES' : 0, `access(2) for ${who}`);
            return fd < 0 ? '-' : letter;
          })
          .join(''),
      );
      c.is(may, rights[who], who);
    }
    c.is(c.text('f'), 'content');
  },
});

/** What an object made in a directory with a default ACL gets. */
const inherits = (umask: number, from = INHERITED): Case => ({
  name: `inherited, umask ${umask.toString(8)}: ${from}`,
  root: true,
  given: { d: dir({ ...mine, mode: 0o755, xattrs: { [DEFAULT]: acl(from) } }) },
  run: (c) => {
    c.as(ALICE, () => {
      c.umask(umask);
      c.ok(c.open('d/file', O_CREAT | O_WRONLY, 0o666));
      c.ok(c.open('d/program', O_CREAT | O_WRONLY, 0o755));
      c.is(c.mkdir('d/dir', 0o777), 0);
      c.is(c.mkdir('d/private', 0o700), 0);
      c.is(c.mknod('d/node', S_IFREG | 0o640), 0);
      c.is(c.mknod('d/fifo', S_IFIFO | 0o600), 0);
      c.is(c.mknod('d/socket', S_IFSOCK | 0o666), 0);
      c.is(c.symlink('x', 'd/symlink'), 0);
      c.is(c.mkdir('d/dir/deeper', 0o777), 0);
    });
    for (const name of [
      'file',
      'program',
      'dir',
      'private',
      'node',
      'fifo',
      'socket',
      'symlink',
      'dir/deeper',
    ]) {
      const path = `d/${name}`;
      c.asPlain(mode(c, path), `mode of ${name}`);
      c.asPlain(access(c, path), `ACL of ${name}`);
      c.asPlain(preset(c, path), `default ACL of ${name}`);
    }
    c.is(preset(c, 'd'), from);
  },
});

const crowded = (count: number): Case => ({
  name: `with ${count} named users, as the file system has room`,
  root: true,
  given: { f: file('x'), d: dir() },
  run: (c) => {
    const users = Array.from({ length: count }, (_, i) => `user${3000 + i}:r--`).join(' ');
    const many = `u:rw- ${users} g:r-- m:r-- o:---`;
    c.asPlain(c.setxattr('f', ACCESS, acl(many)));
    c.asPlain(access(c, 'f') === many);
    c.asPlain(c.setxattr('d', DEFAULT, acl(many)));
  },
});

export default cases('ACL', [
  decides('a named user', `u:--- user${BOB.uid}:rw- g:--- m:rwx o:---`, {
    ALICE: '--',
    BOB: 'rw',
    CAROL: '--',
  }),
  decides('a named user, cut by the mask', `u:rw- user${BOB.uid}:rw- g:rw- m:r-- o:---`, {
    ALICE: 'rw',
    BOB: 'r-',
    CAROL: '--',
  }),
  decides('a named user is denied what his group may', `u:rw- user${BOB.uid}:--- g:rw- m:rwx o:rw-`, {
    ALICE: 'rw',
    BOB: '--',
    CAROL: 'rw',
  }),
  decides('a named group', `u:r-- g:--- group${CAROL.gid}:rw- m:rw- o:---`, {
    ALICE: 'r-',
    BOB: '--',
    CAROL: 'rw',
  }),
  decides(
    'one of two groups is enough',
    `u:r-- g:r-- group${SHARED_GROUP}:-w- group${BOB.gid}:r-- m:rwx o:---`,
    { ALICE: 'r-', BOB: 'rw', CAROL: '--' },
  ),
  decides('the others are denied for those of a group', `u:rw- g:--- m:rwx o:rw-`, {
    ALICE: 'rw',
    BOB: '--',
    CAROL: 'rw',
  }),
  decides('the mask does not bind the owner and the others', `u:rw- user${BOB.uid}:rw- g:rw- m:--- o:rw-`, {
    ALICE: 'rw',
    BOB: '--',
    CAROL: 'rw',
  }),
  ...[0, 0o22, 0o77, 0o777].map((umask) => inherits(umask)),
  inherits(0o22, 'u:rwx g:rwx o:---'),
  inherits(0, 'u:-wx g:--- o:---'),
  inherits(0o77, `u:rwx g:--- group${SHARED_GROUP}:rwx m:r-x o:r-x`),
  {
    name: 'set by the owner: the mode follows; removed: the mode stays with the mask',
    root: true,
    given: { f: file('x', { ...mine, mode: 0o600 }), d: dir({ ...mine, mode: 0o700 }) },
    run: (c) => {
      for (const name of ['f', 'd']) {
        c.as(ALICE, () => {
          c.is(c.getxattr(name, ACCESS), 'ENODATA');
          c.changes(name, ['ctime'], () => c.is(c.setxattr(name, ACCESS, acl(FOR_BOB)), 0));
          c.is(mode(c, name), '660');
          c.is(access(c, name), FOR_BOB);
          c.is(c.listxattr(name), ACCESS);
          c.is(c.setxattr(name, ACCESS, acl('u:rwx g:r-x o:--x')), 0);
          c.is(mode(c, name), '751');
          c.is(c.getxattr(name, ACCESS), 'ENODATA', 'the mode says it all');
          c.is(c.setxattr(name, ACCESS, acl(FOR_BOB)), 0);
          c.asPlain(c.removexattr(name, ACCESS));
          c.asPlain(mode(c, name));
          c.asPlain(c.removexattr(name, ACCESS));
        });
      }
    },
  },
  {
    name: 'chmod changes the mask, not the group',
    root: true,
    given: {
      f: file('x', { ...mine, mode: 0o600, xattrs: { [ACCESS]: acl(FOR_BOB) } }),
      d: dir({ ...mine, mode: 0o700, xattrs: { [ACCESS]: acl(FOR_BOB), [DEFAULT]: acl(INHERITED) } }),
    },
    run: (c) => {
      for (const name of ['f', 'd']) {
        c.is(
          c.as(ALICE, () => c.chmod(name, 0o705)),
          0,
        );
        c.is(access(c, name), `u:rwx user${BOB.uid}:rw- g:r-- m:--- o:r-x`);
        c.is(mode(c, name), '705');
        c.is(c.chmod(name, 0o640), 0);
        c.is(access(c, name), `u:rw- user${BOB.uid}:rw- g:r-- m:r-- o:---`);
        const fd = c.ok(c.open(name, O_RDONLY));
        c.is(c.fchmod(fd, 0o670), 0);
        c.is(access(c, name), `u:rw- user${BOB.uid}:rw- g:r-- m:rwx o:---`);
      }
      c.is(preset(c, 'd'), INHERITED);
    },
  },
  {
    name: 'chmod takes a right away at once',
    root: true,
    given: { f: file('x', { ...mine, mode: 0o600, xattrs: { [ACCESS]: acl(FOR_BOB) } }) },
    run: (c) => {
      c.is(c.close(c.as(BOB, () => c.ok(c.open('f', O_RDWR)))), 0);
      c.is(c.chmod('f', 0o600), 0);
      c.is(
        c.as(BOB, () => c.open('f', O_RDONLY)),
        'EACCES',
      );
      c.is(c.setxattr('f', ACCESS, acl(FOR_BOB)), 0);
      c.is(c.close(c.as(BOB, () => c.ok(c.open('f', O_RDWR)))), 0);
      c.is(c.removexattr('f', ACCESS), 0);
      c.as(BOB, () => c.asPlain(c.open('f', O_RDONLY) >= 0));
    },
  },
  {
    name: 'EPERM for whoever is not the owner, also who may write',
    root: true,
    given: {
      f: file('x', { ...mine, mode: 0o666, xattrs: { [ACCESS]: acl(FOR_BOB) } }),
      d: dir({ ...mine, mode: 0o777, xattrs: { [DEFAULT]: acl(INHERITED) } }),
    },
    run: (c) => {
      c.as(BOB, () => {
        c.is(c.setxattr('f', ACCESS, acl('u:rw- g:rw- o:rw-')), 'EPERM');
        c.is(c.removexattr('f', ACCESS), 'EPERM');
        c.is(c.setxattr('d', DEFAULT, acl('u:rw- g:rw- o:rw-')), 'EPERM');
        c.is(c.removexattr('d', DEFAULT), 'EPERM');
        c.is(shown(c.getxattr('f', ACCESS)), FOR_BOB, 'everybody may read it');
      });
      c.is(access(c, 'f'), FOR_BOB);
      c.is(preset(c, 'd'), INHERITED);
    },
  },
  {
    name: 'a default ACL is set, replaced and removed; the mode stays',
    root: true,
    given: { d: dir({ ...mine, mode: 0o755 }) },
    run: (c) => {
      c.as(ALICE, () => {
        c.is(c.getxattr('d', DEFAULT), 'ENODATA');
        c.is(c.setxattr('d', DEFAULT, acl(INHERITED)), 0);
        c.is(mode(c, 'd'), '755');
        c.is(c.listxattr('d'), DEFAULT);
        c.is(c.setxattr('d', DEFAULT, acl('u:rwx g:--- o:---')), 0);
        c.is(preset(c, 'd'), 'u:rwx g:--- o:---');
        c.is(c.mkdir('d/sub', 0o777), 0);
        c.is(mode(c, 'd/sub'), '700');
        c.is(c.removexattr('d', DEFAULT), 0);
        c.asPlain(c.removexattr('d', DEFAULT));
        c.is(c.mkdir('d/later', 0o777), 0);
        c.is(mode(c, 'd/later'), '755');
        c.is(c.getxattr('d/later', DEFAULT), 'ENODATA');
      });
    },
  },
  {
    name: 'EACCES for a default ACL of a file; EOPNOTSUPP for any of a symlink',
    root: true,
    given: { f: file('x'), l: symlink('f') },
    run: (c) => {
      c.is(c.setxattr('f', DEFAULT, acl(INHERITED)), 'EACCES');
      c.is(c.getxattr('f', DEFAULT), 'ENODATA');
      c.asPlain(c.lsetxattr('l', ACCESS, acl(FOR_BOB)));
      c.asPlain(c.lgetxattr('l', ACCESS));
      c.is(c.setxattr('l', ACCESS, acl(FOR_BOB)), 0);
      c.is(access(c, 'f'), FOR_BOB);
    },
  },
  {
    name: 'EINVAL for what is no ACL, and the old one stays',
    root: true,
    given: { f: file('x', { mode: 0o600, xattrs: { [ACCESS]: acl(FOR_BOB) } }), d: dir() },
    run: (c) => {
      for (const bad of [
        'u:rw-',
        `u:rw- user1:r-- g:r-- o:---`,
        'u:rw- g:r-- o:--- o:---',
        'g:r-- u:rw- o:---',
      ]) {
        c.is(c.setxattr('f', ACCESS, acl(bad)), 'EINVAL', bad);
        c.is(c.setxattr('d', DEFAULT, acl(bad)), 'EINVAL', bad);
      }
      c.asPlain(c.setxattr('f', ACCESS, 'x'), 'too short');
      c.asPlain(c.setxattr('f', ACCESS, `\x03${acl('u:rw- g:r-- o:---').slice(1)}`), 'another version');
      c.asPlain(c.setxattr('f', ACCESS, `${acl('u:rw- g:r-- o:---')}x`), 'too long');
      c.is(access(c, 'f'), FOR_BOB);
    },
  },
  crowded(20),
  crowded(200),
  {
    ...crowded(1000),
    deviates: { mounted: { sees: 'got E2BIG', why: 'FUSE passes on ACLs of one page at most, 511 entries' } },
  },
  {
    name: 'setting one takes setgid away from who is not in the group',
    root: true,
    given: {
      f: file('x', { uid: ALICE.uid, gid: CAROL.gid, mode: 0o2755 }),
      g: file('x', { uid: ALICE.uid, gid: SHARED_GROUP, mode: 0o2755 }),
    },
    run: (c) => {
      for (const name of ['f', 'g']) {
        c.is(
          c.as(ALICE, () => c.setxattr(name, ACCESS, acl(`u:rwx user${BOB.uid}:r-x g:r-x m:r-x o:r-x`))),
          0,
        );
        c.asPlain(mode(c, name), name);
      }
      c.is(c.facts('f').mode & 0o2000, 0);
      c.is(c.facts('g').mode & 0o2000, 0o2000);
    },
  },
  {
    name: 'of a directory: passing, listing, making',
    root: true,
    given: {
      d: dir({
        ...mine,
        mode: 0o700,
        xattrs: { [ACCESS]: acl(`u:rwx user${BOB.uid}:rwx user${CAROL.uid}:--x g:--- m:rwx o:---`) },
      }),
      'd/f': file('content'),
    },
    run: (c) => {
      c.as(BOB, () => {
        c.is(c.names('d'), 'f');
        c.put('d/new', 'by bob');
        c.is(c.unlink('d/new'), 0);
      });
      c.as(CAROL, () => {
        c.is(c.open('d', O_RDONLY), 'EACCES');
        c.is(c.text('d/f'), 'content');
        c.is(c.mkdir('d/new'), 'EACCES');
        c.is(c.unlink('d/f'), 'EACCES');
      });
      c.is(c.setxattr('d', ACCESS, acl(`u:rwx user${BOB.uid}:rwx g:--- m:--- o:---`)), 0);
      c.is(
        c.as(BOB, () => c.stat('d/f') as number),
        'EACCES',
      );
      c.is(
        c.as(BOB, () => c.mkdir('d/more')),
        'EACCES',
      );
    },
  },
  {
    name: 'they move with a rename, and stay through writing and truncating',
    root: true,
    given: {
      f: file('content', { ...mine, mode: 0o600, xattrs: { [ACCESS]: acl(FOR_BOB) } }),
      'd/x': file(''),
    },
    run: (c) => {
      c.is(
        c.as(BOB, () => c.close(c.ok(c.open('f', O_WRONLY)))),
        0,
      );
      c.as(BOB, () => c.is(c.truncate('f', 3), 0));
      c.is(access(c, 'f'), FOR_BOB);
      c.is(c.rename('f', 'd/x'), 0);
      c.is(access(c, 'd/x'), FOR_BOB);
      c.is(
        c.as(BOB, () => c.text('d/x')),
        'con',
      );
      c.is(
        c.as(CAROL, () => c.open('d/x', O_RDONLY)),
        'EACCES',
      );
    },
  },
]);
