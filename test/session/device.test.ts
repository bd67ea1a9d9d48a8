import t from 'tap';
import { EBADF, EIO } from '../../protocol/errno.ts';
import { Reply } from '../../protocol/index.ts';
import { Device, ENDED, MAX_WRITE, MESSAGE_SIZE } from '../../src/session/device.ts';
import { close } from '../../src/sys/fd.ts';
import { addressOf } from '../../src/sys/libc.ts';
import { Kernel } from './kernel.ts';

t.test('messages are whole, and the end is the end', async (t) => {
  const kernel = new Kernel();
  const device = new Device(kernel.device);
  kernel.send(Buffer.from('first'));
  kernel.send(Buffer.from('second message'));
  t.equal(device.read(), 5);
  t.equal(Buffer.from(device.request.subarray(0, 5)).toString(), 'first');
  t.equal(device.read(), 14);
  kernel.unmount();
  t.equal(device.read(), ENDED);
  close(kernel.device);
  t.equal(device.read(), -EBADF, 'other errors are told');
  t.equal(device.write(16), -EBADF);
});

t.test('an answer goes out as it was finished', async (t) => {
  const kernel = new Kernel();
  const device = new Device(kernel.device);
  const reply = new Reply(device.reply);
  const length = reply.finish({ uniqueLo: 7, uniqueHi: 0 }, -EIO);
  t.equal(device.replyError, -EIO);
  t.equal(device.write(length), 0);
  t.same(kernel.receive(), device.reply.slice(0, length));
  reply.finish({ uniqueLo: 7, uniqueHi: 0 }, 8);
  t.equal(device.replyError, 0);
  close(kernel.device);
  kernel.unmount();
});

t.test('data lies on pages, in buffers for the largest message', async (t) => {
  const device = new Device(-1);
  const address = (bytes: Uint8Array) =>
    Number((addressOf(bytes.buffer as ArrayBuffer) + BigInt(bytes.byteOffset)) % 4096n);
  t.equal((address(device.request) + 80) % 4096, 0, "a WRITE's payload");
  t.equal((address(device.reply) + 16) % 4096, 0, "a READ's answer");
  t.ok(device.request.length >= MAX_WRITE + 80);
  t.equal(device.reply.length, MESSAGE_SIZE);
});
