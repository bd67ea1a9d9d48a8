// Names that come and go: what was removed, moved or replaced does not come back, whatever lies below, and whoever still has it open goes on.

import {
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
} from '../../../src/sys/constants.ts';
import { cases, dir, fifo, file, hardlink, symlink, type Thing } from '../case.ts';
import type { Context } from '../context.ts';

const THINGS: Record<string, Thing> = {
  file: file('before'),
  symlink: symlink('before'),
  FIFO: fifo(),
  'empty directory': dir(),
};

/** Makes something new at a name. */
const MAKE: Record<string, (c: Context, name: string) => void> = {
  file: (c, name) => c.put(name, 'after'),
  symlink: (c, name) => c.is(c.symlink('after', name), 0),
  FIFO: (c, name) => c.is(c.mknod(name, 0o010644), 0),
  directory: (c, name) => c.is(c.mkdir(name), 0),
};

const TYPE: Record<string, string> = { file: 'file', symlink: 'symlink', FIFO: 'fifo', directory: 'dir' };

function remove(c: Context, name: string): void {
  c.is(c.facts(name).type === 'dir' ? c.rmdir(name) : c.unlink(name), 0, `remove ${name}`);
}

export default cases('names that come and go', [
  ...Object.entries(THINGS).flatMap(([old, thing]) =>
    Object.entries(MAKE).map(([fresh, make]) => ({
      name: `a ${old} is removed, and a ${fresh} takes its name, twice`,
      given: { 'd/x': thing },
      run: (c: Context) => {
        for (let i = 0; i < 2; i++) {
          remove(c, 'd/x');
          c.gone('d/x');
          make(c, 'd/x');
          c.is(c.facts('d/x').type, TYPE[fresh]);
          if (fresh === 'file') c.is(c.text('d/x'), 'after');
          if (fresh === 'symlink') c.is(c.readlink('d/x'), 'after');
          if (fresh === 'directory') c.is(c.names('d/x'), '');
        }
      },
    })),
  ),
  ...Object.entries(THINGS).map(([what, thing]) => ({
    name: `a ${what} is moved away, its name is taken and freed, and it comes back`,
    given: { 'd/x': thing, e: dir() },
    run: (c: Context) => {
      const { ino, type } = c.facts('d/x');
      c.is(c.rename('d/x', 'e/y'), 0);
      c.gone('d/x');
      for (const make of Object.values(MAKE)) {
        make(c, 'd/x');
        remove(c, 'd/x');
        c.gone('d/x');
      }
      c.is(c.rename('e/y', 'd/x'), 0);
      c.gone('e/y');
      c.is(c.facts('d/x').ino, ino);
      c.is(c.facts('d/x').type, type);
    },
  })),
  {
    name: 'a file is written, moved, removed: nothing of it is left',
    given: { 'd/a': file('a'), 'd/b': file('b'), 'd/c': file('c'), e: dir() },
    run: (c) => {
      for (const name of ['a', 'b', 'c']) {
        const fd = c.ok(c.open(`d/${name}`, O_RDWR));
        c.is(c.pwrite(fd, 'changed', 0), 7);
        c.is(c.rename(`d/${name}`, `e/${name}`), 0);
        c.gone(`d/${name}`);
        c.is(c.unlink(`e/${name}`), 0);
        c.gone(`e/${name}`);
        c.is(c.pread(fd, 10, 0), 'changed');
      }
    },
  },
  {
    name: 'a file is replaced again and again, and then removed',
    given: { f: file('0'), g: file('x') },
    run: (c) => {
      for (let i = 0; i < 5; i++) {
        c.put('f.new', `${i}`);
        c.is(c.rename('f.new', 'f'), 0);
        c.is(c.text('f'), `${i}`);
        c.put('g.new', `${i}`);
        c.is(c.rename('g.new', 'g'), 0);
      }
      c.is(c.unlink('f'), 0);
      c.gone('f');
      c.is(c.unlink('g'), 0);
      c.is(c.names(), '');
    },
  },
  {
    name: 'a file is moved over each of the others in turn',
    given: { a: file('a'), b: file('b'), 'd/c': file('c'), 'd/e': file('e') },
    run: (c) => {
      let at = 'a';
      for (const next of ['b', 'd/c', 'd/e', 'f']) {
        c.is(c.rename(at, next), 0);
        c.gone(at);
        c.is(c.text(next), 'a');
        at = next;
      }
      c.is(c.names('d'), '');
      c.is(c.unlink('f'), 0);
      c.is(c.names(), 'd');
    },
  },
  {
    name: 'a directory is moved, made anew, filled, and exchanged by three renames',
    given: { 'a/x': file('ax'), 'a/y': file('ay'), 'b/x': file('bx'), 'b/z': file('bz') },
    run: (c) => {
      c.is(c.rename('a', 't'), 0);
      c.is(c.rename('b', 'a'), 0);
      c.is(c.rename('t', 'b'), 0);
      c.is(c.names('a'), 'x z');
      c.is(c.names('b'), 'x y');
      c.is(c.text('a/x') + c.text('a/z') + c.text('b/x') + c.text('b/y'), 'bxbzaxay');
      c.is(c.names(), 'a b');
    },
  },
  {
    name: 'a tree is removed while a directory in it is listed',
    given: Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`d/f${i}`, file(`${i}`)])),
    run: (c) => {
      const fd = c.ok(c.open('d', O_RDONLY | O_DIRECTORY));
      for (;;) {
        const some = c.ok(c.getdents(fd, 256)) as { name: string }[];
        if (some.length === 0) break;
        for (const { name } of some) if (name !== '.' && name !== '..') c.is(c.unlink(`d/${name}`), 0);
      }
      c.is(c.names('d'), '');
      c.is(c.rmdir('d'), 0);
    },
  },
  {
    name: 'a directory that was moved is emptied and removed under its new name',
    given: { 'd/a': file('a'), 'd/e/b': file('b'), 'd/e/c': file('c'), x: dir() },
    run: (c) => {
      c.is(c.rename('d', 'x/d'), 0);
      c.is(c.rename('x/d/e', 'x/e'), 0);
      for (const name of ['x/d/a', 'x/e/b', 'x/e/c']) c.is(c.unlink(name), 0);
      c.is(c.rmdir('x/e'), 0);
      c.is(c.rmdir('x/d'), 0);
      c.is(c.rmdir('x'), 0);
      c.is(c.names(), '');
    },
  },
  {
    name: 'an open directory follows what happens in it',
    given: { 'd/a': file('a'), 'd/b': file('b') },
    run: (c) => {
      const fd = c.ok(c.open('d', O_RDONLY | O_DIRECTORY));
      const list = () => {
        c.is(c.lseek(fd, 0), 0);
        const all: string[] = [];
        for (;;) {
          const some = c.ok(c.getdents(fd)) as { name: string }[];
          if (some.length === 0) break;
          all.push(...some.map(({ name }) => name));
        }
        return all
          .filter((name) => !name.startsWith('.'))
          .sort()
          .join(' ');
      };
      c.is(list(), 'a b');
      c.is(c.unlink('d/a'), 0);
      c.put('d/c', 'c');
      c.is(list(), 'b c');
      c.is(c.rename('d', 'e'), 0);
      c.is(c.rename('e/b', 'e/z'), 0);
      c.is(list(), 'c z');
    },
  },
  {
    name: 'a lock file: made with O_EXCL, refused to the next, removed, made again',
    given: { 'd/lock': file('stale') },
    run: (c) => {
      const make = () => c.open('d/lock', O_WRONLY | O_CREAT | O_EXCL);
      c.is(make(), 'EEXIST');
      for (let i = 0; i < 3; i++) {
        c.is(c.unlink('d/lock'), 0);
        c.ok(make());
        c.is(make(), 'EEXIST');
        c.is(c.other().open('d/lock', O_WRONLY | O_CREAT | O_EXCL), 'EEXIST');
      }
    },
  },
  {
    name: 'a lock by link: one of two wins',
    given: { 'd/other': file() },
    run: (c) => {
      c.put('d/mine', 'mine');
      c.put('d/his', 'his');
      c.is(c.link('d/mine', 'd/lock'), 0);
      c.is(c.other().link('d/his', 'd/lock'), 'EEXIST');
      c.is(c.facts('d/mine').nlink, 2);
      c.is(c.unlink('d/lock'), 0);
      c.is(c.other().link('d/his', 'd/lock'), 0);
      c.is(c.text('d/lock'), 'his');
    },
  },
  {
    name: 'an editor saves: backup by rename, new file, backup removed',
    given: { 'd/text': file('old', { mode: 0o640 }), 'd/other': file('other') },
    run: (c) => {
      for (let i = 0; i < 3; i++) {
        c.is(c.rename('d/text', 'd/text~'), 0);
        c.put('d/text', `version ${i}`);
        c.is(c.unlink('d/text~'), 0);
      }
      c.is(c.text('d/text'), 'version 2');
      c.is(c.names('d'), 'other text');
    },
  },
  {
    name: 'an editor saves: backup by link, new file by rename',
    given: { 'd/text': file('old'), 'd/text~': file('older') },
    run: (c) => {
      for (let i = 0; i < 3; i++) {
        c.is(c.unlink('d/text~'), 0);
        c.is(c.link('d/text', 'd/text~'), 0);
        c.put('d/#text', `version ${i}`);
        c.is(c.rename('d/#text', 'd/text'), 0);
      }
      c.is(c.text('d/text'), 'version 2');
      c.is(c.text('d/text~'), 'version 1');
      c.is(c.facts('d/text~').nlink, 1);
    },
  },
  {
    name: 'log files rotate',
    given: { log: file('0'), 'log.1': file('1'), 'log.2': file('2'), 'log.3': file('3') },
    run: (c) => {
      const writer = c.ok(c.open('log', O_WRONLY));
      for (const [from, to] of [
        ['log.2', 'log.3'],
        ['log.1', 'log.2'],
        ['log', 'log.1'],
      ]) {
        c.is(c.rename(from as string, to as string), 0);
      }
      c.is(c.pwrite(writer, 'X', 1), 1);
      c.put('log', 'new');
      c.is(['log', 'log.1', 'log.2', 'log.3'].map((name) => c.text(name)).join(' '), 'new 0X 1 2');
    },
  },
  {
    name: 'a mail is delivered: tmp, link to new, moved to cur with flags',
    given: {
      'box/tmp/old': file('old'),
      'box/new/waiting': file('waiting'),
      'box/cur/read:2,S': file('read'),
    },
    run: (c) => {
      c.put('box/tmp/1', 'mail');
      c.is(c.link('box/tmp/1', 'box/new/1'), 0);
      c.is(c.unlink('box/tmp/1'), 0);
      for (const name of ['1', 'waiting']) c.is(c.rename(`box/new/${name}`, `box/cur/${name}:2,`), 0);
      c.is(c.rename('box/cur/read:2,S', 'box/cur/read:2,ST'), 0);
      c.is(c.names('box/new'), '');
      c.is(c.names('box/cur'), '1:2, read:2,ST waiting:2,');
      c.is(c.names('box/tmp'), 'old');
    },
  },
  {
    name: 'names of one file are removed, made and moved in turn',
    given: { a: file('content'), 'd/b': hardlink('a'), 'd/c': hardlink('a') },
    run: (c) => {
      c.is(c.unlink('d/b'), 0);
      c.is(c.link('a', 'd/b'), 0);
      c.is(c.rename('d/c', 'e'), 0);
      c.is(c.unlink('a'), 0);
      c.is(c.rename('e', 'a'), 0);
      c.is(c.facts('a').nlink, 2);
      c.is(c.facts('a').ino, c.facts('d/b').ino);
      c.put('a', 'changed');
      c.is(c.text('d/b'), 'changed');
      c.gone('e');
      c.is(c.names('d'), 'b');
    },
  },
  {
    name: 'a file is emptied, removed and made anew by another process',
    given: { 'd/f': file('content') },
    run: (c) => {
      const other = c.other();
      c.is(other.close(c.ok(other.open('d/f', O_WRONLY | O_TRUNC))), 0);
      c.is(c.text('d/f'), '');
      c.is(other.unlink('d/f'), 0);
      c.gone('d/f');
      const fd = c.ok(other.open('d/f', O_WRONLY | O_CREAT | O_EXCL, 0o600));
      c.is(other.write(fd, 'new'), 3);
      c.is(c.text('d/f'), 'new');
      c.is(c.facts('d/f').mode, 0o600);
    },
  },
]);
