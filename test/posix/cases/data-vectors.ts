// Several buffers in one call, the flags of single calls, and O_SYNC.

import {
  O_APPEND,
  O_DSYNC,
  O_RDONLY,
  O_RDWR,
  O_SYNC,
  O_WRONLY,
  SEEK_CUR,
} from '../../../src/sys/constants.ts';
import { RWF_APPEND, RWF_DSYNC, RWF_NOWAIT, RWF_SYNC } from '../calls/transfers.ts';
import { cases, file } from '../case.ts';
import { F_GETFL, MIB, pattern, sameContent } from '../data.ts';

export default cases('vectors', [
  {
    name: 'readv and writev, with empty buffers between',
    given: { f: file('0123456789') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      c.is(c.readv(fd, [2, 0, 3]), '01||234');
      c.is(c.writev(fd, ['ab', '', 'cde', 'fghi']), 9);
      c.is(c.text('f'), '01234abcdefghi');
      c.is(c.preadv2(fd, [4, 4], 10), 'fghi|');
      c.is(c.pwritev2(fd, ['X', 'Y'], 20), 2);
      c.is(c.preadv2(fd, [10], 13), 'i\0\0\0\0\0\0XY');
      c.is(c.lseek(fd, 0, SEEK_CUR), 14);
      c.is(c.writev(fd, []), 0);
      c.is(c.writev(fd, ['x'], -1), 'EINVAL');
      c.is(c.writev(fd, ['x'], 1025), 'EINVAL');
    },
  },
  {
    name: 'writev of a megabyte in pieces of odd lengths',
    given: { f: file('') },
    run: (c) => {
      const data = pattern(MIB, 3);
      const parts = Array.from({ length: 1000 }, (_, i) => data.slice(i * 1048, (i + 1) * 1048));
      parts.push(data.slice(1_048_000));
      const fd = c.ok(c.open('f', O_WRONLY));
      c.is(c.writev(fd, parts), MIB);
      sameContent(c, 'f', data);
    },
  },
  {
    name: 'pwritev2 with RWF_APPEND, RWF_DSYNC, RWF_SYNC',
    given: { f: file('abc') },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      c.is(c.pwritev2(fd, ['end'], 0, RWF_APPEND), 3);
      c.is(c.pwritev2(fd, ['X'], 1, RWF_DSYNC), 1);
      c.is(c.pwritev2(fd, ['Y'], 2, RWF_SYNC), 1);
      c.is(c.text('f'), 'aXYend');
      c.is(c.pwritev2(fd, ['X'], 1, 1 << 20), 'EOPNOTSUPP');
    },
  },
  {
    name: 'preadv2 with RWF_NOWAIT, of what is in memory',
    unless: { tmpfs: 'knows no read that does not wait' },
    given: { f: file('abc') },
    deviates: { mounted: { sees: 'EOPNOTSUPP', why: 'the kernel knows no FUSE read that does not wait' } },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDONLY));
      c.is(c.read(fd, 3), 'abc');
      c.is(c.preadv2(fd, [3], 0, RWF_NOWAIT), 'abc');
    },
  },
  {
    name: 'O_SYNC and O_DSYNC write, and are told by F_GETFL',
    given: { f: file('abc') },
    run: (c) => {
      for (const flags of [O_SYNC, O_DSYNC, O_SYNC | O_APPEND]) {
        const fd = c.ok(c.open('f', O_WRONLY | flags));
        c.is(c.write(fd, 'x'), 1);
        c.asPlain(c.fcntl(fd, F_GETFL));
      }
      c.is(c.text('f'), 'xbcx');
    },
  },
]);
