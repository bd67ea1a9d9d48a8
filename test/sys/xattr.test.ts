import t from 'tap';
import { EBADF, EEXIST, ENODATA, ENOENT, EPERM, ERANGE } from '../../protocol/errno.ts';
import { O_NOFOLLOW, O_PATH, O_RDWR, XATTR_CREATE, XATTR_REPLACE } from '../../src/sys/constants.ts';
import { geteuid } from '../../src/sys/credentials.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { close, open } from '../../src/sys/fd.ts';
import { procPath } from '../../src/sys/path.ts';
import * as x from '../../src/sys/xattr.ts';

const value = Buffer.from([0, 1, 2, 0xff, 0]);
const name = cstring('user.test');
const none = cstring('user.none');

t.test('by path', async (t) => {
  const path = cstring(`${t.testdir({ f: '' })}/f`);
  const bytes = Buffer.alloc(64);
  t.equal(x.setxattr(path, name, value, 5, 0), 0);
  t.equal(x.getxattr(path, name, bytes, 64), 5);
  t.strictSame(bytes.subarray(0, 5), value);
  t.equal(x.getxattr(path, name, bytes, 0), 5, 'how long');
  t.equal(x.getxattr(path, name, bytes, 4), -ERANGE);
  t.equal(x.getxattr(path, none, bytes, 64), -ENODATA);
  t.equal(x.setxattr(path, name, value, 5, XATTR_CREATE), -EEXIST);
  t.equal(x.setxattr(path, none, value, 5, XATTR_REPLACE), -ENODATA);
  t.equal(x.setxattr(path, name, value, 0, XATTR_REPLACE), 0);
  t.equal(x.getxattr(path, name, bytes, 64), 0, 'empty, not absent');
  t.equal(x.listxattr(path, bytes, 64), 10);
  t.equal(bytes.toString('latin1', 0, 10), 'user.test\0');
  t.equal(x.listxattr(path, bytes, 3), -ERANGE);
  t.equal(x.removexattr(path, name), 0);
  t.equal(x.removexattr(path, name), -ENODATA);
  t.equal(x.getxattr(none, name, bytes, 64), -ENOENT);
  t.equal(x.listxattr(none, bytes, 64), -ENOENT);
  t.throws(() => x.getxattr(path, name, bytes, 65), RangeError);
});

t.test('by descriptor', async (t) => {
  const path = cstring(`${t.testdir({ f: '' })}/f`);
  const file = open(path, O_RDWR);
  const pinned = open(path, O_PATH);
  const bytes = Buffer.alloc(64);
  t.equal(x.fsetxattr(file, name, value, 3, 0), 0);
  t.equal(x.fgetxattr(file, name, bytes, 64), 3);
  t.equal(x.flistxattr(file, bytes, 64), 10);
  t.equal(x.fgetxattr(pinned, name, bytes, 64), -EBADF, 'not on O_PATH');
  t.equal(x.getxattr(procPath(pinned), name, bytes, 64), 3, 'but through /proc');
  t.equal(x.fremovexattr(file, name), 0);
  t.equal(x.fremovexattr(file, name), -ENODATA);
  t.equal(x.fsetxattr(1 << 20, name, value, 3, 0), -EBADF);
  t.equal(x.flistxattr(1 << 20, bytes, 64), -EBADF);
  close(file);
  close(pinned);
});

t.test('of a symlink, by the l… calls and through /proc', async (t) => {
  const dir = t.testdir({ f: '', link: t.fixture('symlink', 'f') });
  const link = cstring(`${dir}/link`);
  const pinned = open(link, O_PATH | O_NOFOLLOW);
  const bytes = Buffer.alloc(64);
  t.equal(x.lsetxattr(link, name, value, 1, 0), -EPERM, 'user.* is for files and directories');
  t.equal(x.lgetxattr(link, none, bytes, 64) < 0, true);
  t.equal(x.llistxattr(link, bytes, 64), 0);
  if (geteuid() === 0) {
    const trusted = cstring('trusted.test');
    t.equal(x.setxattr(procPath(pinned), trusted, value, 2, 0), 0);
    t.equal(x.lgetxattr(link, trusted, bytes, 64), 2);
    t.equal(x.getxattr(cstring(`${dir}/f`), trusted, bytes, 64), -ENODATA, 'the target is untouched');
    t.equal(x.listxattr(procPath(pinned), bytes, 64), 13);
    t.equal(x.lremovexattr(link, trusted), 0);
  } else t.pass('trusted.* on a symlink', { skip: 'needs root' });
  close(pinned);
});
