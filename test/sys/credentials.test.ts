import { chmodSync, lstatSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { EACCES, EINVAL, EPERM } from '../../protocol/errno.ts';
import { CAP_FOWNER, CAP_SYS_ADMIN, CLONE_NEWNS } from '../../src/sys/constants.ts';
import * as credentials from '../../src/sys/credentials.ts';
import type { Findings } from './credentials-thread.ts';

const root = credentials.geteuid() === 0;

const inThread = (workerData: object): Promise<Findings> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./credentials-thread.ts', import.meta.url), { workerData });
    worker.once('message', resolve).once('error', reject);
  });

t.test('who we are', async (t) => {
  t.equal(credentials.getuid(), process.getuid?.());
  t.equal(credentials.geteuid(), process.geteuid?.());
  t.equal(credentials.getgid(), process.getgid?.());
  t.equal(credentials.getegid(), process.getegid?.());
  const groups = new Uint32Array(65_536);
  const count = credentials.getgroups(groups);
  t.equal(count, credentials.getgroups(null));
  const expected = new Set(process.getgroups?.());
  for (const group of groups.subarray(0, count)) t.ok(expected.has(group));
  t.equal(credentials.setfsuid(credentials.geteuid()), 0);
  t.equal(credentials.setfsgid(credentials.getegid()), 0);
  t.throws(() => credentials.setgroups(groups, 65_537), RangeError);
  t.equal(credentials.unshare(-1), -EINVAL);
});

t.test(
  'without privilege the change is refused, and said',
  { skip: root && 'needs another user than root' },
  async (t) => {
    t.equal(credentials.setfsuid(0), -EPERM);
    t.equal(credentials.setfsgid(0), -EPERM);
    t.equal(credentials.setgroups(Uint32Array.of(5), 1), -EPERM);
    t.equal(credentials.unshare(CLONE_NEWNS), -EPERM);
    t.notOk(credentials.hasEffectiveCapability(CAP_SYS_ADMIN));
  },
);

t.test('umask', async (t) => {
  const before = credentials.umask(0o027);
  t.equal(credentials.umask(before), 0o027);
});

// Node's testdir may lie below directories that another user cannot pass.
t.test('root: another user in one thread only', { skip: !root && 'needs root' }, async (t) => {
  const path = mkdtempSync(`${tmpdir()}/migratefs-test-`);
  t.teardown(() => rmSync(path, { recursive: true }));
  chmodSync(path, 0o755);
  mkdirSync(`${path}/open`);
  chmodSync(`${path}/open`, 0o777);
  writeFileSync(`${path}/secret`, '', { mode: 0o600 });
  writeFileSync(`${path}/group`, '', { mode: 0o640 });

  const found = await inThread({ path, uid: 12_345, gid: 23_456, groups: [34_567, 45_678] });
  t.strictSame(found.assumed, [0, 0, 0], 'setgroups, setfsgid, setfsuid');
  t.strictSame(found.groups, [34_567, 45_678]);
  t.equal(found.secret, -EACCES, 'root powers are gone');
  t.equal(found.group, 0, 'a supplementary group opens');
  t.equal(found.access, -EACCES, 'faccessat with AT_EACCESS asks for the same user');
  t.equal(found.chmodOwn, 0, 'procPath works under another user');
  const made = lstatSync(`${path}/open/made`);
  t.strictSame([made.uid, made.gid], [12_345, 23_456]);
  t.equal(made.mode & 0o777, 0o604, 'made with the umask of the thread (0o73), then chmod');
  t.equal(found.beforeChmod, 0o704);
  t.strictSame(found.back, [0, 0, 0], 'and back');
  t.equal(found.secretAgain, 0);
  t.strictSame(found.capability, [true, 0, false, 0, 0, false], 'a dropped capability does not come back');

  // The main thread has noticed nothing.
  writeFileSync(`${path}/open/mine`, '', { mode: 0o666 });
  const mine = lstatSync(`${path}/open/mine`);
  t.strictSame([mine.uid, mine.gid], [0, process.getegid?.()]);
  t.equal(mine.mode & 0o777, 0o666 & ~process.umask());
  t.ok(credentials.hasEffectiveCapability(CAP_FOWNER));
  t.notOk(credentials.hasEffectiveCapability(63));
});
