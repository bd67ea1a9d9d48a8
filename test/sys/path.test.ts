import { lstatSync, readFileSync, readlinkSync } from 'node:fs';
import t from 'tap';
import {
  EBADF,
  EEXIST,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  EOPNOTSUPP,
  EPERM,
} from '../../protocol/errno.ts';
import * as c from '../../src/sys/constants.ts';
import { geteuid } from '../../src/sys/credentials.ts';
import { cstring, EMPTY } from '../../src/sys/cstring.ts';
import { close, open, openat } from '../../src/sys/fd.ts';
import * as p from '../../src/sys/path.ts';
import { Stat } from '../../src/sys/stat.ts';

const s = cstring;
const none = s('none');
const openDir = (path: string) => open(s(path), c.O_PATH | c.O_DIRECTORY);

t.test('statx against node', async (t) => {
  const path = t.testdir({ file: 'hello', link: t.fixture('symlink', 'file') });
  const dir = openDir(path);
  const stat = new Stat();
  const other = new Stat();
  t.equal(p.statx(dir, s('file'), 0, c.STATX_BASIC_STATS | c.STATX_BTIME, stat), 0);
  const expected = lstatSync(`${path}/file`, { bigint: true });
  t.equal(stat.mask & c.STATX_BASIC_STATS, c.STATX_BASIC_STATS);
  t.equal((BigInt(stat.inoHi) << 32n) | BigInt(stat.inoLo), expected.ino);
  t.equal(BigInt(stat.mode), expected.mode);
  t.equal(BigInt(stat.nlink), expected.nlink);
  t.equal(BigInt(stat.uid), expected.uid);
  t.equal(BigInt(stat.gid), expected.gid);
  t.equal(stat.size, 5);
  t.strictSame([stat.sizeLo, stat.sizeHi], [5, 0]);
  t.equal(BigInt(stat.blocks), expected.blocks);
  t.equal(BigInt(stat.blksize), expected.blksize);
  for (const time of ['atime', 'mtime', 'ctime', 'btime'] as const) {
    const key = time === 'btime' ? 'birthtimeNs' : (`${time}Ns` as const);
    t.equal(BigInt(stat[`${time}Sec`]) * 1_000_000_000n + BigInt(stat[`${time}Nsec`]), expected[key], time);
    t.equal(stat[`${time}Lo`], Number(stat[`${time}Sec`]) >>> 0);
  }
  t.ok(stat.isFile && !stat.isDirectory && !stat.isSymlink);

  t.equal(p.statx(dir, s('link'), 0, c.STATX_BASIC_STATS, other), 0);
  t.ok(other.sameObject(stat));
  t.equal(p.statx(dir, s('link'), c.AT_SYMLINK_NOFOLLOW, c.STATX_BASIC_STATS, other), 0);
  t.ok(other.isSymlink);
  t.notOk(other.sameObject(stat));
  other.copyFrom(stat);
  t.ok(other.sameObject(stat));
  t.equal(p.statx(dir, EMPTY, c.AT_EMPTY_PATH, c.STATX_BASIC_STATS, stat), 0);
  t.ok(stat.isDirectory);
  t.equal(stat.type, c.S_IFDIR);

  t.equal(p.statx(dir, none, 0, c.STATX_BASIC_STATS, stat), -ENOENT);
  t.equal(p.statx(1 << 20, none, 0, c.STATX_BASIC_STATS, stat), -EBADF);
  t.throws(() => p.statx(dir, Buffer.from('file'), 0, 0, stat), TypeError, 'a name without its end');
  close(dir);
});

t.test('make and remove', async (t) => {
  const path = t.testdir();
  const dir = openDir(path);
  t.equal(p.mkdirat(dir, s('d'), 0o750), 0);
  t.equal(p.mkdirat(dir, s('d'), 0o750), -EEXIST);
  t.equal(p.mknodat(dir, s('d/f'), c.S_IFREG | 0o600, 0), 0);
  t.equal(p.mknodat(dir, s('fifo'), c.S_IFIFO | 0o600, 0), 0);
  t.ok(lstatSync(`${path}/fifo`).isFIFO());
  t.equal(p.mknodat(dir, s('fifo'), c.S_IFIFO | 0o600, 0), -EEXIST);
  t.equal(p.unlinkat(dir, s('d'), 0), -EISDIR);
  t.equal(p.unlinkat(dir, s('d'), c.AT_REMOVEDIR), -ENOTEMPTY);
  t.equal(p.unlinkat(dir, s('fifo'), c.AT_REMOVEDIR), -ENOTDIR);
  t.equal(p.unlinkat(dir, s('d/f'), 0), 0);
  t.equal(p.unlinkat(dir, s('d'), c.AT_REMOVEDIR), 0);
  t.equal(p.unlinkat(dir, s('fifo'), 0), 0);
  t.equal(p.unlinkat(dir, none, 0), -ENOENT);
  close(dir);
});

t.test('device numbers keep the kernel encoding', { skip: geteuid() !== 0 && 'needs root' }, async (t) => {
  const path = t.testdir();
  const dir = openDir(path);
  const rdev = (300 & 0xff) | (7 << 8) | ((300 & 0xfff00) << 12); // major 7, minor 300
  t.equal(p.mknodat(dir, s('dev'), c.S_IFCHR | 0o600, rdev), 0);
  const stat = new Stat();
  p.statx(dir, s('dev'), 0, c.STATX_BASIC_STATS, stat);
  t.strictSame([stat.rdevMajor, stat.rdevMinor, stat.rdev], [7, 300, rdev]);
  close(dir);
});

t.test('rename, link, symlink', async (t) => {
  const path = t.testdir({ a: 'A', b: 'B' });
  const dir = openDir(path);
  const [a, b] = [s('a'), s('b')];
  t.equal(p.renameat2(dir, a, dir, b, c.RENAME_NOREPLACE), -EEXIST);
  t.equal(p.renameat2(dir, a, dir, b, c.RENAME_EXCHANGE), 0);
  t.equal(readFileSync(`${path}/a`, 'utf8'), 'B');
  t.equal(p.renameat2(dir, a, dir, s('c'), c.RENAME_NOREPLACE), 0);
  t.equal(p.renameat2(dir, s('c'), dir, b, 0), 0);
  t.equal(readFileSync(`${path}/b`, 'utf8'), 'B');
  t.equal(p.renameat2(dir, none, dir, b, 0), -ENOENT);

  t.equal(p.linkat(dir, b, dir, s('hard'), 0), 0);
  t.equal(p.linkat(dir, b, dir, s('hard'), 0), -EEXIST);
  t.equal(lstatSync(`${path}/b`).nlink, 2);
  const file = openat(dir, b, c.O_PATH);
  t.equal(p.linkat(c.AT_FDCWD, p.procPath(file), dir, s('third'), c.AT_SYMLINK_FOLLOW), 0);
  t.equal(lstatSync(`${path}/b`).nlink, 3);
  close(file);

  t.equal(p.symlinkat(s('to/where'), dir, s('sym')), 0);
  t.equal(readlinkSync(`${path}/sym`), 'to/where');
  t.equal(p.symlinkat(s('x'), dir, s('sym')), -EEXIST);
  const bytes = Buffer.alloc(100);
  t.equal(p.readlinkat(dir, s('sym'), bytes, 100), 8);
  t.equal(bytes.toString('utf8', 0, 8), 'to/where');
  t.equal(p.readlinkat(dir, s('sym'), bytes, 3), 3, 'cut');
  const link = openat(dir, s('sym'), c.O_PATH | c.O_NOFOLLOW);
  t.equal(p.readlinkat(link, EMPTY, bytes, 100), 8, 'of the descriptor itself');
  t.equal(p.readlinkat(dir, b, bytes, 100), -EINVAL);
  t.equal(p.chmod(p.procPath(link), 0o600), -EOPNOTSUPP);
  close(link);
  close(dir);
});

t.test('modes and owners', async (t) => {
  const path = t.testdir({ f: '' });
  const dir = openDir(path);
  const mode = () => lstatSync(`${path}/f`).mode & 0o7777;
  const file = openat(dir, s('f'), c.O_RDWR);
  t.equal(p.fchmod(file, 0o640), 0);
  t.equal(mode(), 0o640);
  const pinned = openat(dir, s('f'), c.O_PATH);
  t.equal(p.fchmod(pinned, 0o600), -EBADF);
  t.equal(p.chmod(p.procPath(pinned), 0o600), 0);
  t.equal(mode(), 0o600);
  t.equal(p.chmod(s(`${path}/none`), 0o600), -ENOENT);
  t.equal(p.faccessat(dir, s('f'), c.R_OK | c.W_OK, 0), 0);
  t.equal(p.faccessat(dir, s('f'), c.R_OK, c.AT_EACCESS | c.AT_SYMLINK_NOFOLLOW), 0);
  t.equal(p.faccessat(dir, none, c.F_OK, 0), -ENOENT);

  const keep = 0xffff_ffff;
  t.equal(p.fchown(file, keep, keep), 0);
  t.equal(p.fchownat(dir, s('f'), keep, keep, c.AT_SYMLINK_NOFOLLOW), 0);
  t.equal(p.fchownat(pinned, EMPTY, keep, keep, c.AT_EMPTY_PATH), 0);
  t.equal(p.fchownat(dir, none, keep, keep, 0), -ENOENT);
  const given = p.fchown(file, 0xffff_fffe, 12345);
  if (geteuid() === 0) {
    t.equal(given, 0);
    t.strictSame([lstatSync(`${path}/f`).uid, lstatSync(`${path}/f`).gid], [0xffff_fffe, 12345]);
  } else t.equal(given, -EPERM);

  t.equal(p.truncate(s(`${path}/f`), 7), 0);
  t.equal(lstatSync(`${path}/f`).size, 7);
  t.equal(p.truncate(s(path), 0), -EISDIR);
  for (const each of [file, pinned, dir]) close(each);
});

t.test('procPath', async (t) => {
  const text = (fd: number) => Buffer.from(p.procPath(fd)).toString();
  for (const fd of [0, 9, 10, 99, 100, 12_345, 2 ** 31 - 1]) t.equal(text(fd), `/proc/self/fd/${fd}\0`);
  t.equal(p.procPath(41), p.procPath(52), 'one buffer for each length: valid until the next call');
});
