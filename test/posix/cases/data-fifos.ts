// FIFOs: names on a file system, whose data the kernel moves.

import {
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  POLLHUP,
  POLLIN,
  POLLOUT,
  S_IFIFO,
} from '../../../src/sys/constants.ts';
import { cases, dir, fifo, hardlink } from '../case.ts';
import { ALICE } from '../context.ts';

export default cases('FIFOs', [
  {
    name: 'what is written is read, in this process and between two',
    given: { p: fifo() },
    run: (c) => {
      const reading = c.ok(c.open('p', O_RDONLY | O_NONBLOCK));
      const writing = c.ok(c.open('p', O_WRONLY));
      c.is(c.write(writing, 'hello'), 5);
      c.is(c.read(reading, 10), 'hello');
      c.is(c.read(reading, 10), 'EAGAIN');
      const other = c.ok(c.other().open('p', O_WRONLY | O_NONBLOCK));
      c.is(c.other().write(other, 'from afar'), 9);
      c.is(c.read(reading, 20), 'from afar');
      c.is(c.close(writing), 0);
      c.is(c.other().close(other), 0);
      c.is(c.read(reading, 10), '');
      c.is(c.facts('p').type, 'fifo');
      c.is(c.facts('p').size, 0);
    },
  },
  {
    name: 'ENXIO for a writer that does not wait and finds no reader',
    given: { p: fifo() },
    run: (c) => {
      c.is(c.open('p', O_WRONLY | O_NONBLOCK), 'ENXIO');
      const both = c.ok(c.open('p', O_RDWR));
      c.ok(c.open('p', O_WRONLY | O_NONBLOCK));
      c.is(c.close(both), 0);
    },
  },
  {
    name: 'an open waits for the other end',
    given: { p: fifo() },
    run: (c) => {
      const waiting = c.otherBegins('open', ['p', O_RDONLY]);
      c.is(waiting.ended(), false);
      const writing = c.ok(c.open('p', O_WRONLY));
      const reading = c.ok(waiting.result());
      c.is(c.write(writing, 'x'), 1);
      c.is(c.other().read(reading, 5), 'x');
    },
  },
  {
    name: 'a wait for the other end is ended by a signal: EINTR',
    given: { p: fifo() },
    needs: 'gcc',
    run: (c) => {
      const probe = c.probe();
      probe.must('getpid'); // it catches signals now
      probe.begin('openat', -100, '=p', O_WRONLY);
      // A signal that comes before it waits is lost; the next one is not.
      c.until('it was interrupted', () => {
        probe.interrupt();
        return probe.hasAnswer(50);
      });
      c.is(probe.answer(), '-4');
    },
  },
  {
    name: 'EPIPE and SIGPIPE without readers',
    given: { p: fifo() },
    needs: 'gcc',
    run: (c) => {
      const reading = c.ok(c.open('p', O_RDONLY | O_NONBLOCK));
      const probe = c.probe();
      const fd = probe.must('openat', -100, '=p', O_WRONLY);
      c.is(probe.call('write', fd, '$0', 5), '5');
      c.is(c.close(reading), 0);
      c.is(probe.call('write', fd, '$0', 5), 'EPIPE');
      c.is(probe.ask('signals'), '13');
    },
  },
  {
    name: 'poll tells of data, of room, and of the end',
    given: { p: fifo() },
    run: (c) => {
      const reading = c.ok(c.open('p', O_RDONLY | O_NONBLOCK));
      c.is(c.poll(reading, POLLIN), 0);
      const writing = c.ok(c.open('p', O_WRONLY | O_NONBLOCK));
      c.is(c.poll(writing, POLLOUT), POLLOUT);
      c.is(c.write(writing, 'x'), 1);
      c.is(c.poll(reading, POLLIN), POLLIN);
      c.is(c.read(reading, 1), 'x');
      c.is(c.close(writing), 0);
      c.is(c.poll(reading, POLLIN), POLLHUP);
      c.is(c.epollAdd(reading), 0);
    },
  },
  {
    name: 'one pipe by all its names, and after it was renamed and unlinked',
    given: { p: fifo(), 'd/q': hardlink('p'), e: dir() },
    run: (c) => {
      const reading = c.ok(c.open('p', O_RDONLY | O_NONBLOCK));
      const second = c.ok(c.open('d/q', O_WRONLY | O_NONBLOCK));
      c.is(c.write(second, 'second'), 6);
      c.is(c.read(reading, 10), 'second');
      c.is(c.rename('p', 'e/r'), 0);
      const third = c.ok(c.open('e/r', O_WRONLY | O_NONBLOCK));
      c.is(c.write(third, 'third'), 5);
      c.is(c.read(reading, 10), 'third');
      c.is(c.unlink('e/r'), 0);
      c.is(c.unlink('d/q'), 0);
      c.is(c.write(third, 'gone'), 4);
      c.is(c.read(reading, 10), 'gone');
      c.is(c.ffacts(reading).nlink, 0);
    },
  },
  {
    name: 'two of them are two pipes',
    given: { p: fifo(), q: fifo() },
    run: (c) => {
      const one = c.ok(c.open('p', O_RDWR | O_NONBLOCK));
      const two = c.ok(c.open('q', O_RDWR | O_NONBLOCK));
      c.is(c.write(one, 'one'), 3);
      c.is(c.read(two, 5), 'EAGAIN');
      c.is(c.read(one, 5), 'one');
    },
  },
  {
    name: 'O_TRUNC changes nothing; mode, owner and times can be changed while it is open',
    given: { p: fifo() },
    run: (c) => {
      const fd = c.ok(c.open('p', O_RDWR | O_NONBLOCK | O_TRUNC));
      c.is(c.write(fd, 'kept'), 4);
      c.ok(c.open('p', O_WRONLY | O_NONBLOCK | O_TRUNC));
      c.is(c.fchmod(fd, 0o600), 0);
      c.is(c.futimens(fd, 1_000_000_000n, 1_000_000_000n), 0);
      c.is(c.facts('p').mode, 0o600);
      c.is(c.facts('p').mtime, 1_000_000_000n);
      c.is(c.read(fd, 9), 'kept');
    },
  },
  {
    name: 'a write sets mtime',
    given: { p: fifo() },
    deviates: {
      mounted: {
        sees: 'unchanged',
        why: 'the kernel moves the data and tells a FUSE file system nothing of it',
      },
    },
    run: (c) => {
      const fd = c.ok(c.open('p', O_RDWR | O_NONBLOCK));
      c.changes('p', ['mtime', 'ctime'], () => c.is(c.write(fd, 'x'), 1));
    },
  },
  {
    name: 'EACCES by its mode',
    root: true,
    given: { p: fifo({ mode: 0o604 }) },
    run: (c) => {
      c.as(ALICE, () => {
        c.is(c.open('p', O_WRONLY | O_NONBLOCK), 'EACCES');
        c.is(c.open('p', O_RDWR | O_NONBLOCK), 'EACCES');
        c.ok(c.open('p', O_RDONLY | O_NONBLOCK));
      });
    },
  },
  {
    name: 'a new one',
    run: (c) => {
      c.is(c.mknod('new', S_IFIFO | 0o600), 0);
      const fd = c.ok(c.open('new', O_RDWR | O_NONBLOCK));
      c.is(c.write(fd, 'x'), 1);
      c.is(c.read(fd, 2), 'x');
      c.is(c.pread(fd, 1, 0), 'ESPIPE');
      c.is(c.pwrite(fd, 'x', 0), 'ESPIPE');
    },
  },
]);
