// Locks on ranges of a file: the traditional ones of fcntl(2), which belong to a process, and those of an open file (OFD).

import { F_RDLCK, F_UNLCK, F_WRLCK, O_RDONLY, O_RDWR, O_WRONLY } from '../../../src/sys/constants.ts';
import { cases, file } from '../case.ts';
import { somebodyWaits } from '../data.ts';

export default cases('lock ranges', [
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
]);
