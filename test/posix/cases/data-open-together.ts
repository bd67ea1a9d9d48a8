// Files that several have open: each sees what the others do, by whatever name they came.

import { O_RDONLY, O_RDWR, O_WRONLY } from '../../../src/sys/constants.ts';
import { cases, file, hardlink } from '../case.ts';

const CONTENT = 'the content of the file';
const WRITTEN = 'THE content of the file';

export default cases('open together', [
  {
    name: 'a reader from before sees every write, cut and append of a later writer',
    given: { f: file(CONTENT) },
    run: (c) => {
      const readers = [c.ok(c.open('f', O_RDONLY)), c.ok(c.other().open('f', O_RDONLY))] as const;
      const sees = (content: string) => {
        c.is(c.pread(readers[0], 100, 0), content);
        c.is(c.other().pread(readers[1], 100, 0), content);
        c.is(c.ffacts(readers[0]).size, content.length);
      };
      sees(CONTENT);
      const fd = c.ok(c.open('f', O_RDWR));
      sees(CONTENT);
      c.is(c.pwrite(fd, 'THE', 0), 3);
      sees(WRITTEN);
      c.is(c.ftruncate(fd, 3), 0);
      sees('THE');
      c.is(c.pwrite(fd, '!', 4), 1);
      sees('THE\0!');
      c.is(c.close(fd), 0);
      c.put('f', 'anew');
      sees('anew');
      c.is(c.unlink('f'), 0);
      sees('anew');
    },
  },
  {
    name: 'a position stays while the file is written to by another',
    given: { f: file('0123456789') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      c.is(c.read(fd, 4), '0123');
      const writer = c.ok(c.other().open('f', O_RDWR));
      c.is(c.other().pwrite(writer, 'abcdef', 3), 6);
      c.is(c.read(fd, 3), 'bcd');
      c.is(c.read(fd, 9), 'ef9');
    },
  },
  {
    name: 'two names of one file are one file to all that have it open',
    given: { f: file(CONTENT), 'd/g': hardlink('f') },
    run: (c) => {
      const one = c.ok(c.open('f', O_RDONLY));
      const two = c.ok(c.open('d/g', O_RDONLY));
      const { ino } = c.facts('f');
      const writer = c.ok(c.open('d/g', O_RDWR));
      c.is(c.pwrite(writer, 'THE', 0), 3);
      for (const fd of [one, two, writer]) {
        c.is(c.pread(fd, 100, 0), WRITTEN);
        c.is(c.ffacts(fd).ino, ino);
        c.is(c.ffacts(fd).nlink, 2);
      }
      c.is(c.text('f'), WRITTEN);
      c.is(c.facts('f').ino, ino);
      c.is(c.unlink('f'), 0);
      for (const fd of [one, two, writer]) c.is(c.ffacts(fd).nlink, 1);
      c.is(c.pwrite(writer, 'x', 0), 1);
      c.is(c.pread(one, 3, 0), 'xHE');
      c.is(c.facts('d/g').ino, ino);
    },
  },
  {
    name: 'opened by a name that is gone, written through /proc: the other name shows it, before and after it is opened for writing',
    given: { f: file(CONTENT), g: hardlink('f') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      c.is(c.unlink('f'), 0);
      const writing = c.ok(c.open(`/proc/self/fd/${fd}`, O_RDWR));
      c.is(c.pwrite(writing, 'THE', 0), 3);
      c.is(c.text('g'), WRITTEN);
      const other = c.ok(c.open('g', O_RDWR));
      c.is(c.pwrite(writing, 'That', 0), 4);
      c.is(c.pread(other, 8, 0), 'Thatcont');
      c.is(c.pwrite(other, 'x', 0), 1);
      c.is(c.pread(fd, 4, 0), 'xhat');
      c.is(c.text('g').slice(0, 4), 'xhat');
    },
  },
  {
    name: 'an unlinked file takes what is written and shows it to all who have it open',
    given: { f: file(CONTENT) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const other = c.ok(c.other().open('f', O_RDONLY));
      c.is(c.unlink('f'), 0);
      c.gone('f');
      c.is(c.pwrite(fd, 'THE', 0), 3);
      c.is(c.other().pread(other, 100, 0), WRITTEN);
      c.put('f', 'another');
      c.is(c.other().pread(other, 100, 0), WRITTEN);
      c.is(c.text('f'), 'another');
      c.is(c.close(fd), 0);
      c.is(c.other().pread(other, 100, 0), WRITTEN);
    },
  },
  {
    name: 'an unlinked file in a removed directory',
    given: { 'e/f': file(CONTENT) },
    run: (c) => {
      const fd = c.ok(c.open('e/f', O_RDWR));
      c.is(c.unlink('e/f'), 0);
      c.is(c.rmdir('e'), 0);
      c.is(c.pwrite(fd, 'THE', 0), 3);
      c.is(c.pread(fd, 100, 0), WRITTEN);
      c.is(c.ffacts(fd).nlink, 0);
      c.is(c.fchmod(fd, 0o600), 0);
      c.is(c.ffacts(fd).mode, 0o600);
    },
  },
  {
    name: 'its directory is renamed while it is open',
    given: { 'e/f': file(CONTENT), 'e/g': file('g') },
    run: (c) => {
      const fd = c.ok(c.open('e/f', O_RDONLY));
      const { ino } = c.ffacts(fd);
      c.is(c.rename('e', 'h'), 0);
      c.is(c.pread(fd, 3, 0), 'the');
      const writer = c.ok(c.open('h/f', O_RDWR));
      c.is(c.pwrite(writer, 'THE', 0), 3);
      c.is(c.pread(fd, 100, 0), WRITTEN);
      c.is(c.facts('h/f').ino, ino);
      c.is(c.ffacts(fd).ino, ino);
    },
  },
  {
    name: 'close answers 0, once',
    given: { f: file(CONTENT) },
    run: (c) => {
      for (const flags of [O_RDONLY, O_WRONLY, O_RDWR]) {
        const fd = c.ok(c.open('f', flags));
        c.is(c.close(fd), 0);
        c.is(c.close(fd), 'EBADF');
      }
    },
  },
]);
