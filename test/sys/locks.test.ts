import t from 'tap';
import { EAGAIN, EBADF, EINVAL } from '../../protocol/errno.ts';
import {
  F_RDLCK,
  F_UNLCK,
  F_WRLCK,
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  O_RDWR,
} from '../../src/sys/constants.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { close, open } from '../../src/sys/fd.ts';
import { FileLock, flock, getLock, setLock, waitLock } from '../../src/sys/locks.ts';

t.test('flock', async (t) => {
  const path = cstring(`${t.testdir({ f: '' })}/f`);
  const [a, b] = [open(path, O_RDWR), open(path, O_RDWR)];
  t.equal(flock(a, LOCK_EX), 0);
  t.equal(flock(b, LOCK_SH | LOCK_NB), -EAGAIN);
  t.equal(flock(a, LOCK_UN), 0);
  t.equal(flock(b, LOCK_SH | LOCK_NB), 0);
  t.equal(flock(1 << 20, LOCK_SH), -EBADF);
  close(a);
  close(b);
});

t.test('locks of ranges belong to open files', async (t) => {
  const path = cstring(`${t.testdir({ f: '' })}/f`);
  const [a, b] = [open(path, O_RDWR), open(path, O_RDWR)];
  const lock = new FileLock();
  const far = 2n ** 60n;
  t.equal(setLock(a, lock.set(F_WRLCK, 10, 5)), 0);
  t.equal(setLock(a, lock.set(F_RDLCK, far, 0)), 0);
  t.equal(setLock(b, lock.set(F_RDLCK, 14, 1)), -EAGAIN);
  t.equal(setLock(b, lock.set(F_RDLCK, 15, 1)), 0);

  t.equal(getLock(b, lock.set(F_RDLCK, 0, 20)), 0);
  t.strictSame([lock.type, lock.start, lock.length, lock.pid], [F_WRLCK, 10, 5, -1]);
  t.equal(getLock(b, lock.set(F_WRLCK, far + 1n, 1)), 0);
  t.strictSame([lock.type, lock.start, lock.length], [F_RDLCK, far, 0]);
  t.equal(setLock(a, lock.set(F_UNLCK, 0, 0)), 0);
  t.equal(getLock(b, lock.set(F_WRLCK, 0, 0)), 0);
  t.equal(lock.type, F_UNLCK, 'free');
  t.equal(waitLock(b, lock.set(F_WRLCK, 0, 0)), 0);
  t.equal(setLock(1 << 20, lock), -EBADF);
  t.equal(setLock(b, lock.set(F_WRLCK, -1, 1)), -EINVAL);
  close(a);
  close(b);
});
