// Directories that somebody holds, open or as working directory, while their names change; and the directories above what is made.

import { O_DIRECTORY, O_PATH, O_RDONLY, O_WRONLY } from '../../../src/sys/constants.ts';
import { cases, dir, file } from '../case.ts';
import { ALICE, type Answer, BOB, type Context } from '../context.ts';

const CREAT = O_WRONLY | 0o100;

/** Takes the directory `d/e` away. */
const ENDS: Record<string, (c: Context) => void> = {
  'was removed': (c) => c.is(c.rmdir('d/e'), 0),
  'another has taken the place of': (c) => c.is(c.rename('new', 'd/e'), 0),
};

const GIVEN = { 'd/e': dir(), 'd/f': file('f'), 'new/x': file('x') };

export default cases('held', [
  ...Object.entries(ENDS).flatMap(([what, end]) => [
    {
      name: `an open directory that ${what} keeps its attributes, and takes new ones`,
      given: GIVEN,
      run: (c: Context) => {
        const fd = c.ok(c.open('d/e', O_RDONLY | O_DIRECTORY));
        const { ino } = c.ffacts(fd);
        end(c);
        c.is(c.ffacts(fd).type, 'dir');
        c.is(c.ffacts(fd).ino, ino);
        c.is(c.fchmod(fd, 0o700), 0);
        c.is(c.ffacts(fd).mode, 0o700);
        c.is(c.futimens(fd, 1_000_000_000n, 2_000_000_000n), 0);
        c.is(c.ffacts(fd).mtime, 2_000_000_000n);
        c.asPlain(c.ffacts(fd).nlink, 'nlink');
        c.asPlain(c.fsync(fd), 'fsync');
      },
    },
    {
      name: `nothing is made or found in an open directory that ${what}`,
      given: GIVEN,
      run: (c: Context) => {
        const fd = c.ok(c.open('d/e', O_RDONLY | O_DIRECTORY));
        end(c);
        c.is(c.mkdirat(fd, 'x'), 'ENOENT');
        c.is(c.openat(fd, 'x', CREAT), 'ENOENT');
        c.is(c.openat(fd, 'x', O_RDONLY), 'ENOENT');
        c.is(c.linkat(-100, 'd/f', fd, 'f'), 'ENOENT');
        c.is(c.renameat2(-100, 'd/f', fd, 'f'), 'ENOENT');
        c.asPlain((c.getdents(fd) as unknown[]).length, 'entries');
        c.is(c.names('d'), c.lstat('d/e') === -2 ? 'f' : 'e f');
        c.is(c.text('d/f'), 'f');
      },
    },
    {
      name: `the working directory that ${what} can be opened again, and is empty`,
      given: GIVEN,
      run: (c: Context) => {
        const top = c.path();
        const fd = c.ok(c.open('d/e', O_PATH | O_DIRECTORY));
        const { ino } = c.ffacts(fd);
        end(c);
        c.is(c.fchdir(fd), 0);
        const again = c.ok(c.open('.', O_RDONLY | O_DIRECTORY));
        c.is(c.ffacts(again).ino, ino);
        c.asPlain((c.getdents(again) as unknown[]).length, 'entries');
        c.is(c.open('x', CREAT), 'ENOENT');
        c.is(c.lstat('x') as Answer, 'ENOENT');
        c.is((c.ok(c.stat('..')) as { ino: string }).ino, (c.ok(c.stat(`${top}/d`)) as { ino: string }).ino);
      },
    },
  ]),
  {
    name: 'a directory is held by another process while it is removed and made anew',
    given: GIVEN,
    run: (c) => {
      const fd = c.ok(c.other().open('d/e', O_RDONLY | O_DIRECTORY));
      c.is(c.rmdir('d/e'), 0);
      c.is(c.mkdir('d/e'), 0);
      c.put('d/e/new', 'new');
      c.is(c.other().openat(fd, 'new', O_RDONLY), 'ENOENT');
      c.is(c.other().mkdirat(fd, 'x'), 'ENOENT');
      c.is(c.names('d/e'), 'new');
    },
  },
  {
    name: 'directories above what is made keep owner, mode and times',
    root: true,
    given: {
      a: dir({ mode: 0o711, uid: BOB.uid, gid: 2500 }),
      'a/b': dir({ mode: 0o2775, uid: BOB.uid, gid: 2500, mtime: 1_234_567_890_123_456_789n }),
      'a/b/c': dir({ mode: 0o1777, uid: BOB.uid, gid: 2600 }),
      'a/b/c/f': file('f', { mode: 0o666 }),
    },
    run: (c) => {
      const tell = (path: string) => {
        const { mode, uid, gid, mtime } = c.facts(path);
        return `${mode.toString(8)} ${uid} ${gid} ${mtime}`;
      };
      const before = ['a', 'a/b'].map(tell).join();
      c.umask(0o077);
      c.as(ALICE, () => {
        c.is(c.mkdir('a/b/c/new'), 0);
        c.put('a/b/c/new/file', 'new');
        c.is(c.close(c.ok(c.open('a/b/c/f', O_WRONLY))), 0);
        c.is(c.rename('a/b/c/new/file', 'a/b/c/file'), 0);
      });
      c.is(['a', 'a/b'].map(tell).join(), before);
      c.is(c.facts('a/b/c').mode, 0o1777);
      c.is(c.facts('a/b/c').gid, 2600);
      c.is(c.facts('a/b/c/new').uid, ALICE.uid);
      c.is(c.facts('a/b/c/new').mode, 0o700);
    },
  },
  {
    name: 'a directory is moved with a user standing in it, who goes on there',
    root: true,
    given: {
      'a/home': dir({ mode: 0o755, uid: ALICE.uid }),
      'a/home/f': file('f', { uid: ALICE.uid }),
      b: dir(),
    },
    run: (c) => {
      const top = c.path();
      c.is(c.chdir('a/home'), 0);
      c.is(c.rename(`${top}/a/home`, `${top}/b/home`), 0);
      c.as(ALICE, () => {
        c.is(c.mkdir('sub'), 0);
        c.put('f', 'changed');
        c.is(c.rename('f', 'sub/f'), 0);
      });
      c.is(c.text(`${top}/b/home/sub/f`), 'changed');
      c.is(c.names(`${top}/a`), '');
    },
  },
]);
