// O_APPEND: every write goes to the end, whoever else writes, and nothing but writes does.

import {
  O_APPEND,
  O_DIRECT,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  SEEK_CUR,
} from '../../../src/sys/constants.ts';
import { MAP_SHARED, MS_SYNC, PROT_READ, PROT_WRITE } from '../calls/files.ts';
import { type Case, cases, file } from '../case.ts';
import { F_GETFL, F_SETFL, pattern } from '../data.ts';

const manyWriters: Case[] = [50, 700, 4096, 10_000].map((length) => ({
  name: `records of ${length} bytes from four processes: each is there once, whole, in its writer's order`,
  given: { log: file('begin\n') },
  run: (c) => {
    const COUNT = 40;
    const names = ['a', 'b', 'c', 'd'];
    const writers = [0, 1, 2].map((i) => {
      const fd = c.ok(c.other(i).open('log', O_WRONLY | O_APPEND));
      return c.otherBegins('writeRecords', [fd, names[i] as string, COUNT, length], i);
    });
    const fd = c.ok(c.open('log', O_WRONLY | O_APPEND));
    c.is(c.writeRecords(fd, 'd', COUNT, length), 0);
    for (const writer of writers) c.is(writer.result(), 0);
    const text = c.text('log');
    c.is(text.length, 6 + 4 * COUNT * length);
    const records = text.slice(6).match(/<[^<>]*>\n/g) ?? [];
    c.is(records.length, 4 * COUNT);
    for (const name of names) {
      const own = records.filter((each) => each.startsWith(`<${name} `));
      for (const [i, each] of own.entries()) {
        c.is(each, `<${name} ${i} `.padEnd(length - 2, name).concat('>\n'));
      }
      c.is(own.length, COUNT);
    }
  },
}));

export default cases('append', [
  ...manyWriters,
  {
    name: 'wherever the position is, which stands at the end afterwards',
    given: { f: file('0123456789') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR | O_APPEND));
      c.is(c.read(fd, 3), '012');
      c.is(c.write(fd, 'abc'), 3);
      c.is(c.lseek(fd, 0, SEEK_CUR), 13);
      c.is(c.lseek(fd, 2), 2);
      c.is(c.write(fd, 'd'), 1);
      c.is(c.lseek(fd, 0, SEEK_CUR), 14);
      c.is(c.text('f'), '0123456789abcd');
    },
  },
  {
    name: 'pwrite too, as Linux has it, and the position stays',
    given: { f: file('0123') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR | O_APPEND));
      c.is(c.pwrite(fd, 'x', 0), 1);
      c.is(c.lseek(fd, 0, SEEK_CUR), 0);
      c.is(c.pwrite(fd, 'y', 100), 1);
      c.is(c.text('f'), '0123xy');
    },
  },
  {
    name: 'what another descriptor has written or cut meanwhile counts',
    given: { f: file('0123') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_WRONLY | O_APPEND));
      const other = c.ok(c.other().open('f', O_RDWR));
      c.is(c.other().pwrite(other, 'far', 10), 3);
      c.is(c.write(fd, 'A'), 1);
      c.is(c.text('f'), '0123\0\0\0\0\0\0farA');
      c.is(c.other().ftruncate(other, 2), 0);
      c.is(c.write(fd, 'B'), 1);
      c.is(c.truncate('f', 1), 0);
      c.is(c.write(fd, 'C'), 1);
      c.is(c.text('f'), '0C');
    },
  },
  {
    name: 'with O_TRUNC from the start',
    given: { f: file('0123') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_WRONLY | O_APPEND | O_TRUNC));
      c.is(c.write(fd, 'a'), 1);
      c.is(c.pwrite(fd, 'b', 0), 1);
      c.is(c.text('f'), 'ab');
    },
  },
  {
    name: 'F_SETFL sets it and takes it away, again and again',
    given: { f: file('0123') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      c.is(c.fcntl(fd, F_SETFL, O_APPEND), 0);
      c.is(c.fcntl(fd, F_GETFL) & O_APPEND, O_APPEND);
      c.is(c.pwrite(fd, 'a', 0), 1);
      c.is(c.fcntl(fd, F_SETFL, 0), 0);
      c.is(c.pwrite(fd, 'b', 0), 1);
      c.is(c.fcntl(fd, F_SETFL, O_APPEND), 0);
      c.is(c.pwrite(fd, 'c', 0), 1);
      c.is(c.text('f'), 'b123ac');
    },
  },
  {
    name: 'F_SETFL takes away what open has set',
    given: { f: file('0123') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR | O_APPEND));
      c.is(c.pwrite(fd, 'a', 0), 1);
      c.is(c.fcntl(fd, F_SETFL, 0), 0);
      c.is(c.pwrite(fd, 'b', 0), 1);
      c.is(c.fcntl(fd, F_SETFL, O_APPEND), 0);
      c.is(c.pwrite(fd, 'c', 0), 1);
      c.is(c.fcntl(fd, F_SETFL, 0), 0);
      c.is(c.pwrite(fd, 'd', 1), 1);
      c.is(c.text('f'), 'bd23ac');
    },
  },
  {
    name: 'a shared mapping of such a file is written where it lies',
    given: { f: file('hello world') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR | O_APPEND));
      const map = c.ok(c.mmap(4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd)) as number;
      c.poke(map, 'HELLO');
      c.is(c.msync(map, 4096, MS_SYNC), 0);
      c.is(c.fsync(fd), 0);
      c.is(c.facts('f').size, 11);
      c.is(c.write(fd, '!'), 1);
      c.poke(map, 'J');
      c.is(c.munmap(map, 4096), 0);
      c.is(c.close(fd), 0);
      c.is(c.text('f'), 'JELLO world!');
    },
  },
  {
    name: 'a shared mapping, with O_APPEND set after it was made',
    given: { f: file('hello world') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      const map = c.ok(c.mmap(4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd)) as number;
      c.poke(map, 'HELLO');
      c.is(c.fcntl(fd, F_SETFL, O_APPEND), 0);
      c.is(c.write(fd, '!'), 1);
      c.is(c.msync(map, 4096, MS_SYNC), 0);
      c.poke(map, 'J');
      c.is(c.munmap(map, 4096), 0);
      c.is(c.close(fd), 0);
      c.is(c.text('f'), 'JELLO world!');
    },
  },
  {
    name: 'a large write to the end of a large file',
    given: { f: file(pattern(200_001, 1)) },
    run: (c) => {
      const data = pattern(1_500_003, 2);
      const fd = c.ok(c.open('f', O_WRONLY | O_APPEND));
      c.is(c.write(fd, data), data.length);
      c.is(c.text('f') === pattern(200_001, 1) + data, true);
    },
  },
  {
    name: 'a new file that many open at once has every record',
    run: (c) => {
      const fds = [0, 1, 2].map((i) => c.ok(c.other(i).open('new', O_WRONLY | O_APPEND | 0o100)));
      const own = c.ok(c.open('new', O_WRONLY | O_APPEND | 0o100));
      const begun = fds.map((fd, i) => c.otherBegins('writeRecords', [fd, `p${i}`, 30, 100], i));
      c.is(c.writeRecords(own, 'own', 30, 100), 0);
      for (const each of begun) c.is(each.result(), 0);
      c.is(c.facts('new').size, 4 * 30 * 100);
    },
  },
  {
    name: 'EBADF for copy_file_range to it, until F_SETFL takes it away',
    given: { f: file('0123'), g: file('data') },
    run: (c) => {
      const from = c.ok(c.open('g', O_RDONLY));
      const to = c.ok(c.open('f', O_RDWR | O_APPEND));
      c.is(c.copyFileRange(from, 0, to, 0, 4), 'EBADF');
      c.is(c.fcntl(to, F_SETFL, 0), 0);
      c.is(c.copyFileRange(from, 0, to, 1, 2), 2);
      c.is(c.text('f'), '0da3');
    },
  },
  {
    name: 'EINVAL for sendfile and splice to it',
    given: { f: file('0123'), g: file('data') },
    run: (c) => {
      const from = c.ok(c.open('g', O_RDONLY));
      const to = c.ok(c.open('f', O_WRONLY | O_APPEND));
      c.asPlain(c.sendfile(to, from, 0, 4));
      const [reading = -1, writing = -1] = c.pipe();
      c.is(c.write(writing, 'abc'), 3);
      c.is(c.splice(reading, null, to, null, 3), 'EINVAL');
      c.asPlain(c.text('f'));
    },
  },
  {
    name: 'ftruncate and fallocate are not for the end alone',
    given: { f: file('0123456789') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_WRONLY | O_APPEND));
      c.is(c.ftruncate(fd, 4), 0);
      c.asPlain(c.fallocate(fd, 0, 0, 6));
      c.is(c.write(fd, 'x'), 1);
      c.asPlain(c.text('f'));
    },
  },
  {
    name: 'with O_DIRECT, whole blocks',
    given: { f: file(pattern(4096, 1)) },
    run: (c) => {
      const fd = c.open('f', O_WRONLY | O_APPEND | O_DIRECT);
      c.asPlain(fd >= 0);
      if (fd < 0) return;
      const probe = c.pwriteAligned(fd, pattern(4096, 2), 0);
      c.is(probe, 4096);
      c.is(c.pwriteAligned(fd, pattern(4096, 3), 4096), 4096);
      c.is(c.text('f') === pattern(4096, 1) + pattern(4096, 2) + pattern(4096, 3), true);
    },
  },
]);
