import { readFileSync, statSync } from 'node:fs';
import t from 'tap';
import { EBADF, EINVAL, ENOTTY, EOPNOTSUPP, EXDEV } from '../../protocol/errno.ts';
import { O_CREAT, O_RDONLY, O_RDWR, SEEK_DATA, SEEK_HOLE } from '../../src/sys/constants.ts';
import { copyFileRange, ficlone, ioctl, sendfile } from '../../src/sys/copy.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { close, ftruncate, lseek, open, pipe2, pwrite, write } from '../../src/sys/fd.ts';

const BAD = 1 << 20;

t.test('a sparse file, segment by segment', async (t) => {
  const path = t.testdir();
  const from = open(cstring(`${path}/from`), O_RDWR | O_CREAT, 0o600);
  const to = open(cstring(`${path}/to`), O_RDWR | O_CREAT, 0o600);
  const size = 16 * 1024 * 1024 + 5;
  const block = Buffer.alloc(65_536, 'a');
  pwrite(from, block, block.length, 1024 * 1024);
  pwrite(from, block, 5, size - 5);

  ftruncate(to, size);
  let segments = 0;
  for (let at = lseek(from, 0, SEEK_DATA); (at as number) >= 0; at = lseek(from, at, SEEK_DATA)) {
    const end = lseek(from, at, SEEK_HOLE) as number;
    for (let done = at as number; done < end; ) {
      const count = copyFileRange(from, done, to, done, end - done);
      t.ok(count > 0);
      if (count <= 0) break;
      done += count;
    }
    segments++;
    at = end;
  }
  t.equal(segments, 2);
  t.ok(readFileSync(`${path}/from`).equals(readFileSync(`${path}/to`)));
  t.ok(statSync(`${path}/to`).blocks * 512 < 1024 * 1024, 'the holes are holes');

  t.equal(copyFileRange(from, size, to, 0, 10), 0, 'the end');
  t.equal(copyFileRange(from, 2n ** 40n, to, 0, 10), 0);
  t.equal(copyFileRange(from, 0, from, 1, 10), -EINVAL, 'overlapping itself');
  t.equal(copyFileRange(BAD, 0, to, 0, 10), -EBADF);
  close(from);
  close(to);
});

t.test('sendfile from an offset', async (t) => {
  const path = t.testdir({ from: 'hello world' });
  const from = open(cstring(`${path}/from`), O_RDONLY);
  const to = open(cstring(`${path}/to`), O_RDWR | O_CREAT, 0o600);
  t.equal(sendfile(to, from, 6, 100), 5);
  t.equal(sendfile(to, from, 0, 2), 2);
  t.equal(readFileSync(`${path}/to`, 'utf8'), 'worldhe');
  t.equal(lseek(from, 0, 1), 0, 'the input stays where it is');
  t.equal(sendfile(to, from, 11n, 100), 0);
  t.equal(sendfile(to, BAD, 0, 1), -EBADF);
  close(from);
  close(to);
});

t.test('ficlone clones or says that it cannot', async (t) => {
  const path = t.testdir({ from: 'hello' });
  const from = open(cstring(`${path}/from`), O_RDONLY);
  const to = open(cstring(`${path}/to`), O_RDWR | O_CREAT, 0o600);
  const result = ficlone(to, from);
  t.ok([0, -EOPNOTSUPP, -EINVAL, -EXDEV].includes(result), `${result}`);
  if (result === 0) t.equal(readFileSync(`${path}/to`, 'utf8'), 'hello');
  t.equal(ficlone(BAD, from), -EBADF);
  close(from);
  close(to);
});

t.test('ioctl', async (t) => {
  const FIONREAD = 0x541b;
  const pair = new Int32Array(2);
  pipe2(pair, 0);
  const [out, into] = pair as unknown as [number, number];
  write(into, Buffer.alloc(3), 3);
  const bytes = Buffer.alloc(4, 0xff);
  t.equal(ioctl(out, FIONREAD, bytes), 0);
  t.equal(bytes.readInt32LE(), 3);
  t.equal(ioctl(out, 0x5555, null), -ENOTTY);
  t.equal(ioctl(BAD, FIONREAD, bytes), -EBADF);
  close(out);
  close(into);
});
