// What takes setuid, setgid and capabilities away: a change of owner, and writing, by whoever is not privileged; capabilities go whoever
// it is. Also when the first write brings the file up.

import { O_APPEND, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from '../../../src/sys/constants.ts';
import { MAP_SHARED, PROT_READ, PROT_WRITE } from '../calls/files.ts';
import { ROOT } from '../calls/identity.ts';
import { type Case, cases, dir, file, symlink } from '../case.ts';
import { ALICE, BOB, CAROL, type Context, SHARED_GROUP, type User } from '../context.ts';

/** VFS_CAP_REVISION_2 with cap_net_raw permitted, as `setcap cap_net_raw=p` stores it. */
const CAPABILITY = '\x00\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00';
const CAPABILITIES = 'security.capability';

const mine = { uid: ALICE.uid, gid: ALICE.gid };

/** Ways to write, with a descriptor that is opened for it. */
const WRITES: Record<string, (c: Context) => void> = {
  write: (c) => {
    const fd = c.ok(c.open('f', O_WRONLY));
    c.is(c.write(fd, 'x'), 1);
  },
  'write at the end': (c) => {
    const fd = c.ok(c.open('f', O_WRONLY | O_APPEND));
    c.is(c.write(fd, 'x'), 1);
  },
  pwrite: (c) => {
    const fd = c.ok(c.open('f', O_RDWR));
    c.is(c.pwrite(fd, 'x', 2), 1);
  },
  'truncate to less': (c) => c.is(c.truncate('f', 3), 0),
  'truncate to more': (c) => c.is(c.truncate('f', 30), 0),
  'truncate to the same': (c) => c.is(c.truncate('f', 8), 0),
  ftruncate: (c) => {
    const fd = c.ok(c.open('f', O_WRONLY));
    c.is(c.ftruncate(fd, 3), 0);
  },
  'open with O_TRUNC': (c) => void c.ok(c.open('f', O_WRONLY | O_TRUNC)),
  fallocate: (c) => {
    const fd = c.ok(c.open('f', O_WRONLY));
    c.is(c.fallocate(fd, 0, 0, 4096), 0);
  },
  copy_file_range: (c) => {
    const from = c.ok(c.open('source', O_RDONLY));
    const to = c.ok(c.open('f', O_WRONLY));
    c.is(c.copyFileRange(from, 0, to, 0, 4), 4);
  },
};

const source = file('source of a copy');
const written = (how: string, who: string, user: User, mode: number): Case => ({
  name: `${how} by ${who}, ${mode.toString(8)}`,
  root: true,
  given: { f: file('contents', { ...mine, gid: SHARED_GROUP, mode }), source },
  run: (c) => {
    c.as(user, () => WRITES[how]?.(c));
    c.asPlain(c.facts('f').mode.toString(8));
    if (user === ROOT) c.is(c.facts('f').mode, mode, 'root keeps them');
    else c.is(c.facts('f').mode & 0o4000, 0, 'setuid has gone');
    if (user === CAROL && (mode & 0o10) !== 0) c.is(c.facts('f').mode & 0o2000, 0, 'setgid has gone');
  },
});

const uncapable = (how: string, who: string, user: User): Case => ({
  name: `${how} by ${who} takes capabilities away`,
  root: true,
  given: { f: file('contents', { ...mine, mode: 0o777, xattrs: { [CAPABILITIES]: CAPABILITY } }), source },
  run: (c) => {
    c.is(c.getxattr('f', CAPABILITIES), CAPABILITY);
    c.as(user, () => WRITES[how]?.(c));
    c.is(c.getxattr('f', CAPABILITIES), 'ENODATA');
    c.is(c.listxattr('f'), '');
    c.is(c.facts('f').mode, 0o777);
  },
});

const ways = Object.keys(WRITES);

export default cases('set-id', [
  ...ways.map((how) => written(how, 'the owner', ALICE, 0o6777)),
  ...ways.map((how) => written(how, 'another user', CAROL, 0o6777)),
  ...ways.map((how) => written(how, 'root', ROOT, 0o6777)),
  ...ways.map((how) => uncapable(how, 'the owner', ALICE)),
  ...ways.map((how) => uncapable(how, 'root', ROOT)),
  written('write', 'one of the group', BOB, 0o6777),
  written('write', 'the owner', ALICE, 0o6766),
  written('truncate to less', 'the owner', ALICE, 0o6766),
  written('write', 'another user', CAROL, 0o6766),
  written('write', 'another user', CAROL, 0o4777),
  written('write', 'another user', CAROL, 0o2777),
  {
    name: 'a write that fails takes nothing away',
    root: true,
    given: { f: file('contents', { ...mine, mode: 0o6755, xattrs: { [CAPABILITIES]: CAPABILITY } }) },
    run: (c) => {
      c.as(CAROL, () => {
        c.is(c.open('f', O_WRONLY), 'EACCES');
        c.is(c.open('f', O_RDONLY | O_TRUNC), 'EACCES');
        c.is(c.truncate('f', 0), 'EACCES');
      });
      c.is(c.facts('f').mode, 0o6755);
      c.is(c.getxattr('f', CAPABILITIES), CAPABILITY);
    },
  },
  {
    name: 'opening for writing alone takes nothing away',
    root: true,
    given: { f: file('contents', { ...mine, mode: 0o6755, xattrs: { [CAPABILITIES]: CAPABILITY } }) },
    run: (c) => {
      c.as(ALICE, () => c.is(c.close(c.ok(c.open('f', O_RDWR))), 0));
      c.is(c.facts('f').mode, 0o6755);
      c.is(c.getxattr('f', CAPABILITIES), CAPABILITY);
      c.is(c.text('f'), 'contents');
    },
  },
  {
    name: 'it is who writes, not who has opened',
    root: true,
    given: { f: file('contents', { ...mine, mode: 0o6755 }), g: file('contents', { ...mine, mode: 0o6777 }) },
    run: (c) => {
      const byRoot = c.ok(c.open('f', O_WRONLY));
      c.is(
        c.as(CAROL, () => c.write(byRoot, 'x')),
        1,
      );
      c.is(c.facts('f').mode, 0o755);
      const byCarol = c.as(CAROL, () => c.ok(c.open('g', O_WRONLY)));
      c.is(c.write(byCarol, 'x'), 1);
      c.is(c.facts('g').mode, 0o6777);
    },
  },
  {
    name: 'a shared mapping that is written to takes nothing away',
    root: true,
    given: { f: file('contents', { ...mine, mode: 0o6777 }) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const at = c.ok(c.mmap(8, PROT_READ | PROT_WRITE, MAP_SHARED, fd));
      c.poke(at, 'C');
      c.is(c.munmap(at, 8), 0);
      c.is(c.fsync(fd), 0);
      c.is(c.facts('f').mode, 0o6777);
      c.is(c.text('f'), 'Contents');
    },
  },
  ...(
    [
      ['both ids', ROOT, BOB.uid, BOB.gid],
      ['the group alone', ROOT, -1, BOB.gid],
      ['no id', ROOT, -1, -1],
      ['the same ids', ROOT, ALICE.uid, ALICE.gid],
      ['the group, by the owner', ALICE, -1, SHARED_GROUP],
      ['no id, by the owner', ALICE, -1, -1],
    ] as const
  ).map(
    ([what, user, uid, gid]): Case => ({
      name: `chown of ${what}`,
      root: true,
      given: {
        all: file('x', { ...mine, mode: 0o6755 }),
        suid: file('x', { ...mine, mode: 0o4711 }),
        noexec: file('x', { ...mine, mode: 0o6644 }),
        caps: file('x', { ...mine, mode: 0o755, xattrs: { [CAPABILITIES]: CAPABILITY } }),
        d: dir({ ...mine, mode: 0o6755 }),
      },
      run: (c) => {
        for (const [name, mode] of [
          ['all', 0o755],
          ['suid', 0o711],
          ['noexec', undefined],
          ['caps', 0o755],
          ['d', 0o6755],
        ] as const) {
          c.is(
            c.as(user, () => c.chown(name, uid, gid)),
            0,
            name,
          );
          c.asPlain(c.facts(name).mode.toString(8), name);
          if (mode !== undefined) c.is(c.facts(name).mode.toString(8), mode.toString(8), name);
        }
        c.is(c.getxattr('caps', CAPABILITIES), 'ENODATA');
      },
    }),
  ),
  {
    name: 'fchown takes them too, lchown of a symlink leaves its target alone',
    root: true,
    given: { f: file('x', { ...mine, mode: 0o6755 }), l: symlink('f') },
    run: (c) => {
      c.is(c.lchown('l', 5, 5), 0);
      c.is(c.facts('f').mode, 0o6755);
      const fd = c.ok(c.open('f', O_RDONLY));
      c.is(c.fchown(fd, 5, 5), 0);
      c.is(c.ffacts(fd).mode, 0o755);
      c.is(c.facts('f').mode, 0o755);
    },
  },
  {
    name: 'root writes to what has capabilities and setuid: the capabilities go alone',
    root: true,
    given: { f: file('contents', { ...mine, mode: 0o6755, xattrs: { [CAPABILITIES]: CAPABILITY } }) },
    deviates: {
      mounted: {
        sees: 'expected 3565, got 493',
        why: 'before such a write the kernel sends what it sends for chown(-1, -1), which takes both',
      },
    },
    run: (c) => {
      const fd = c.ok(c.open('f', O_WRONLY));
      c.is(c.write(fd, 'x'), 1);
      c.is(c.getxattr('f', CAPABILITIES), 'ENODATA');
      c.is(c.facts('f').mode, 0o6755);
    },
  },
  {
    name: 'chown of no id by another user: EPERM if there is setuid to take away',
    root: true,
    given: { f: file('contents', { ...mine, mode: 0o4755 }) },
    deviates: {
      mounted: {
        sees: 'expected EPERM, got 0',
        why: 'the kernel sends the same before a write, which must not fail; nothing is taken away',
      },
    },
    run: (c) =>
      c.is(
        c.as(BOB, () => c.chown('f', -1, -1)),
        'EPERM',
      ),
  },
  {
    name: 'a chown that fails takes nothing away',
    root: true,
    given: { f: file('x', { ...mine, mode: 0o6755, xattrs: { [CAPABILITIES]: CAPABILITY } }) },
    run: (c) => {
      c.is(
        c.as(BOB, () => c.chown('f', BOB.uid, -1)),
        'EPERM',
      );
      c.is(
        c.as(ALICE, () => c.chown('f', -1, CAROL.gid)),
        'EPERM',
      );
      c.is(c.facts('f').mode, 0o6755);
      c.is(c.getxattr('f', CAPABILITIES), CAPABILITY);
    },
  },
  {
    name: 'capabilities need CAP_SETFCAP, a right form, and a file',
    root: true,
    given: { f: file('x', mine), d: dir(mine) },
    run: (c) => {
      c.is(
        c.as(ALICE, () => c.setxattr('f', CAPABILITIES, CAPABILITY)),
        'EPERM',
      );
      c.is(c.setxattr('f', CAPABILITIES, 'nonsense'), 'EINVAL');
      c.is(c.setxattr('f', CAPABILITIES, CAPABILITY), 0);
      c.is(
        c.as(ALICE, () => c.removexattr('f', CAPABILITIES)),
        'EPERM',
      );
      c.is(
        c.as(CAROL, () => c.getxattr('f', CAPABILITIES)),
        CAPABILITY,
      );
      c.is(c.removexattr('f', CAPABILITIES), 0);
      c.asPlain(c.setxattr('d', CAPABILITIES, CAPABILITY));
    },
  },
]);
