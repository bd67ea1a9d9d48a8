import t from 'tap';
import { EBADF, EINVAL, ENOENT } from '../../protocol/errno.ts';
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, O_PATH, O_RDWR } from '../../src/sys/constants.ts';
import { cstring, EMPTY } from '../../src/sys/cstring.ts';
import { close, open, openat } from '../../src/sys/fd.ts';
import { futimens, statx, utimensat } from '../../src/sys/path.ts';
import { Stat } from '../../src/sys/stat.ts';
import { ATIME, MTIME, TimeSpecs, UTIME_NOW, UTIME_OMIT } from '../../src/sys/times.ts';

t.test('times to the nanosecond', async (t) => {
  const dir = open(cstring(t.testdir({ f: '', link: t.fixture('symlink', 'f') })), O_PATH);
  const file = openat(dir, cstring('f'), O_RDWR);
  const times = new TimeSpecs();
  const stat = new Stat();
  const read = () => {
    statx(file, EMPTY, AT_EMPTY_PATH, 0x7ff, stat);
    return [stat.atimeSec, stat.atimeNsec, stat.mtimeSec, stat.mtimeNsec];
  };

  t.equal(futimens(file, times.set(ATIME, 1_700_000_000, 123_456_789).set(MTIME, -7, 999_999_999)), 0);
  t.strictSame(read(), [1_700_000_000, 123_456_789, -7, 999_999_999], 'before 1970: rounded down');
  t.strictSame([stat.mtimeLo, stat.mtimeHi], [0xffff_fff9, 0xffff_ffff]);

  times.set(ATIME, 5_000_000_000n, 1).set(MTIME, 0, UTIME_OMIT);
  t.equal(utimensat(dir, cstring('f'), times, 0), 0);
  t.strictSame(read(), [5_000_000_000, 1, -7, 999_999_999], 'past 2038, the other left alone');

  const before = Math.floor(Date.now() / 1000) - 1;
  t.equal(futimens(file, times.set(ATIME, 0, UTIME_OMIT).set(MTIME, 0, UTIME_NOW)), 0);
  read();
  t.equal(stat.atimeSec, 5_000_000_000);
  t.ok(Number(stat.mtimeSec) >= before);

  t.equal(utimensat(dir, cstring('f'), null, 0), 0);
  read();
  t.ok(Number(stat.atimeSec) >= before && Number(stat.atimeSec) < 5_000_000_000, 'null: both now');

  times.set(ATIME, 11, 0).set(MTIME, 22, 0);
  t.equal(utimensat(dir, cstring('link'), times, AT_SYMLINK_NOFOLLOW), 0);
  statx(dir, cstring('link'), AT_SYMLINK_NOFOLLOW, 0x7ff, stat);
  t.equal(stat.mtimeSec, 22, 'of the link itself');
  read();
  t.not(stat.mtimeSec, 22);

  t.equal(utimensat(dir, cstring('none'), null, 0), -ENOENT);
  t.equal(futimens(1 << 20, null), -EBADF);
  t.equal(futimens(file, times.set(ATIME, 0, 1_000_000_000)), -EINVAL);
  close(file);
  close(dir);
});
