// statfs, resource limits, threads.

import { once } from 'node:events';
import { statfsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { EBADF, EINTR, EINVAL, ESRCH } from '../../protocol/errno.ts';
import { O_PATH } from '../../src/sys/constants.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { close, open } from '../../src/sys/fd.ts';
import {
  getrlimit,
  ResourceLimit,
  RLIM_INFINITY,
  RLIMIT_CORE,
  RLIMIT_NOFILE,
  setrlimit,
} from '../../src/sys/limits.ts';
import { fstatfs, StatFs } from '../../src/sys/statfs.ts';
import { gettid, schedYield, tgkill } from '../../src/sys/thread.ts';

t.test('statfs against node', async (t) => {
  const path = t.testdir();
  const dir = open(cstring(path), O_PATH);
  const out = new StatFs();
  t.equal(fstatfs(dir, out), 0);
  const expected = statfsSync(path);
  t.equal(out.type, expected.type);
  t.equal(out.bsize, expected.bsize);
  t.equal(out.blocks, expected.blocks);
  t.equal(out.files, expected.files);
  t.ok(out.bavail <= out.bfree && out.bfree <= out.blocks);
  t.ok(out.ffree <= out.files);
  t.ok(out.namelen >= 143 && out.frsize >= 512);
  t.type(out.flags, 'number');
  t.equal(fstatfs(1 << 20, out), -EBADF);
  close(dir);
});

t.test('limits', async (t) => {
  const limit = new ResourceLimit();
  t.equal(getrlimit(RLIMIT_NOFILE, limit), 0);
  const { soft, hard } = limit;
  t.ok(soft <= hard && soft > 0);
  limit.soft = Number(soft) - 1;
  t.equal(setrlimit(RLIMIT_NOFILE, limit), 0);
  t.equal(getrlimit(RLIMIT_NOFILE, limit), 0);
  t.equal(limit.soft, Number(soft) - 1);
  limit.soft = soft;
  t.equal(setrlimit(RLIMIT_NOFILE, limit), 0);
  limit.hard = 1;
  t.equal(setrlimit(RLIMIT_NOFILE, limit), -EINVAL, 'soft above hard');
  limit.hard = RLIM_INFINITY;
  t.equal(limit.hard, RLIM_INFINITY);
  t.equal(getrlimit(RLIMIT_CORE, limit), 0);
  t.equal(getrlimit(999, limit), -EINVAL);
});

t.test('threads: their numbers, and a signal ends a wait', async (t) => {
  t.equal(gettid(), process.pid, 'the main thread');
  t.equal(schedYield(), 0);
  t.equal(tgkill(process.pid, gettid(), 0), 0);
  t.equal(tgkill(process.pid, 2 ** 22 + 1, 0), -ESRCH);

  const handler = () => {};
  process.on('SIGUSR2', handler);
  const worker = new Worker(new URL('./waiting-thread.ts', import.meta.url));
  const [tid] = (await once(worker, 'message')) as [number];
  t.not(tid, process.pid);
  const ended = once(worker, 'message');
  // It says that it is about to wait; the signal must come after that.
  const again = setInterval(() => tgkill(process.pid, tid, 12), 20);
  const [result] = (await ended) as [number];
  clearInterval(again);
  t.equal(result, -EINTR);
  await once(worker, 'exit');
  process.off('SIGUSR2', handler);
});
