// Locks: flock(2), the traditional ones of fcntl(2), which belong to a process, and those of an open file (OFD). Through a mount as on a
// plain file system, whatever becomes of the file meanwhile.

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

/** Waits until somebody waits for a lock on the file with this inode number. */
function somebodyWaits(c: Context, ino: string): void {
  const waiter = new RegExp(`^\\d+: -> .*:${ino} `, 'm');
  c.until('somebody waits for the lock', () => waiter.test(c.text('/proc/locks')));
}

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

const ranges: Case[] = [
  {
    name: 'fcntl: ranges that overlap exclude one another, others do not',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const other = c.ok(c.other().open('f', O_RDWR));
      c.is(c.lockSet(fd, F_WRLCK, 100, 50), 0);
      for (const [start, length] of [
        [100, 1],
        [149, 1],
        [0, 101],
        [0, 0],
        [149, 0],
      ] as const) {
        c.is(c.other().lockSet(other, F_WRLCK, start, length), 'EAGAIN', `${start} ${length}`);
        c.is(c.other().lockSet(other, F_RDLCK, start, length), 'EAGAIN', `${start} ${length}`);
      }
      c.is(c.other().lockSet(other, F_WRLCK, 0, 100), 0);
      c.is(c.other().lockSet(other, F_WRLCK, 150, 0), 0);
      c.is(c.lockSet(fd, F_UNLCK, 120, 10), 0);
      c.is(c.other().lockSet(other, F_WRLCK, 120, 10), 0);
      c.is(c.other().lockGet(other, F_WRLCK, 100, 50), `${F_WRLCK} 100 20`);
      c.is(c.other().lockGet(other, F_WRLCK, 121, 50), `${F_WRLCK} 130 20`);
      c.is(c.other().lockHolder(), process.pid);
      c.is(c.lockGet(fd, F_RDLCK, 0, 10), `${F_WRLCK} 0 100`);
    },
  },
  {
    name: 'fcntl: a process never stands in its own way, and closing any descriptor of the file releases all',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const another = c.ok(c.open('f', O_RDONLY));
      const other = c.ok(c.other().open('f', O_RDWR));
      c.is(c.lockSet(fd, F_WRLCK, 0, 10), 0);
      c.is(c.lockSet(another, F_RDLCK, 5, 10), 0);
      c.is(c.lockGet(another, F_WRLCK, 0, 0), 'free');
      c.is(c.other().lockSet(other, F_WRLCK, 14, 1), 'EAGAIN');
      c.is(c.close(another), 0);
      c.is(c.other().lockSet(other, F_WRLCK, 0, 0), 0);
    },
  },
  {
    name: 'fcntl: to be held for reading it must be open for reading, for writing for writing',
    given: { f: file('content') },
    run: (c) => {
      const reading = c.ok(c.open('f', O_RDONLY));
      const writing = c.ok(c.open('f', O_WRONLY));
      c.is(c.lockSet(reading, F_WRLCK), 'EBADF');
      c.is(c.lockSet(writing, F_RDLCK), 'EBADF');
      c.is(c.lockSet(reading, F_RDLCK), 0);
      c.is(c.lockSet(writing, F_WRLCK), 0);
      c.is(c.lockSet(reading, 7), 'EINVAL');
      c.is(c.lockSet(reading, F_RDLCK, -5, 2), 'EINVAL');
      c.is(c.lockSet(1 << 19, F_RDLCK), 'EBADF');
    },
  },
  {
    name: 'fcntl: a wait ends when the way is free, and when the holder ends',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const other = c.ok(c.other(3).open('f', O_RDWR));
      c.is(c.lockSet(fd, F_WRLCK, 0, 10), 0);
      const waiting = c.otherBegins('lockWait', [other, F_WRLCK, 5, 10], 3);
      somebodyWaits(c, c.facts('f').ino);
      c.is(c.lockSet(fd, F_UNLCK, 0, 10), 0);
      c.is(waiting.result(), 0);
      c.is(c.lockSet(fd, F_WRLCK, 5, 1), 'EAGAIN');
      c.otherExits(3);
      c.is(c.lockSet(fd, F_WRLCK, 5, 1), 0);
    },
  },
  {
    name: 'fcntl: EDEADLK for two that would wait for each other',
    given: { f: file('content') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const other = c.ok(c.other().open('f', O_RDWR));
      c.is(c.lockSet(fd, F_WRLCK, 0, 1), 0);
      c.is(c.other().lockSet(other, F_WRLCK, 1, 1), 0);
      const waiting = c.otherBegins('lockWait', [other, F_WRLCK, 0, 1]);
      somebodyWaits(c, c.facts('f').ino);
      c.is(c.lockWait(fd, F_WRLCK, 1, 1), 'EDEADLK');
      c.is(c.lockSet(fd, F_UNLCK, 0, 1), 0);
      c.is(waiting.result(), 0);
    },
  },
  {
    name: 'OFD: it belongs to the open file, also between threads and descriptors of one process',
    given: { f: file('content') },
    run: (c) => {
      const [one, two] = [c.ok(c.open('f', O_RDWR)), c.ok(c.open('f', O_RDWR))];
      c.is(c.ofdSet(one, F_WRLCK, 0, 10), 0);
      c.is(c.ofdSet(two, F_RDLCK, 9, 1), 'EAGAIN');
      c.is(c.ofdGet(two, F_WRLCK, 0, 0), `${F_WRLCK} 0 10`);
      c.is(c.ofdSet(c.ok(c.dup(one)), F_RDLCK, 0, 10), 0);
      c.is(c.ofdSet(two, F_RDLCK, 9, 1), 0);
      c.is(c.ofdSet(one, F_WRLCK, 0, 9), 0);
      c.is(c.ofdSet(one, F_WRLCK, 0, 10), 'EAGAIN');
      c.is(c.close(two), 0);
      c.is(c.ofdSet(one, F_WRLCK, 0, 10), 0);
    },
  },
  {
    name: 'OFD and traditional locks exclude one another',
    given: { f: file('content') },
    run: (c) => {
      const [one, two] = [c.ok(c.open('f', O_RDWR)), c.ok(c.open('f', O_RDWR))];
      c.is(c.ofdSet(one, F_WRLCK, 0, 10), 0);
      c.is(c.lockSet(two, F_WRLCK, 0, 1), 'EAGAIN');
      c.is(c.lockGet(two, F_WRLCK, 0, 1), `${F_WRLCK} 0 10`);
      c.is(c.lockHolder(), -1);
      c.is(c.lockSet(two, F_WRLCK, 10, 1), 0);
      c.is(c.ofdSet(one, F_WRLCK, 0, 11), 'EAGAIN');
    },
  },
  {
    name: 'locks reach up to the last offset, and behind the end of the file',
    given: { f: file('content') },
    run: (c) => {
      const last = (1n << 63n) - 1n;
      const fd = c.ok(c.open('f', O_RDWR));
      const other = c.ok(c.other().open('f', O_RDWR));
      c.is(c.lockSet(fd, F_WRLCK, last, 1), 0);
      c.is(c.other().lockSet(other, F_WRLCK, 1n << 40n, 0), 'EAGAIN');
      c.is(c.other().lockSet(other, F_WRLCK, 1n << 40n, 100), 0);
      c.is(c.lockSet(fd, F_WRLCK, last, 2), ['EOVERFLOW', 'EINVAL']);
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

export default cases('locks', [...flocks, ...ranges, ...meanwhile, ...interrupted]);
