import t from 'tap';
import { Dialect, decodeNotification, type NodeId } from '../../protocol/index.ts';
import type { InodeTable } from '../../src/inodes/table.ts';
import type { Log } from '../../src/log/index.ts';
import { Eviction } from '../../src/session/eviction.ts';
import { Notifier } from '../../src/session/notify.ts';
import { close } from '../../src/sys/fd.ts';
import { FakeLog } from './exchange.ts';
import { Kernel } from './kernel.ts';

const node = (number: number) => number as NodeId;
const name = Buffer.from('gone\0');

function notifierOf(minor: number) {
  const kernel = new Kernel();
  const log = new FakeLog();
  const notifier = new Notifier(kernel.device, new Dialect(minor, 0n), log as unknown as Log);
  return { kernel, log, notifier };
}

t.test('notifications go out as the kernel takes them', async (t) => {
  const { kernel, notifier } = notifierOf(45);
  notifier.invalidateEntry(node(1), name);
  t.match(decodeNotification(kernel.receive()), {
    notification: 'INVAL_ENTRY',
    fields: { parent: 1, namelen: 4, flags: 0 },
    name: new Uint8Array(name),
  });
  notifier.invalidateInode(node(5), -1, 0);
  t.match(decodeNotification(kernel.receive()), {
    notification: 'INVAL_INODE',
    fields: { ino: 5, off: -1, len: 0 },
  });
  t.ok(notifier.canPrune);
  notifier.prune([node(7), node(8)]);
  t.match(decodeNotification(kernel.receive()), { notification: 'PRUNE', nodeids: [7, 8] });
  close(kernel.device);
  kernel.unmount();
});

t.test('one that is refused is logged', async (t) => {
  const { kernel, log, notifier } = notifierOf(44);
  t.notOk(notifier.canPrune);
  close(kernel.device);
  notifier.invalidateEntry(node(1), name);
  t.match(log.warnings, [{ event: 'notification_refused', message: /INVAL_ENTRY.*"gone"/, error: 'EBADF' }]);
  kernel.unmount();
});

/** A table with a count of descriptors that goes down by what is forgotten. */
function tableOf(count: number, stuck = false) {
  let descriptors = count;
  const table = {
    descriptors: () => descriptors,
    oldestDirectories: (max: number) => {
      const nodes = Array.from({ length: Math.min(max, 4) }, (_, i) => node(10 + i));
      if (!stuck) descriptors -= nodes.length;
      return nodes;
    },
    nameOf: (_: NodeId, ref: { parent: number; bytes: Uint8Array }) => {
      ref.parent = 1;
      ref.bytes = name;
      return true;
    },
  };
  return table as unknown as InodeTable;
}

t.test('the oldest directories go until a tenth is free', async (t) => {
  const { kernel, notifier } = notifierOf(45);
  await new Promise<void>((resolve) => {
    const eviction = new Eviction(tableOf(107), notifier, 110, resolve);
    eviction.start();
    eviction.start();
  });
  t.match(decodeNotification(kernel.receive()), { notification: 'PRUNE', nodeids: [10, 11, 12, 13] });
  kernel.receive();
  t.notOk(kernel.hasMessage, '107, 103, 99');
});

t.test('a kernel that can not prune is told the names', async (t) => {
  const { kernel, notifier } = notifierOf(44);
  await new Promise<void>((resolve) => new Eviction(tableOf(100), notifier, 109, resolve).start());
  for (let i = 0; i < 4; i++) {
    t.match(decodeNotification(kernel.receive()), {
      notification: 'INVAL_ENTRY',
      name: new Uint8Array(name),
    });
  }
  t.notOk(kernel.hasMessage);
});

t.test('when all is in use it rests until the next report, and it can be stopped', async (t) => {
  const { notifier } = notifierOf(45);
  await new Promise<void>((resolve) => new Eviction(tableOf(1000, true), notifier, 10, resolve).start());
  const eviction = new Eviction(tableOf(1000, true), notifier, 10, () => t.fail('stopped'));
  eviction.start();
  eviction.stop();
});
