import t from 'tap';
import { EBUSY, EINVAL, ENOENT } from '../../protocol/errno.ts';
import type { StructFields } from '../../protocol/index.ts';
import { startSession } from '../../src/session/session.ts';
import { Kernel } from './kernel.ts';
import { releaseLayers, sampleLayers } from './layers.ts';
import { dialect, self, sessionOf } from './real-session.ts';

const name = (text: string) => Buffer.from(`${text}\0`);

t.test('requests are answered by workers until the device goes away', async (t) => {
  const { session, kernel, logged } = await sessionOf(t);
  kernel.ask({ operation: 'LOOKUP', names: [name('hello')], ...self });
  const entry = kernel.answer('LOOKUP').structs?.fuse_entry_out as { nodeid: number; attr: StructFields };
  t.equal(entry.attr.size, 13);
  kernel.ask({ operation: 'OPEN', nodeid: entry.nodeid, fields: { flags: 0 }, ...self });
  const fh = kernel.answer('OPEN').structs?.fuse_open_out?.fh;
  kernel.ask({ operation: 'READ', nodeid: entry.nodeid, fields: { fh, size: 100 }, ...self });
  t.equal(Buffer.from(kernel.answer('READ').bytes ?? []).toString(), 'hello, world\n');
  kernel.ask({ operation: 'LOOKUP', names: [name('none')], ...self });
  const { error, structs } = kernel.answer('LOOKUP');
  t.ok(error === -ENOENT || structs?.fuse_entry_out?.nodeid === 0, 'a name that is nowhere');
  kernel.unmount();
  t.equal(await session.ended, 'unmounted');
  t.notMatch(logged(), /level=error/);
});

t.test('many requests at once', async (t) => {
  const { session, kernel } = await sessionOf(t);
  const asked = Array.from({ length: 64 }, () =>
    kernel.ask({ operation: 'LOOKUP', names: [name('hello')], ...self }),
  );
  const answered = asked.map(() => kernel.answer('LOOKUP').unique as number);
  t.same(
    answered.sort((a, b) => a - b),
    asked,
    'each has one answer',
  );
  t.notOk(kernel.hasMessage);
  kernel.unmount();
  t.equal(await session.ended, 'unmounted');
});

t.test('stop unmounts', async (t) => {
  const { session } = await sessionOf(t);
  await session.stop();
  t.equal(await session.ended, 'unmounted');
});

t.test('stop detaches a mount that is in use, and serves its users', async (t) => {
  const asked: boolean[] = [];
  const unmount = async (lazy: boolean) => {
    asked.push(lazy);
    return lazy ? 0 : -EBUSY;
  };
  const { session, kernel, logged } = await sessionOf(t, { unmount });
  await session.stop();
  t.same(asked, [false, true]);
  t.match(logged(), /level=warn event=detached/);
  kernel.ask({ operation: 'LOOKUP', names: [name('hello')], ...self });
  t.equal(kernel.answer('LOOKUP').error, 0);
  kernel.unmount();
  t.equal(await session.ended, 'unmounted');
});

t.test('an unmount that fails is logged', async (t) => {
  const { session, kernel, logged } = await sessionOf(t, { unmount: async () => -EINVAL });
  await session.stop();
  t.match(logged(), /event=unmount_failed error=EINVAL/);
  kernel.unmount();
  t.equal(await session.ended, 'unmounted');
});

t.test('a kernel that is too old starts nothing', async (t) => {
  const kernel = new Kernel(dialect);
  kernel.ask({ operation: 'INIT', fields: { major: 7, minor: 23 } });
  const fs = sampleLayers(t.testdir({}));
  const options = { device: kernel.device, fs, threads: 1, debug: false, exclusive: false };
  const started = startSession({ ...options, connection: undefined, unmount: async () => 0 });
  await t.rejects(started, { name: 'SessionError', message: /Linux 5\.4/ });
  kernel.receive();
  t.equal(kernel.receive().length, 0, 'the device is closed');
  releaseLayers(fs);
});
