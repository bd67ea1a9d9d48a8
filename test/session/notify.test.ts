import { statSync } from 'node:fs';
import t from 'tap';
import { decodeNotification, type NodeId } from '../../protocol/index.ts';
import type { InodeTable } from '../../src/inodes/table.ts';
import type { Log } from '../../src/log/index.ts';
import { Eviction } from '../../src/session/eviction.ts';
import { Notifier } from '../../src/session/notify.ts';
import { inodeKey, WorkingDirectories } from '../../src/session/working-directories.ts';
import { O_CLOEXEC, O_PATH } from '../../src/sys/constants.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { close, open } from '../../src/sys/fd.ts';
import { getrlimit, ResourceLimit, RLIMIT_NOFILE, setrlimit } from '../../src/sys/limits.ts';
import { FakeLog } from './exchange.ts';
import { Kernel } from './kernel.ts';

const node = (number: number) => number as NodeId;
const name = Buffer.from('gone\0');

function notifierOf() {
  const kernel = new Kernel();
  const log = new FakeLog();
  return { kernel, log, notifier: new Notifier(kernel.device, log as unknown as Log) };
}

t.test('notifications go out as the kernel takes them', async (t) => {
  const { kernel, notifier } = notifierOf();
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
  close(kernel.device);
  kernel.unmount();
});

t.test('one that is refused is logged', async (t) => {
  const { kernel, log, notifier } = notifierOf();
  close(kernel.device);
  notifier.invalidateEntry(node(1), name);
  t.match(log.warnings, [{ event: 'notification_refused', message: /INVAL_ENTRY.*"gone"/, error: 'EBADF' }]);
  kernel.unmount();
});

/** A table that offers the nodes 10, 11… by fours, the inode number being the node's, and whose count each offer brings down. */
function tableOf(count: number, falling = true) {
  let descriptors = count;
  let next = 10;
  const table = {
    descriptors: () => descriptors,
    clock: {
      oldest: () => {
        if (falling) descriptors -= 4;
        return [next++, next++, next++, next++];
      },
      giveUp: () => {},
    },
    openHandles: { openCount: () => 0 },
    nameOf: (of: NodeId, ref: { parent: number; bytes: Uint8Array }) => {
      ref.parent = of + 1000;
      ref.bytes = name;
      return true;
    },
    presented: (of: NodeId, out: { lo: number; hi: number }) => {
      Object.assign(out, { lo: of, hi: 0 });
      return true;
    },
  };
  return table as unknown as InodeTable;
}

const run = (notifier: Notifier, table: InodeTable, budget: number) =>
  new Promise<void>((done) => {
    const eviction = new Eviction({ table, notifier, budget, connection: undefined, done });
    eviction.start();
    eviction.start();
  });

t.test('the oldest directories go until a tenth is free', async (t) => {
  const { kernel, notifier } = notifierOf();
  await run(notifier, tableOf(107), 110);
  for (let i = 0; i < 8; i++) {
    const parent = 1010 + i;
    t.match(decodeNotification(kernel.receive()), { notification: 'INVAL_ENTRY', fields: { parent } });
  }
  t.notOk(kernel.hasMessage, '107, 103, 99');
  close(kernel.device);
  kernel.unmount();
});

t.test('where there was none for a request, half of them go, however few they are', async (t) => {
  const { kernel, notifier } = notifierOf();
  await new Promise<void>((done) => {
    const eviction = new Eviction({ table: tableOf(16), notifier, budget: 110, connection: undefined, done });
    eviction.start(true);
  });
  for (let i = 0; i < 8; i++) kernel.receive();
  t.notOk(kernel.hasMessage, '16, 12, 8');
  close(kernel.device);
  kernel.unmount();
});

t.test('when all is in use it rests until the next report, and it can be stopped', async (t) => {
  const { kernel, notifier } = notifierOf();
  const drain = setInterval(() => {
    while (kernel.hasMessage) kernel.receive();
  }, 1);
  await run(notifier, tableOf(1000, false), 10);
  clearInterval(drain);
  const done = () => t.fail('stopped');
  const table = tableOf(1000, false);
  const eviction = new Eviction({ table, notifier, budget: 10, connection: undefined, done });
  eviction.start();
  eviction.stop();
  close(kernel.device);
  kernel.unmount();
});

t.test(
  'directories that the kernel keeps, or somebody has open, give their descriptors up in the end',
  async (t) => {
    const { kernel, notifier } = notifierOf();
    let rounds = 0;
    let given: NodeId[] = [];
    const table = {
      ...(tableOf(1000, false) as object),
      descriptors: () => (given.length > 0 ? 10 : 1000),
      clock: {
        oldest: () => [rounds++ % 2, 100 + rounds],
        giveUp: (nodes: NodeId[]) => {
          given = nodes;
        },
      },
      openHandles: { openCount: (node: NodeId) => (node === 1 ? 1 : 0) },
    };
    await run(notifier, table as unknown as InodeTable, 50);
    t.equal(rounds, 6, 'not before it was asked in vain for a while');
    t.same(given, [1, 106]);
    const asked: unknown[] = [];
    while (kernel.hasMessage) asked.push(decodeNotification(kernel.receive()).fields?.parent);
    t.same(asked, [1000, 1101, 1102, 1000, 1103, 1104, 1000, 1105, 1106], 'what is open keeps its name');
    close(kernel.device);
    kernel.unmount();
  },
);

t.test('what names alone keep goes when a round was without effect', async (t) => {
  const { kernel, notifier } = notifierOf();
  let rounds = 0;
  let forgotten = 0;
  let ended = 0;
  // A round makes the kernel forget four, whose names keep them; letting go ends them.
  const table = {
    ...(tableOf(1000, false) as object),
    keeps: true,
    descriptors: () => 1000 - ended,
    stats: () => ({ nodes: 1000 - ended }),
    clock: {
      oldest: () => {
        rounds++;
        forgotten += 4;
        return [];
      },
      giveUp: () => {},
    },
    letGo: () => {
      ended = forgotten;
      return 0;
    },
  };
  await run(notifier, table as unknown as InodeTable, 1000);
  t.ok(rounds < 100, `${rounds} rounds`);
  t.ok(1000 - ended <= 900);
  close(kernel.device);
  kernel.unmount();
});

/** Runs something while no descriptor is left. */
function withoutDescriptors<T>(then: () => T): T {
  const before = new ResourceLimit();
  getrlimit(RLIMIT_NOFILE, before);
  const low = new ResourceLimit();
  low.hard = before.hard;
  low.soft = 64;
  const opened: number[] = [];
  const root = cstring('/');
  setrlimit(RLIMIT_NOFILE, low);
  try {
    for (let fd = 0; fd >= 0; ) {
      fd = open(root, O_PATH | O_CLOEXEC);
      if (fd >= 0) opened.push(fd);
    }
    return then();
  } finally {
    setrlimit(RLIMIT_NOFILE, before);
    for (const fd of opened) close(fd);
  }
}

t.test('a working directory is known by its inode number', async (t) => {
  const { dev, ino } = statSync('/proc/self/cwd', { bigint: true });
  const key = inodeKey(Number(ino & 0xffff_ffffn), Number(ino >> 32n));
  const [major, minor] = [Number((dev >> 8n) & 0xfffn), Number((dev & 0xffn) | ((dev >> 12n) & 0xfff00n))];
  const directories = new WorkingDirectories(minor);
  t.equal(directories.find().has(key), major === 0, 'on anonymous devices only');
  t.equal(new WorkingDirectories(0xffffe).find().size, 0);
  const procs = new WorkingDirectories(statSync('/proc').dev);
  const cwd = process.cwd();
  process.chdir('/proc/self');
  const self = statSync('.', { bigint: true }).ino;
  const known = inodeKey(Number(self & 0xffff_ffffn), Number(self >> 32n));
  t.ok(procs.find().has(known));
  t.ok(
    withoutDescriptors(() => procs.find().has(known)),
    'also when descriptors have run out',
  );
  process.chdir(cwd);
});
