import { readFileSync } from 'node:fs';
import t from 'tap';
import { EBADF, EEXIST, EINVAL, ELOOP, ENOENT, ENOTDIR, ENXIO, EXDEV } from '../../protocol/errno.ts';
import * as c from '../../src/sys/constants.ts';
import { cstring, EMPTY } from '../../src/sys/cstring.ts';
import * as fd from '../../src/sys/fd.ts';
import { statx, symlinkat } from '../../src/sys/path.ts';
import { Stat } from '../../src/sys/stat.ts';

const BAD = 1 << 20;
const text = (s: string) => Buffer.from(s);

t.test('open and openat', async (t) => {
  const path = t.testdir({ file: 'hello', sub: {} });
  const dir = fd.open(cstring(path), c.O_PATH | c.O_DIRECTORY | c.O_CLOEXEC);
  t.ok(dir > 2);
  t.equal(fd.open(cstring(`${path}/none`), c.O_RDONLY), -ENOENT);
  const file = fd.openat(dir, cstring('file'), c.O_RDONLY | c.O_CLOEXEC);
  t.ok(file > 2);
  t.equal(fd.openat(dir, cstring('file'), c.O_RDWR | c.O_CREAT | c.O_EXCL, 0o600), -EEXIST);
  t.equal(fd.openat(dir, cstring('file'), c.O_DIRECTORY), -ENOTDIR);
  t.equal(symlinkat(cstring('file'), dir, cstring('link')), 0);
  t.equal(fd.openat(dir, cstring('link'), c.O_RDONLY | c.O_NOFOLLOW), -ELOOP);
  t.equal(fd.openat(dir, Buffer.from([0xff, 0xfe, 0]), c.O_RDONLY), -ENOENT, 'a name in no encoding');
  t.equal(fd.close(file), 0);
  t.equal(fd.close(BAD), -EBADF);
  t.equal(fd.close(dir), 0);
});

t.test('openat2 stays beneath', async (t) => {
  const dir = fd.open(cstring(t.testdir({ file: '', sub: { deep: '' } })), c.O_PATH);
  symlinkat(cstring('/etc'), dir, cstring('out'));
  const inside = fd.openat2(dir, cstring('sub/deep'), c.O_RDWR, 0, c.RESOLVE_BENEATH);
  t.ok(inside > 2);
  t.equal(fd.openat2(dir, cstring('sub/../../x'), c.O_PATH, 0, c.RESOLVE_BENEATH), -EXDEV);
  t.equal(fd.openat2(dir, cstring('out/passwd'), c.O_PATH, 0, c.RESOLVE_NO_SYMLINKS), -ELOOP);
  const made = fd.openat2(dir, cstring('made'), c.O_WRONLY | c.O_CREAT, 0o640, c.RESOLVE_BENEATH);
  const stat = new Stat();
  t.equal(statx(made, EMPTY, c.AT_EMPTY_PATH, c.STATX_MODE, stat), 0);
  t.equal(stat.mode & 0o777, 0o640);
  for (const each of [inside, made, dir]) fd.close(each);
});

t.test('read and write, at the position and at an offset', async (t) => {
  const path = `${t.testdir()}/file`;
  const file = fd.open(cstring(path), c.O_RDWR | c.O_CREAT, 0o600);
  t.equal(fd.write(file, text('hello world'), 5), 5);
  t.equal(fd.pwrite(file, text('J'), 1, 0), 1);
  t.equal(readFileSync(path, 'utf8'), 'Jello');
  const bytes = Buffer.alloc(16);
  t.equal(fd.pread(file, bytes, 16, 1), 4);
  t.equal(bytes.toString('utf8', 0, 4), 'ello');
  t.equal(fd.read(file, bytes, 16), 0, 'at the end');
  t.equal(fd.lseek(file, 2, c.SEEK_SET), 2);
  t.equal(fd.read(file, bytes, 2), 2);
  t.equal(bytes.toString('utf8', 0, 2), 'll');

  const more = new Uint8Array(new ArrayBuffer(4)).fill(0x21).subarray(1);
  t.equal(fd.append(file, more, 3), 3, 'at the end, wherever the position is');
  t.equal(readFileSync(path, 'utf8'), 'Jello!!!');
  t.equal(fd.append(BAD, more, 3), -EBADF);

  t.equal(fd.pread(file, bytes, 16, -1), -EINVAL);
  t.equal(fd.read(BAD, bytes, 1), -EBADF);
  t.equal(fd.write(BAD, bytes, 1), -EBADF);
  t.equal(fd.pwrite(BAD, bytes, 1, 0), -EBADF);
  t.throws(() => fd.read(file, bytes, 17), RangeError, 'never past the buffer');
  t.throws(() => fd.pwrite(file, bytes, -1, 0), RangeError);
  t.throws(() => fd.pread(file, bytes, Number.NaN, 0), RangeError);
  fd.close(file);
});

t.test('memory shared between threads is read into as it is', async (t) => {
  const file = fd.memfd(cstring('test'));
  fd.write(file, text('shared'), 6);
  const shared = new SharedArrayBuffer(64);
  t.equal(fd.pread(file, new Uint8Array(shared, 8, 6), 6, 0), 6);
  t.equal(Buffer.from(shared, 8, 6).toString(), 'shared');
  t.equal(fd.pwrite(file, new Uint8Array(shared, 10, 2), 2, 0), 2);
  fd.close(file);
});

t.test('holes, offsets past 2^53, sizes', async (t) => {
  const file = fd.memfd(cstring('test'));
  const far = 2 ** 33;
  t.equal(fd.pwrite(file, text('x'), 1, far), 1);
  t.equal(fd.lseek(file, 0, c.SEEK_DATA), far);
  t.equal(fd.lseek(file, 0, c.SEEK_HOLE), 0);
  t.equal(fd.lseek(file, far + 1, c.SEEK_DATA), -ENXIO);
  t.equal(fd.lseek(file, 0n, c.SEEK_END), far + 1);
  const high = 2n ** 62n + 1n;
  t.equal(fd.lseek(file, high, c.SEEK_SET), high, 'a bigint goes in and comes out whole');
  t.equal(fd.lseek(file, -1, c.SEEK_SET), -EINVAL);

  t.equal(fd.ftruncate(file, 10), 0);
  t.equal(fd.lseek(file, 0, c.SEEK_END), 10);
  t.equal(fd.ftruncate(file, -1), -EINVAL);
  t.equal(fd.fallocate(file, 0, 0, 8192), 0);
  t.equal(fd.lseek(file, 0, c.SEEK_END), 8192);
  fd.pwrite(file, Buffer.alloc(8192, 1), 8192, 0);
  t.equal(fd.fallocate(file, c.FALLOC_FL_PUNCH_HOLE | c.FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
  t.equal(fd.lseek(file, 0, c.SEEK_DATA), 4096);
  t.equal(fd.fallocate(file, 0, 0, 0), -EINVAL);
  fd.close(file);
});

t.test('sync', async (t) => {
  const file = fd.open(cstring(`${t.testdir()}/f`), c.O_RDWR | c.O_CREAT, 0o600);
  t.equal(fd.fsync(file), 0);
  t.equal(fd.fdatasync(file), 0);
  for (const call of [fd.fsync, fd.fdatasync, fd.syncfs]) t.equal(call(BAD), -EBADF);
  fd.close(file);
});

t.test('descriptors and their flags', async (t) => {
  const file = fd.memfd(cstring('test'));
  const other = fd.dupCloexec(file);
  t.ok(other > 2 && other !== file);
  fd.write(file, text('abc'), 3);
  t.equal(fd.lseek(other, 0, c.SEEK_CUR), 3, 'one open file');
  t.equal(fd.getFlags(file) & c.O_ACCMODE, c.O_RDWR);
  t.equal(fd.setFlags(file, c.O_NONBLOCK | c.O_APPEND), 0);
  t.equal(fd.getFlags(other) & (c.O_NONBLOCK | c.O_APPEND), c.O_NONBLOCK | c.O_APPEND);
  const second = fd.memfd(cstring('second'));
  t.equal(fd.dup3(second, other, c.O_CLOEXEC), other);
  t.equal(fd.lseek(other, 0, c.SEEK_END), 0);
  t.equal(fd.dup3(second, second, 0), -EINVAL);
  t.equal(fd.dupCloexec(BAD), -EBADF);
  t.equal(fd.getFlags(BAD), -EBADF);
  t.equal(fd.setFlags(BAD, 0), -EBADF);
  for (const each of [file, other, second]) fd.close(each);
});

t.test('pipes and poll', async (t) => {
  const pair = new Int32Array(2);
  t.equal(fd.pipe2(pair, c.O_CLOEXEC | c.O_NONBLOCK), 0);
  const [out, into] = pair as unknown as [number, number];
  t.equal(fd.poll(out, c.POLLIN, 0), 0, 'nothing there');
  t.equal(fd.poll(into, c.POLLOUT, 0), c.POLLOUT);
  fd.write(into, text('x'), 1);
  t.equal(fd.poll(out, c.POLLIN | c.POLLPRI, -1), c.POLLIN);
  fd.read(out, Buffer.alloc(1), 1);
  fd.close(into);
  t.equal(fd.poll(out, c.POLLIN, 0), c.POLLHUP);
  fd.close(out);
  t.equal(fd.poll(BAD, c.POLLIN, 0), c.POLLNVAL);
  t.equal(fd.pipe2(pair, 1), -EINVAL);
});
