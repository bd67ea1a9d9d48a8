// Who may remove and move what: sticky directories by all combinations of owners, write and search permission of directories.

import { O_CREAT, O_RDONLY, O_WRONLY, RENAME_EXCHANGE, S_IFIFO } from '../../../src/sys/constants.ts';
import { type Attributes, type Case, cases, dir, file, symlink } from '../case.ts';
import { ALICE, type Answer, BOB, type Context, ROOT, type User } from '../context.ts';

const OWNERS = { root: ROOT, alice: ALICE, bob: BOB };
type Owner = keyof typeof OWNERS;
const NAMES = Object.keys(OWNERS) as Owner[];

const of = (who: User, more: Attributes = {}): Attributes => ({ uid: who.uid, gid: who.gid, ...more });

/** In a sticky directory the owner of the directory, the owner of the object, and root may take the object away: all others get EPERM. */
function sticky(directory: Owner, object: Owner, actor: Owner): Case {
  const [above, owner, who] = [OWNERS[directory], OWNERS[object], OWNERS[actor]];
  const may = who === ROOT || who === above || who === owner;
  const expected = may ? 0 : 'EPERM';
  return {
    name: `${directory}'s directory, ${object}'s objects, ${actor} acts: ${may ? 'allowed' : 'EPERM'}`,
    root: true,
    given: {
      s: dir(of(above, { mode: 0o1777 })),
      free: dir({ mode: 0o777 }),
      's/unlink': file('', of(owner, { mode: 0o666 })),
      's/link': symlink('x', of(owner)),
      's/rmdir': dir(of(owner, { mode: 0o777 })),
      's/move': file('', of(owner, { mode: 0o666 })),
      's/within': file('', of(owner)),
      's/movedir': dir(of(owner, { mode: 0o777 })),
      's/over': file('old', of(owner, { mode: 0o666 })),
      's/overdir': dir(of(owner, { mode: 0o777 })),
      's/exchange': file('', of(owner)),
      'free/file': file('new', of(who)),
      'free/dir': dir(of(who)),
      'free/other': file('', of(who)),
    },
    run: (c) => {
      c.as(who, () => {
        c.is(c.unlink('s/unlink'), expected, 'unlink');
        c.is(c.unlink('s/link'), expected, 'unlink of a symlink');
        c.is(c.rmdir('s/rmdir'), expected, 'rmdir');
        c.is(c.rename('s/move', 'free/moved'), expected, 'rename away');
        c.is(c.rename('s/within', 's/without'), expected, 'rename within');
        c.is(c.rename('s/movedir', 'free/moveddir'), expected, 'rename of a directory');
        c.is(c.rename('free/file', 's/over'), expected, 'rename over');
        c.is(c.rename('free/dir', 's/overdir'), expected, 'rename over a directory');
        c.is(c.rename('free/other', 's/exchange', RENAME_EXCHANGE), expected, 'exchange');
      });
      c.is(c.text('s/over'), may ? 'new' : 'old');
      const kept = 'exchange link move movedir over overdir rmdir unlink within';
      c.is(c.names('s'), may ? 'exchange over overdir without' : kept);
    },
  };
}

/** What changes the entries of a directory `d`, which holds a file, a directory and a symlink of the actor's own. */
const CHANGES: Record<string, (c: Context) => Answer> = {
  'open with O_CREAT': (c) => c.open('d/new', O_WRONLY | O_CREAT),
  mkdir: (c) => c.mkdir('d/new'),
  mknod: (c) => c.mknod('d/new', S_IFIFO | 0o644),
  symlink: (c) => c.symlink('x', 'd/new'),
  link: (c) => c.link('mine', 'd/new'),
  unlink: (c) => c.unlink('d/file'),
  rmdir: (c) => c.rmdir('d/dir'),
  'rename out of it': (c) => c.rename('d/file', 'moved'),
  'rename into it': (c) => c.rename('mine', 'd/new'),
  'rename within it': (c) => c.rename('d/file', 'd/new'),
};

/** Modes of the directory, which another owns, and what comes of a change in it. */
const MODES: [number, number | 'EACCES', string][] = [
  [0o773, 0, 'write and search'],
  [0o777, 0, 'all'],
  [0o772, 'EACCES', 'write without search'],
  [0o771, 'EACCES', 'search without write'],
  [0o775, 'EACCES', 'read and search'],
  [0o770, 'EACCES', 'none'],
];

const changes: Case[] = Object.entries(CHANGES).flatMap(([what, call]) =>
  MODES.map(([mode, expected, permissions]) => ({
    name: `${what} with ${permissions}: ${expected === 0 ? 'allowed' : expected}`,
    root: true,
    given: {
      '.': dir({ mode: 0o777 }),
      d: dir({ mode }),
      'd/file': file('', of(ALICE)),
      'd/dir': dir(of(ALICE)),
      'd/link': symlink('x', of(ALICE)),
      mine: file('', of(ALICE)),
    },
    run: (c: Context) => {
      const answer = c.as(ALICE, () => call(c));
      c.is(typeof answer === 'number' && answer > 0 ? 0 : answer, expected);
      if (expected !== 0) c.is(c.names('d'), 'dir file link');
    },
  })),
);

const others: Case[] = [
  {
    name: 'a directory that may be searched and not read: known names can be used',
    root: true,
    given: { d: dir({ mode: 0o711 }), 'd/f': file('f'), 'd/e/g': file('g') },
    run: (c) =>
      c.as(ALICE, () => {
        c.is(c.open('d', O_RDONLY), 'EACCES');
        c.is(c.text('d/f'), 'f');
        c.is(c.text('d/e/g'), 'g');
        c.is(c.open('d/missing', O_RDONLY), 'ENOENT');
      }),
  },
  {
    name: 'a directory that may be read and not searched: names can be listed, nothing more',
    root: true,
    given: { d: dir({ mode: 0o744 }), 'd/f': file('f'), 'd/g': file('g') },
    run: (c) =>
      c.as(ALICE, () => {
        c.is(c.names('d'), 'f g');
        c.is(c.open('d/f', O_RDONLY), 'EACCES');
        c.is(c.lstat('d/f') as Answer, 'EACCES');
        c.is(c.lstat('d/missing') as Answer, 'EACCES');
      }),
  },
  {
    name: 'the working directory may be used by who could not come to it',
    root: true,
    given: { 'shut/d': dir({ mode: 0o777 }), shut: dir({ mode: 0o700 }), 'shut/d/f': file('f') },
    run: (c) => {
      c.is(c.chdir('shut/d'), 0);
      c.as(ALICE, () => {
        c.is(c.text('f'), 'f');
        c.is(c.mkdir('made'), 0);
        c.is(c.names(), 'f made');
        c.is(c.open('../d', O_RDONLY), 'EACCES');
      });
    },
  },
  {
    name: 'a directory that the group may write to, by its supplementary group',
    root: true,
    given: { d: dir({ mode: 0o770, gid: 2100 }), 'd/f': file('f') },
    run: (c) => {
      c.as(ALICE, () => {
        c.is(c.mkdir('d/made'), 0);
        c.is(c.unlink('d/f'), 0);
      });
      c.as({ uid: 2010, gid: 2010 }, () => {
        c.is(c.mkdir('d/more'), 'EACCES');
        c.is(c.open('d', O_RDONLY), 'EACCES');
      });
      c.is(c.names('d'), 'made');
    },
  },
  {
    name: 'permission that is taken away counts at once, and so does permission that is given',
    root: true,
    given: { d: dir({ mode: 0o777 }), 'd/f': file('f'), 'd/g': file('g') },
    run: (c) => {
      c.as(ALICE, () => c.is(c.unlink('d/f'), 0));
      c.is(c.chmod('d', 0o700), 0);
      c.as(ALICE, () => c.is(c.unlink('d/g'), 'EACCES'));
      c.is(c.chmod('d', 0o777), 0);
      c.as(ALICE, () => c.is(c.unlink('d/g'), 0));
    },
  },
];

export default [
  ...cases(
    'sticky',
    NAMES.flatMap((directory) =>
      NAMES.flatMap((object) => NAMES.map((actor) => sticky(directory, object, actor))),
    ),
  ),
  ...cases('entries', changes),
  ...cases('permission', others),
];
