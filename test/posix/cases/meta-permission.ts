// Who may: owner, group and others, passing directories, adding and removing names, sticky directories; as other users. access(2) for
// real and effective ids.

import {
  AT_EACCESS,
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  F_OK,
  O_CREAT,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_TMPFILE,
  O_TRUNC,
  O_WRONLY,
  R_OK,
  RENAME_EXCHANGE,
  W_OK,
  X_OK,
} from '../../../src/sys/constants.ts';
import { ROOT } from '../calls/identity.ts';
import { type Case, cases, dir, fifo, file, symlink, type Thing } from '../case.ts';
import { ALICE, BOB, CAROL, type Context, SHARED_GROUP } from '../context.ts';

const owned = { uid: ALICE.uid, gid: SHARED_GROUP };
const mine = { uid: ALICE.uid, gid: ALICE.gid };
const others = { uid: BOB.uid, gid: BOB.gid };

/** What one may do with a file, by opening it and by asking. */
function rights(c: Context, path: string): string {
  const open = (flags: number, bit: number, letter: string) => {
    const fd = c.open(path, flags);
    if (fd >= 0) c.close(fd);
    else c.is(fd, 'EACCES');
    c.is(c.access(path, bit), fd < 0 ? 'EACCES' : 0, `access ${letter}`);
    return fd < 0 ? '-' : letter;
  };
  const x = c.access(path, X_OK);
  return open(O_RDONLY, R_OK, 'r') + open(O_WRONLY, W_OK, 'w') + (x < 0 ? '-' : 'x');
}

const classes = (mode: number, owner: string, group: string, other: string): Case => ({
  name: `a file of mode ${mode.toString(8)}: owner ${owner}, group ${group}, others ${other}`,
  root: true,
  given: { f: file('content', { ...owned, mode }) },
  run: (c) => {
    c.is(
      c.as(ALICE, () => rights(c, 'f')),
      owner,
      'owner',
    );
    c.is(
      c.as(BOB, () => rights(c, 'f')),
      group,
      'by a supplementary group',
    );
    c.is(
      c.as({ uid: BOB.uid, gid: SHARED_GROUP }, () => rights(c, 'f')),
      group,
      'by the group itself',
    );
    c.is(
      c.as(CAROL, () => rights(c, 'f')),
      other,
      'others',
    );
    c.is(rights(c, 'f'), (mode & 0o111) === 0 ? 'rw-' : 'rwx', 'root');
  },
});

/** Acts that need a directory to be passed through. */
const PASSING: Record<string, (c: Context, path: string) => number> = {
  stat: (c, path) => c.stat(`${path}/f`) as number,
  open: (c, path) => c.open(`${path}/f`, O_RDONLY),
  create: (c, path) => c.open(`${path}/new`, O_WRONLY | O_CREAT),
  truncate: (c, path) => c.truncate(`${path}/f`, 0),
  chmod: (c, path) => c.chmod(`${path}/f`, 0o777),
  utimens: (c, path) => c.touch(`${path}/f`),
  mkdir: (c, path) => c.mkdir(`${path}/new`),
  rmdir: (c, path) => c.rmdir(`${path}/d`),
  unlink: (c, path) => c.unlink(`${path}/f`),
  'rename from': (c, path) => c.rename(`${path}/f`, 'elsewhere'),
  'rename to': (c, path) => c.rename('g', `${path}/f`),
  'link from': (c, path) => c.link(`${path}/f`, 'elsewhere'),
  'link to': (c, path) => c.link('g', `${path}/new`),
  symlink: (c, path) => c.symlink('x', `${path}/new`),
  readlink: (c, path) => c.readlink(`${path}/l`) as number,
  access: (c, path) => c.access(`${path}/f`, F_OK),
  chdir: (c, path) => c.chdir(`${path}/d`),
  getxattr: (c, path) => c.getxattr(`${path}/f`, 'user.a') as number,
  'pass through ..': (c, path) => c.open(`${path}/d/../../g`, O_RDONLY),
};

const tree = (mode: number): Record<string, Thing> => ({
  '.': dir({ mode: 0o777 }),
  g: file('', { mode: 0o666 }),
  a: dir({ mode }),
  'a/b': dir({ mode: 0o777 }),
  'a/b/f': file('content', { ...mine, mode: 0o666 }),
  'a/b/d': dir({ ...mine, mode: 0o777 }),
  'a/b/l': symlink('f'),
});

const closed = (act: string): Case => ({
  name: `EACCES for ${act} behind a directory that may not be passed`,
  root: true,
  given: tree(0o766),
  run: (c) => {
    for (const round of ['first', 'after root has been there']) {
      c.is(
        c.as(ALICE, () => PASSING[act]?.(c, 'a/b')),
        'EACCES',
        round,
      );
      c.ok(c.stat('a/b/f'));
    }
    c.is(c.text('a/b/f'), 'content');
    c.is(c.names('a/b'), 'd f l');
  },
});

/** Acts that change the names in a directory. */
const CHANGING: Record<string, (c: Context) => number> = {
  create: (c) => c.open('d/new', O_WRONLY | O_CREAT),
  mkdir: (c) => c.mkdir('d/new'),
  symlink: (c) => c.symlink('x', 'd/new'),
  mknod: (c) => c.mknod('d/new', 0o010644),
  link: (c) => c.link('d/f', 'd/new'),
  unlink: (c) => c.unlink('d/f'),
  rmdir: (c) => c.rmdir('d/sub'),
  'rename in it': (c) => c.rename('d/f', 'd/new'),
  'rename out of it': (c) => c.rename('d/f', 'g'),
  'rename into it': (c) => c.rename('g', 'd/new'),
  'rename over': (c) => c.rename('g', 'd/f'),
  exchange: (c) => c.rename('g', 'd/f', RENAME_EXCHANGE),
  O_TMPFILE: (c) => c.open('d', O_WRONLY | O_TMPFILE),
};

const unwritable = (act: string, mode: number): Case => ({
  name: `EACCES for ${act} in a directory of mode ${mode.toString(8)}`,
  root: true,
  given: {
    '.': dir({ mode: 0o777 }),
    g: file('', mine),
    d: dir({ mode }),
    'd/f': file('content', { ...mine, mode: 0o666 }),
    'd/sub': dir(mine),
  },
  run: (c) => {
    c.changes('d', [], () =>
      c.is(
        c.as(ALICE, () => CHANGING[act]?.(c)),
        'EACCES',
      ),
    );
    c.is(c.names('d'), 'f sub');
    c.is(c.text('d/f'), 'content');
  },
});

/** In a sticky directory: whose the directory and the thing in it are, and whether ALICE may take it away. */
const sticky = (whose: string, d: object, thing: object, may: boolean): Case => ({
  name: `a sticky directory: ${whose}`,
  root: true,
  given: {
    '.': dir({ mode: 0o777 }),
    d: dir({ mode: 0o1777, ...d }),
    ...Object.fromEntries(
      ['unlinked', 'moved', 'over', 'swapped'].map((name) => [
        `d/${name}`,
        file(name, { mode: 0o666, ...thing }),
      ]),
    ),
    'd/removed': dir({ mode: 0o777, ...thing }),
    'd/movedir': dir({ mode: 0o777, ...thing }),
    'd/own': file('own', mine),
    g: file('g', mine),
  },
  run: (c) => {
    const expected = may ? 0 : 'EPERM';
    c.as(ALICE, () => {
      c.is(c.unlink('d/unlinked'), expected, 'unlink');
      c.is(c.rmdir('d/removed'), expected, 'rmdir');
      c.is(c.rename('d/moved', 'd/renamed'), expected, 'rename');
      c.is(c.rename('d/movedir', 'd/moveddir'), expected, 'rename of a directory');
      c.is(c.rename('d/swapped', 'd/own', RENAME_EXCHANGE), expected, 'exchange');
      c.is(c.rename('g', 'd/over'), expected, 'rename over it');
      c.put('d/new', 'may be made');
      c.is(c.rename('d/new', 'd/newer'), 0);
      c.is(c.unlink('d/newer'), 0);
    });
    c.asPlain(c.names('d'));
  },
});

export default cases('permission', [
  classes(0o000, '---', '---', '---'),
  classes(0o400, 'r--', '---', '---'),
  classes(0o070, '---', 'rwx', '---'),
  classes(0o007, '---', '---', 'rwx'),
  classes(0o077, '---', 'rwx', 'rwx'),
  classes(0o707, 'rwx', '---', 'rwx'),
  classes(0o124, '--x', '-w-', 'r--'),
  classes(0o640, 'rw-', 'r--', '---'),
  classes(0o755, 'rwx', 'r-x', 'r-x'),
  ...Object.keys(PASSING).map(closed),
  ...Object.keys(CHANGING).map((act) => unwritable(act, 0o755)),
  ...Object.keys(CHANGING).map((act) => unwritable(act, 0o776)),
  sticky('neither is his', { uid: BOB.uid }, others, false),
  sticky('what is in it is his', { uid: BOB.uid }, mine, true),
  sticky('the directory is his', { uid: ALICE.uid }, others, true),
  sticky('not sticky, neither is his', { uid: BOB.uid, mode: 0o777 }, others, true),
  sticky(
    'the group does not count',
    { uid: BOB.uid, gid: SHARED_GROUP },
    { uid: BOB.uid, gid: SHARED_GROUP },
    false,
  ),
  {
    name: 'listing needs reading, passing needs searching, neither needs the other',
    root: true,
    given: {
      list: dir({ mode: 0o744 }),
      'list/f': file('1'),
      pass: dir({ mode: 0o711 }),
      'pass/f': file('2'),
    },
    run: (c) =>
      c.as(ALICE, () => {
        c.is(c.names('list'), 'f');
        c.is(c.open('list/f', O_RDONLY), 'EACCES');
        c.is(c.lstat('list/f') as number, 'EACCES');
        c.is(c.chdir('list'), 'EACCES');
        c.is(c.open('pass', O_RDONLY), 'EACCES');
        c.is(c.text('pass/f'), '2');
        c.is(c.chdir('pass'), 0);
        c.is(c.text('f'), '2');
        c.is(c.open('.', O_RDONLY), 'EACCES');
      }),
  },
  {
    name: 'a directory that is open or worked in stays so when it is closed',
    root: true,
    given: { d: dir({ ...mine, mode: 0o700 }), 'd/f': file('content', mine), 'd/sub': dir(mine) },
    run: (c) =>
      c.as(ALICE, () => {
        const fd = c.ok(c.open('d', O_RDONLY));
        const path = c.ok(c.open('d', O_PATH));
        c.is(c.chmod('d', 0), 0);
        const entries = c.ok(c.getdents(fd));
        c.is(Array.isArray(entries) && entries.length, 4);
        c.is(c.openat(fd, 'f', O_RDONLY), 'EACCES');
        c.is(c.openat(path, 'f', O_RDONLY), 'EACCES');
        c.is(c.fchdir(fd), 'EACCES');
        c.is(c.fchmod(fd, 0o700), 0);
        c.is(c.close(c.ok(c.openat(fd, 'f', O_RDONLY))), 0);
        c.is(c.fchdir(fd), 0);
        c.is(c.chmod('../d', 0o600), 0);
        c.is(c.open('f', O_RDONLY), 'EACCES');
        c.is(c.mkdir('new'), 'EACCES');
      }),
  },
  {
    name: 'a file that is open goes on, whatever becomes of the way to it',
    root: true,
    given: { d: dir({ mode: 0o755 }), 'd/f': file('content', { ...mine, mode: 0o600 }) },
    run: (c) => {
      const fd = c.as(ALICE, () => c.ok(c.open('d/f', O_RDWR)));
      c.is(c.chmod('d', 0o700), 0);
      c.is(c.chown('d/f', 0, 0), 0);
      c.as(ALICE, () => {
        c.is(c.read(fd, 3), 'con');
        c.is(c.write(fd, 'T'), 1);
        c.is(c.ftruncate(fd, 4), 0);
        c.ok(c.fstat(fd));
        c.is(c.fchmod(fd, 0o777), 'EPERM');
      });
      c.is(c.text('d/f'), 'conT');
    },
  },
  {
    name: 'truncating needs to write, however it is asked for',
    root: true,
    given: {
      '.': dir({ mode: 0o777 }),
      f: file('content', { mode: 0o644 }),
      w: file('content', { mode: 0o622 }),
    },
    run: (c) => {
      c.as(ALICE, () => {
        c.is(c.truncate('f', 0), 'EACCES');
        c.is(c.open('f', O_RDONLY | O_TRUNC), 'EACCES');
        c.is(c.open('f', O_WRONLY | O_TRUNC), 'EACCES');
        c.is(c.open('f', O_RDWR | O_CREAT | O_TRUNC), 'EACCES');
        c.is(c.open('w', O_RDONLY | O_TRUNC), 'EACCES');
        c.is(c.ftruncate(c.ok(c.open('f', O_RDONLY)), 0), 'EINVAL');
        c.is(c.truncate('w', 3), 0);
      });
      c.is(c.text('f'), 'content');
      c.is(c.text('w'), 'con');
    },
  },
  {
    name: 'a new file is open as it was asked for, whatever its mode',
    root: true,
    given: { '.': dir({ mode: 0o777 }) },
    run: (c) =>
      c.as(ALICE, () => {
        const fd = c.ok(c.open('f', O_RDWR | O_CREAT, 0));
        c.is(c.write(fd, 'x'), 1);
        c.is(c.pread(fd, 1, 0), 'x');
        c.is(c.facts('f').mode, 0);
        c.is(c.open('f', O_RDONLY), 'EACCES');
        c.is(c.open('f', O_RDWR | O_CREAT, 0o666), 'EACCES');
      }),
  },
  {
    name: 'a symlink has no rights of its own; FIFOs have',
    root: true,
    given: {
      f: file('content', { mode: 0o644 }),
      l: symlink('f', { uid: BOB.uid }),
      p: fifo({ mode: 0o600 }),
    },
    run: (c) =>
      c.as(ALICE, () => {
        c.is(c.readlink('l'), 'f');
        c.is(c.text('l'), 'content');
        c.is(c.open('l', O_WRONLY), 'EACCES');
        c.is(c.open('p', O_RDWR), 'EACCES');
        c.is(c.access('p', R_OK), 'EACCES');
        c.is(c.access('l', W_OK), 'EACCES');
      }),
  },
  {
    name: 'taking away a file of somebody else needs the directory alone; moving his directory its own leave',
    root: true,
    given: {
      d: dir({ ...mine, mode: 0o700 }),
      'd/f': file('', { uid: BOB.uid, mode: 0 }),
      'd/closed': dir({ uid: BOB.uid, mode: 0o755 }),
      'd/to': dir(mine),
    },
    run: (c) =>
      c.as(ALICE, () => {
        c.is(c.unlink('d/f'), 0);
        c.is(c.rename('d/closed', 'd/renamed'), 0);
        c.is(c.rename('d/renamed', 'd/to/closed'), 'EACCES', 'its .. would change');
        c.is(c.names('d'), 'renamed to');
      }),
  },
  {
    name: 'access: real ids, with AT_EACCESS the effective ones',
    root: true,
    given: {
      f: file('', { ...mine, mode: 0o600 }),
      d: dir({ ...mine, mode: 0o700 }),
      'd/x': file('', { mode: 0o777 }),
    },
    run: (c) => {
      const all = (path: string, flags: number) =>
        [F_OK, R_OK, W_OK, X_OK].map((bit) => (c.access(path, bit, flags) === 0 ? 'y' : 'n')).join('');
      c.asRealAndEffective(ALICE, CAROL, () => {
        c.is(all('f', 0), 'yyyn', 'really ALICE');
        c.is(all('f', AT_EACCESS), 'ynnn', 'CAROL by effect');
        c.is(all('d/x', 0), 'yyyy');
        c.is(all('d/x', AT_EACCESS), 'nnnn');
        c.is(c.open('f', O_RDONLY), 'EACCES');
      });
      c.asRealAndEffective(CAROL, ALICE, () => {
        c.is(all('f', 0), 'ynnn');
        c.is(all('f', AT_EACCESS), 'yyyn');
        c.is(c.close(c.ok(c.open('f', O_RDWR))), 0);
      });
      c.asRealAndEffective(CAROL, ROOT, () => {
        c.is(all('f', 0), 'ynnn');
        c.is(all('f', AT_EACCESS), 'yyyn');
        c.is(all('d/x', 0), 'nnnn');
      });
      c.asRealAndEffective(ROOT, CAROL, () => {
        c.is(all('f', 0), 'yyyn');
        c.is(all('f', AT_EACCESS), 'ynnn');
      });
    },
  },
  {
    name: 'access for root: everything, but execution only where somebody may',
    root: true,
    given: {
      f: file('', { ...mine, mode: 0 }),
      x: file('', { ...mine, mode: 0o001 }),
      d: dir({ ...mine, mode: 0 }),
    },
    run: (c) => {
      for (const flags of [0, AT_EACCESS]) {
        c.is(c.access('f', R_OK | W_OK, flags), 0);
        c.is(c.access('f', X_OK, flags), 'EACCES');
        c.is(c.access('x', R_OK | W_OK | X_OK, flags), 0);
        c.is(c.access('d', R_OK | W_OK | X_OK, flags), 0);
      }
    },
  },
  {
    name: 'access: ENOENT, ENOTDIR, ELOOP, EINVAL; of a symlink itself, of a descriptor',
    given: { f: file('', { mode: 0o600 }), l: symlink('nowhere'), loop: symlink('loop') },
    run: (c) => {
      c.is(c.access('missing', F_OK), 'ENOENT');
      c.is(c.access('', F_OK), 'ENOENT');
      c.is(c.access('f/x', F_OK), 'ENOTDIR');
      c.is(c.access('loop', F_OK), 'ELOOP');
      c.is(c.access('l', F_OK), 'ENOENT');
      c.is(c.access('l', F_OK, AT_SYMLINK_NOFOLLOW), 0);
      c.asPlain(c.access('l', W_OK, AT_SYMLINK_NOFOLLOW));
      c.is(c.access('f', 8), 'EINVAL');
      c.is(c.access('f', F_OK, 0x8000), 'EINVAL');
      const fd = c.ok(c.open('f', O_RDONLY));
      c.is(c.faccessat(fd, '', R_OK, AT_EMPTY_PATH), 0);
      c.is(c.unlink('f'), 0);
      c.is(c.faccessat(fd, '', R_OK, AT_EMPTY_PATH), 0, 'removed');
      c.is(c.faccessat(AT_FDCWD, 'f', F_OK), 'ENOENT');
    },
  },
]);
