// What new objects get: mode and umask, owner and group, set-group-ID of their directory.

import {
  O_CREAT,
  O_EXCL,
  O_RDWR,
  O_TMPFILE,
  O_WRONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFREG,
  S_IFSOCK,
} from '../../../src/sys/constants.ts';
import { deviceNumber } from '../calls/names.ts';
import { type Case, cases, dir, file } from '../case.ts';
import { ALICE, CAROL, type Context, SHARED_GROUP } from '../context.ts';

/** Everything that can be made, with all bits asked for. */
function makeAll(c: Context, mode: number): void {
  c.is(c.close(c.ok(c.open('d/file', O_WRONLY | O_CREAT, mode))), 0);
  c.is(c.close(c.ok(c.open('d/exclusive', O_RDWR | O_CREAT | O_EXCL, mode))), 0);
  c.is(c.mkdir('d/dir', mode), 0);
  c.is(c.mknod('d/regular', S_IFREG | mode), 0);
  c.is(c.mknod('d/fifo', S_IFIFO | mode), 0);
  c.is(c.mknod('d/socket', S_IFSOCK | mode), 0);
  c.is(c.symlink('x', 'd/symlink'), 0);
}

const MADE = ['file', 'exclusive', 'dir', 'regular', 'fifo', 'socket', 'symlink'];

const masked = (umask: number, mode: number): Case => ({
  name: `mode ${mode.toString(8)}, umask ${umask.toString(8)}`,
  given: { d: dir() },
  run: (c) => {
    c.umask(umask);
    makeAll(c, mode);
    for (const name of MADE) {
      const expected = name === 'symlink' ? 0o777 : mode & ~umask;
      const all = name === 'dir' || mode < 0o1000 ? 0o7777 : 0o777;
      c.asPlain(c.facts(`d/${name}`).mode.toString(8), name);
      if (name !== 'symlink')
        c.is((c.facts(`d/${name}`).mode & 0o777 & all).toString(8), (expected & 0o777).toString(8), name);
    }
  },
});

/** A directory of some group and mode, in which ALICE makes things. */
const inherited = (what: string, mode: number, gid: number, expected: number): Case => ({
  name: `the group in ${what}`,
  root: true,
  given: { d: dir({ uid: CAROL.uid, gid, mode }) },
  run: (c) => {
    c.as(ALICE, () => {
      c.umask(0);
      makeAll(c, 0o6777);
      c.is(c.mkdir('d/plain', 0o755), 0);
      c.is(c.mkdir('d/plain/deeper', 0o755), 0);
    });
    for (const name of [...MADE, 'plain', 'plain/deeper']) {
      const facts = c.facts(`d/${name}`);
      c.is(facts.uid, ALICE.uid, `owner of ${name}`);
      c.is(facts.gid, expected, `group of ${name}`);
      c.asPlain(facts.mode.toString(8), `mode of ${name}`);
    }
    if ((mode & 0o2000) !== 0) c.is(c.facts('d/plain/deeper').mode, 0o2755);
    c.is(c.facts('d').mode, mode);
  },
});

const SPECIALS = { block: S_IFBLK, char: S_IFCHR };

export default cases('create', [
  masked(0, 0o777),
  masked(0, 0o7777),
  masked(0, 0),
  masked(0o22, 0o666),
  masked(0o27, 0o777),
  masked(0o77, 0o1777),
  masked(0o777, 0o777),
  masked(0o170, 0o753),
  inherited('a directory', 0o777, SHARED_GROUP, ALICE.gid),
  inherited('a set-group-ID directory of a group of his', 0o2777, SHARED_GROUP, SHARED_GROUP),
  inherited('a set-group-ID directory of a group that is not his', 0o2777, CAROL.gid, CAROL.gid),
  inherited('a sticky set-group-ID directory', 0o3777, CAROL.gid, CAROL.gid),
  {
    name: 'in a set-group-ID directory, by root',
    root: true,
    given: { d: dir({ gid: CAROL.gid, mode: 0o2755 }) },
    run: (c) => {
      c.umask(0);
      makeAll(c, 0o6777);
      for (const name of MADE) {
        c.is(c.facts(`d/${name}`).gid, CAROL.gid, name);
        c.asPlain(c.facts(`d/${name}`).mode.toString(8), name);
      }
    },
  },
  {
    name: 'a directory that becomes set-group-ID passes it on from then on; moved things keep their group',
    root: true,
    given: {
      d: dir({ ...{ uid: ALICE.uid, gid: SHARED_GROUP }, mode: 0o755 }),
      'd/old': dir({ uid: ALICE.uid, gid: ALICE.gid }),
      '.': dir({ mode: 0o777 }),
      moved: file('', { uid: ALICE.uid, gid: ALICE.gid }),
    },
    run: (c) =>
      c.as(ALICE, () => {
        c.is(c.chmod('d', 0o2755), 0);
        c.is(c.mkdir('d/new', 0o755), 0);
        c.is(c.facts('d/new').gid, SHARED_GROUP);
        c.is(c.facts('d/new').mode, 0o2755);
        c.is(c.facts('d/old').mode, 0o755);
        c.is(c.mkdir('d/old/in', 0o755), 0);
        c.is(c.facts('d/old/in').gid, ALICE.gid);
        c.is(c.rename('moved', 'd/moved'), 0);
        c.is(c.facts('d/moved').gid, ALICE.gid);
      }),
  },
  {
    name: 'a file without a name has mode, owner and group like any other, and keeps them when it gets one',
    root: true,
    given: { d: dir({ uid: ALICE.uid, gid: SHARED_GROUP, mode: 0o2755 }) },
    run: (c) =>
      c.as(ALICE, () => {
        c.umask(0o27);
        const fd = c.ok(c.open('d', O_RDWR | O_TMPFILE, 0o666));
        c.is(c.ffacts(fd).mode, 0o640);
        c.is(c.ffacts(fd).gid, SHARED_GROUP);
        c.is(c.ffacts(fd).uid, ALICE.uid);
        c.is(c.link(`/proc/self/fd/${fd}`, 'd/named', 0x400), 0);
        c.is(c.facts('d/named').mode, 0o640);
        c.is(c.facts('d/named').nlink, 1);
      }),
  },
  {
    name: 'what has come up keeps its owner, group and mode, whoever writes and whatever the directory says',
    root: true,
    given: {
      d: dir({ gid: SHARED_GROUP, mode: 0o2775 }),
      'd/f': file('old', { uid: CAROL.uid, gid: CAROL.gid, mode: 0o646 }),
    },
    run: (c) => {
      c.as(ALICE, () => {
        c.umask(0o77);
        const fd = c.ok(c.open('d/f', O_WRONLY | O_CREAT, 0o600));
        c.is(c.write(fd, 'new'), 3);
      });
      const { uid, gid, mode } = c.facts('d/f');
      c.is(`${uid}:${gid} ${mode.toString(8)}`, `${CAROL.uid}:${CAROL.gid} 646`);
    },
  },
  {
    name: 'device nodes need root; files, FIFOs and sockets do not; nothing else can be made by mknod',
    root: true,
    given: { '.': dir({ mode: 0o777 }) },
    run: (c) => {
      c.as(ALICE, () => {
        for (const [name, type] of Object.entries(SPECIALS)) {
          c.is(c.mknod(name, type | 0o666, deviceNumber(1, 3)), 'EPERM', name);
        }
        c.asPlain(c.mknod('whiteout', S_IFCHR | 0o666, 0));
        c.is(c.mknod('regular', S_IFREG | 0o644), 0);
        c.is(c.mknod('typeless', 0o644), 0);
        c.is(c.mknod('fifo', S_IFIFO | 0o644), 0);
        c.is(c.mknod('directory', S_IFDIR | 0o755), 'EPERM');
        c.is(c.mknod('link', 0o120777), 'EINVAL');
        c.is(c.mknod('nonsense', 0o150000), 'EINVAL');
      });
      c.is(c.facts('typeless').type, 'file');
      c.asPlain(c.names());
    },
  },
]);
