// fsync(2) and its family, on whatever can be open, and poll(2) and epoll on files.

import {
  O_CREAT,
  O_DIRECTORY,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  POLLIN,
  POLLOUT,
} from '../../../src/sys/constants.ts';
import { SYNC_FILE_RANGE_ALL } from '../calls/transfers.ts';
import { type Case, cases, dir, fifo, file } from '../case.ts';
import { pattern, sameContent } from '../data.ts';

const modes: Case[] = (
  [
    ['to read', O_RDONLY],
    ['to write', O_WRONLY],
    ['for both', O_RDWR],
  ] as const
).map(([name, flags]) => ({
  name: `a file that is open ${name}: fsync, fdatasync, syncfs, sync_file_range`,
  given: { f: file('content') },
  run: (c) => {
    const fd = c.ok(c.open('f', flags));
    c.is(c.fsync(fd), 0);
    c.is(c.fdatasync(fd), 0);
    c.is(c.syncfs(fd), 0);
    c.is(c.syncFileRange(fd, 0, 0, SYNC_FILE_RANGE_ALL), 0);
    c.is(c.syncFileRange(fd, 0, 10, 1 << 20), 'EINVAL');
    c.is(c.syncFileRange(fd, -1, 10, 2), 'EINVAL');
    if (flags !== O_RDONLY) {
      c.is(c.pwrite(fd, 'C', 0), 1);
      c.is(c.fdatasync(fd), 0);
      c.is(c.fsync(fd), 0);
      c.is(c.text('f'), 'Content');
    }
    c.is(c.close(fd), 0);
  },
}));

export default cases('sync', [
  ...modes,
  {
    name: 'a directory, with what is new in it, and after what was in it is gone',
    given: { 'd/a': file('a') },
    run: (c) => {
      const fd = c.ok(c.open('d', O_RDONLY | O_DIRECTORY));
      c.is(c.fsync(fd), 0);
      c.put('d/b', 'b');
      c.is(c.fsync(fd), 0);
      c.is(c.fdatasync(fd), 0);
      c.is(c.syncfs(fd), 0);
      c.is(c.unlink('d/a'), 0);
      c.is(c.fsync(fd), 0);
      c.is(c.unlink('d/b'), 0);
      c.is(c.rmdir('d'), 0);
      c.is(c.fsync(fd), 0);
    },
  },
  {
    name: 'EBADF for nothing and O_PATH, EINVAL for a FIFO and a pipe',
    given: { f: file(), p: fifo() },
    run: (c) => {
      const path = c.ok(c.open('f', O_PATH));
      c.is(c.fsync(path), 'EBADF');
      c.is(c.fdatasync(path), 'EBADF');
      c.is(c.fsync(1 << 19), 'EBADF');
      c.is(c.syncfs(1 << 19), 'EBADF');
      const pipe = c.ok(c.open('p', O_RDWR | O_NONBLOCK));
      c.asPlain(c.fsync(pipe));
      c.is(c.syncFileRange(pipe, 0, 0, 2), 'ESPIPE');
    },
  },
  {
    name: 'times that were written are the same after fsync',
    run: (c) => {
      const fd = c.ok(c.open('new', O_RDWR | O_CREAT));
      c.is(c.write(fd, pattern(100_000, 1)), 100_000);
      const before = c.facts('new');
      c.is(c.fsync(fd), 0);
      c.is(c.facts('new').mtime, before.mtime);
      c.is(c.facts('new').ctime, before.ctime);
      c.is(c.close(fd), 0);
      c.is(c.facts('new').mtime, before.mtime);
      sameContent(c, 'new', pattern(100_000, 1));
    },
  },
  {
    name: 'poll: a file is always ready, also at its end and when it is empty',
    given: { f: file('content'), empty: file('') },
    run: (c) => {
      for (const name of ['f', 'empty']) {
        const fd = c.ok(c.open(name, O_RDWR));
        c.is(c.poll(fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
        c.ok(c.read(fd, 100));
        c.is(c.poll(fd, POLLIN), POLLIN);
        c.is(c.poll(c.ok(c.open(name, O_RDONLY | O_NONBLOCK)), POLLIN), POLLIN);
      }
    },
  },
  {
    name: 'poll: a directory is ready',
    given: { d: dir() },
    run: (c) => {
      c.asPlain(c.poll(c.ok(c.open('d', O_RDONLY | O_DIRECTORY)), POLLIN | POLLOUT));
    },
  },
  {
    name: 'epoll: EPERM for a directory',
    given: { d: dir() },
    run: (c) => c.is(c.epollAdd(c.ok(c.open('d', O_RDONLY | O_DIRECTORY))), 'EPERM'),
  },
  {
    name: 'epoll: EPERM for a file',
    given: { f: file('content') },
    deviates: { mounted: { sees: 'expected EPERM, got 0', why: 'the kernel lets FUSE files be polled' } },
    run: (c) => c.is(c.epollAdd(c.ok(c.open('f', O_RDWR))), 'EPERM'),
  },
]);
