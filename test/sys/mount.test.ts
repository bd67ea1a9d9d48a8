import { readdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { EBADF, EINVAL, ENODEV, ENOENT, EPERM } from '../../protocol/errno.ts';
import { CAP_SYS_ADMIN } from '../../src/sys/constants.ts';
import { hasEffectiveCapability } from '../../src/sys/credentials.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { mount, setns, umount2 } from '../../src/sys/mount.ts';

const privileged = hasEffectiveCapability(CAP_SYS_ADMIN);

t.test('refusals', async (t) => {
  const dir = t.testdir();
  const path = cstring(dir);
  const unknown = mount(cstring('x'), path, cstring('nosuchfs'), 0, null);
  t.equal(unknown, privileged ? -ENODEV : -EPERM);
  t.ok([-EINVAL, -EPERM].includes(umount2(path, 0)), 'not a mount point');
  if (privileged) t.equal(umount2(cstring(`${dir}/none`), 0), -ENOENT);
  t.equal(setns(1 << 20, 0), -EBADF);
});

t.test('a mount that only its thread sees', { skip: !privileged && 'needs CAP_SYS_ADMIN' }, async (t) => {
  const path = t.testdir({ below: '' });
  const found = await new Promise<number[]>((resolve, reject) => {
    const worker = new Worker(new URL('./mount-thread.ts', import.meta.url), { workerData: { path } });
    worker.once('message', resolve).once('error', reject);
  });
  if (found[0] === -EPERM) return t.pass('a container forbids mounts', { skip: true });
  // unshare, private, mount, its magic number, remount read-only, a write refused, unmount, home again
  t.strictSame(found, [0, 0, 0, 0x0102_1994, 0, -30, 0, 0]);
  t.strictSame(readdirSync(path), ['below']);
  return;
});
