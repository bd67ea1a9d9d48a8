// flock(2), and how locks of all kinds fare while something becomes of the file, and when a signal comes.

import {
  F_RDLCK,
  F_UNLCK,
  F_WRLCK,
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
} from '../../../src/sys/constants.ts';
import { type Case, cases, dir, file } from '../case.ts';
import type { Context } from '../context.ts';
import { somebodyWaits } from '../data.ts';

/** What becomes of the file while it is locked: both locks must still be about one file. */
const changes: Record<string, (c: Context) => void> = {
  'it is opened for writing': (c) => {
    c.ok(c.other(1).open('f', O_RDWR));
  },
  'it is written to': (c) => {
    const fd = c.ok(c.other(1).open('f', O_RDWR));
    c.is(c.other(1).pwrite(fd, 'NEW', 0), 3);
    c.is(c.other(1).close(fd), 0);
  },
  'it is emptied': (c) => {
    c.ok(c.other(1).open('f', O_WRONLY | O_TRUNC));
  },
  'it is renamed': (c) => {
    c.is(c.rename('f', 'g'), 0);
    c.is(c.rename('g', 'f'), 0);
  },
};

const meanwhile = Object.entries(changes).flatMap(([name, act]): Case[] => [
  {
    name: `flock of a reader holds while ${name}`,
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      c.is(c.flock(fd, LOCK_SH), 0);
      act(c);
      const other = c.ok(c.other().open('f', O_RDWR));
      c.is(c.other().flock(other, LOCK_EX | LOCK_NB), 'EAGAIN');
      c.is(c.other().flock(other, LOCK_SH | LOCK_NB), 0);
      c.is(c.other().flock(other, LOCK_UN), 0);
      c.is(c.flock(fd, LOCK_UN), 0);
      c.is(c.other().flock(other, LOCK_EX | LOCK_NB), 0);
      c.is(c.flock(fd, LOCK_SH | LOCK_NB), 'EAGAIN');
    },
  },
  {
    name: `a traditional and an OFD lock of readers hold while ${name}`,
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      const second = c.ok(c.other(2).open('f', O_RDONLY));
      c.is(c.lockSet(fd, F_RDLCK, 0, 10), 0);
      c.is(c.other(2).ofdSet(second, F_RDLCK, 20, 10), 0);
      act(c);
      const other = c.ok(c.other().open('f', O_RDWR));
      c.is(c.other().lockSet(other, F_WRLCK, 5, 1), 'EAGAIN');
      c.is(c.other().lockSet(other, F_WRLCK, 25, 1), 'EAGAIN');
      c.is(c.other().lockSet(other, F_WRLCK, 10, 10), 0);
      c.is(c.other().lockGet(other, F_WRLCK, 0, 0), `${F_RDLCK} 0 10`);
    },
  },
]);

const flocks: Case[] = [
  {
    name: 'flock: shared ones go together, an exclusive one with none',
    given: { f: file('content') },
    run: (c) => {
      const [one, two] = [c.ok(c.open('f', O_RDONLY)), c.ok(c.open('f', O_RDONLY))];
      const other = c.ok(c.other().open('f', O_RDONLY));
      c.is(c.flock(one, LOCK_SH), 0);
      c.is(c.flock(two, LOCK_SH | LOCK_NB), 0);
      c.is(c.other().flock(other, LOCK_SH | LOCK_NB), 0);
      c.is(c.other().flock(other, LOCK_EX | LOCK_NB), 'EAGAIN');
      c.is(c.flock(one, LOCK_UN), 0);
      c.is(c.flock(two, LOCK_UN), 0);
      c.is(c.other().flock(other, LOCK_EX | LOCK_NB), 0);
      for (const fd of [one, two]) {
        c.is(c.flock(fd, LOCK_SH | LOCK_NB), 'EAGAIN');
        c.is(c.flock(fd, LOCK_EX | LOCK_NB), 'EAGAIN');
      }
    },
  },
  {
    name: 'flock belongs to the open file: duplicates share it, other descriptors of the process do not',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const copy = c.ok(c.dup(fd));
      const another = c.ok(c.open('f', O_RDWR));
      c.is(c.flock(fd, LOCK_EX), 0);
      c.is(c.flock(copy, LOCK_EX | LOCK_NB), 0);
      c.is(c.flock(another, LOCK_SH | LOCK_NB), 'EAGAIN');
      c.is(c.close(another), 0);
      const third = c.ok(c.open('f', O_RDWR));
      c.is(c.flock(third, LOCK_SH | LOCK_NB), 'EAGAIN', 'closing another releases nothing');
      c.is(c.close(fd), 0);
      c.is(c.flock(third, LOCK_SH | LOCK_NB), 'EAGAIN', 'the duplicate holds it');
      c.is(c.close(copy), 0);
      c.is(c.flock(third, LOCK_SH | LOCK_NB), 0);
    },
  },
  {
    name: 'flock goes up and down',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const other = c.ok(c.other().open('f', O_RDWR));
      c.is(c.flock(fd, LOCK_EX), 0);
      c.is(c.flock(fd, LOCK_SH), 0);
      c.is(c.other().flock(other, LOCK_SH | LOCK_NB), 0);
      c.is(c.flock(fd, LOCK_EX | LOCK_NB), 'EAGAIN');
      c.is(c.other().flock(other, LOCK_UN), 0);
      c.is(c.flock(fd, LOCK_EX | LOCK_NB), 0);
    },
  },
  {
    name: 'flock is released when the process ends',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const other = c.ok(c.other(3).open('f', O_RDWR));
      c.is(c.other(3).flock(other, LOCK_EX), 0);
      c.is(c.flock(fd, LOCK_EX | LOCK_NB), 'EAGAIN');
      c.otherExits(3);
      c.is(c.flock(fd, LOCK_EX), 0);
    },
  },
  {
    name: 'flock waits until it can be had',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const other = c.ok(c.other().open('f', O_RDONLY));
      c.is(c.flock(fd, LOCK_EX), 0);
      const waiting = c.otherBegins('flock', [other, LOCK_SH]);
      somebodyWaits(c, c.facts('f').ino);
      c.is(waiting.ended(), false);
      c.is(c.pwrite(fd, 'NEW', 0), 3);
      c.is(c.flock(fd, LOCK_UN), 0);
      c.is(waiting.result(), 0);
      c.is(c.flock(fd, LOCK_EX | LOCK_NB), 'EAGAIN');
      c.is(c.other().pread(other, 3, 0), 'NEW');
    },
  },
  {
    name: 'flock on a directory',
    given: { d: dir() },
    run: (c) => {
      const fd = c.ok(c.open('d', O_RDONLY | O_DIRECTORY));
      const other = c.ok(c.other().open('d', O_RDONLY | O_DIRECTORY));
      c.is(c.flock(fd, LOCK_EX), 0);
      c.is(c.other().flock(other, LOCK_EX | LOCK_NB), 'EAGAIN');
      c.put('d/new', '');
      c.is(c.other().flock(other, LOCK_SH | LOCK_NB), 'EAGAIN');
      c.is(c.close(fd), 0);
      c.is(c.other().flock(other, LOCK_EX | LOCK_NB), 0);
    },
  },
  {
    name: 'flock: EINVAL for what is no operation, EBADF for what is not open',
    given: { f: file() },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      c.is(c.flock(fd, 0), 'EINVAL');
      c.is(c.flock(fd, LOCK_SH | LOCK_EX), 'EINVAL');
      c.is(c.flock(1 << 19, LOCK_SH), 'EBADF');
      c.is(c.flock(c.ok(c.open('f', O_PATH)), LOCK_SH), 'EBADF');
    },
  },
  {
    name: 'flock and fcntl locks know nothing of one another',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const other = c.ok(c.other().open('f', O_RDWR));
      c.is(c.flock(fd, LOCK_EX), 0);
      c.is(c.other().lockSet(other, F_WRLCK), 0);
      c.is(c.other().lockSet(other, F_UNLCK), 0);
      c.is(c.ofdSet(fd, F_WRLCK), 0);
    },
  },
];

const interrupted: Case[] = (
  [
    ['flock', (fd: bigint) => ['flock', fd, LOCK_EX]],
    ['a traditional lock', (fd: bigint) => ['fcntl', fd, 7, '$0']],
    ['an OFD lock', (fd: bigint) => ['fcntl', fd, 38, '$0']],
  ] as const
).map(([name, words]) => ({
  name: `EINTR: a signal ends the wait for ${name}`,
  given: { f: file('content') },
  needs: 'gcc',
  run: (c) => {
    const fd = c.ok(c.open('f', O_RDWR));
    c.is(c.flock(fd, LOCK_EX), 0);
    c.is(c.ofdSet(fd, F_WRLCK), 0);
    const probe = c.probe();
    const its = probe.must('openat', -100, '=f', O_RDWR);
    probe.put(0, Uint8Array.of(F_WRLCK, ...new Uint8Array(31)));
    probe.begin(...words(its));
    somebodyWaits(c, c.facts('f').ino);
    probe.interrupt();
    c.is(probe.answer(), '-4');
    c.is(c.flock(fd, LOCK_UN), 0);
    c.is(c.ofdSet(fd, F_UNLCK), 0);
    c.is(probe.call(...words(its)), '0');
  },
}));

export default cases('locks', [...flocks, ...meanwhile, ...interrupted]);
