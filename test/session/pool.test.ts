import { Worker } from 'node:worker_threads';
import t from 'tap';
import type { FileSystemSetup } from '../../src/layers/setup.ts';
import type { Log } from '../../src/log/index.ts';
import type { WorkerMessage } from '../../src/session/messages.ts';
import { Pool } from '../../src/session/pool.ts';
import { close, read } from '../../src/sys/fd.ts';
import { FakeLog } from './exchange.ts';
import { Kernel } from './kernel.ts';

const entry = new URL('./fake-worker.js', import.meta.url);

function poolOf(
  orders: string[],
  threads: number,
  { whole = true, device = -1, busyThreads = threads, patience = 60_000 } = {},
) {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const counter = new Int32Array(new SharedArrayBuffer(4));
  const layers = [{}, {}];
  const fs = { layers, orders, gate: gate.buffer, counter: counter.buffer } as unknown as FileSystemSetup;
  const log = new FakeLog();
  const abandoned: number[][] = [];
  const dead: [number, number][] = [];
  const messages: WorkerMessage[] = [];
  const pool = new Pool({
    startWorker: (workerData) => new Worker(entry, { workerData, execArgv: [], env: {} }),
    setup: { device, fs, debug: false, dialect: { minor: 45, flags: 0n } },
    threads,
    busyThreads,
    patience,
    log: log as unknown as Log,
    died: (worker, thread) => {
      dead.push([worker, thread]);
      return whole;
    },
    knock: () => false,
    abandoned: (lo, hi) => abandoned.push([lo, hi]),
    message: (message) => messages.push(message),
  });
  const unmount = () => {
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
  };
  return { pool, log, abandoned, dead, messages, unmount, started: () => Atomics.load(counter, 0) };
}

const until = async (condition: () => boolean) => {
  for (let i = 0; i < 500 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 20));
  if (!condition()) throw new Error(`never: ${condition}`);
};

t.test('two workers serve, and the end of the device is the end', async (t) => {
  const { pool, unmount, log } = poolOf(['serve'], 8);
  await pool.ready;
  t.equal(pool.size, 2);
  unmount();
  t.equal(await pool.ended, undefined);
  t.equal(pool.size, 0);
  t.same(log.errors, []);
});

t.test('one thread means one worker', async (t) => {
  const { pool, unmount } = poolOf(['serve'], 1);
  await pool.ready;
  t.equal(pool.size, 1);
  unmount();
  await pool.ended;
});

t.test('it grows while requests wait and no worker does, up to its limit', async (t) => {
  const kernel = new Kernel();
  const { pool, unmount, started } = poolOf(['serve'], 4, { device: kernel.device });
  await pool.ready;
  await until(() => started() === 2);
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.equal(started(), 2, 'all are busy, but nobody waits for them');
  kernel.ask({ operation: 'DESTROY' });
  await until(() => started() === 4);
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.equal(pool.size, 4);
  t.equal(started(), 4);
  unmount();
  t.equal(await pool.ended, undefined);
  kernel.unmount();
  close(kernel.device);
});

t.test('who cannot start for lack of a descriptor is told of once, and the others serve', async (t) => {
  const kernel = new Kernel();
  const { pool, unmount, started, log } = poolOf(['serve', 'serve', 'lack-descriptors'], 4, {
    device: kernel.device,
  });
  await pool.ready;
  kernel.ask({ operation: 'DESTROY' });
  await until(() => started() > 3);
  t.same(log.warnings, [{ event: 'worker_not_started', reason: 'no descriptors' }]);
  t.same(log.errors, []);
  unmount();
  t.equal(await pool.ended, undefined);
  kernel.unmount();
  close(kernel.device);
});

for (const [order, most] of [
  ['serve', 12],
  ['compute', 4],
] as const) {
  t.test(`beyond the busy ones it grows while they wait: ${order}`, async (t) => {
    const kernel = new Kernel();
    const { pool, unmount, started } = poolOf([order], 12, { device: kernel.device, busyThreads: 4 });
    await pool.ready;
    kernel.ask({ operation: 'DESTROY' });
    await until(() => started() === most);
    await new Promise((resolve) => setTimeout(resolve, 200));
    t.equal(started(), most);
    unmount();
    t.equal(await pool.ended, undefined);
    kernel.unmount();
    close(kernel.device);
  });
}

t.test('those beyond the busy ones end when they have nothing to do, and come again', async (t) => {
  const kernel = new Kernel();
  const { pool, unmount, started, log, dead, abandoned } = poolOf(['serve'], 12, {
    device: kernel.device,
    busyThreads: 4,
    patience: 500,
  });
  kernel.ask({ operation: 'DESTROY' });
  await until(() => started() === 12);
  await until(() => started() > 20);
  t.ok(pool.size <= 12);
  const taken = Buffer.alloc(200);
  t.ok(read(kernel.device, taken, taken.length) > 0, 'nobody waits any more');
  await until(() => pool.size === 4);
  t.same([log.errors, log.warnings, dead, abandoned], [[], [], [], []], 'nobody has died');
  unmount();
  t.equal(await pool.ended, undefined);
  kernel.unmount();
  close(kernel.device);
});

t.test('a dead worker is told, its request answered, and it is replaced', async (t) => {
  const { pool, unmount, log, abandoned, dead, started } = poolOf(['serve', 'die-busy', 'serve'], 2);
  await until(() => started() === 3);
  t.match(log.errors, [{ event: 'worker_died', error: /died with a request in hand\n +at / }]);
  t.same(abandoned, [[6, 1]]);
  t.equal(dead.length, 1, 'its locks were released');
  t.ok(dead.every(([worker, thread]) => worker < 2 && thread > 0));
  unmount();
  t.equal(await pool.ended, undefined, 'what was survived is no failure');
});

t.test('but not for ever', async (t) => {
  const { pool, log, started } = poolOf(['die-at-once'], 2);
  await t.rejects(pool.ready, { message: 'cannot start' });
  t.match(await pool.ended, { message: 'cannot start' });
  t.equal(started(), 18);
  t.equal(log.errors.length, 18);
});

t.test('a worker whose locks can not be released is the end of the session', async (t) => {
  const { pool, unmount, started } = poolOf(['serve', 'die-busy'], 2, { whole: false });
  await until(() => pool.size === 1);
  pool.terminate();
  t.match(await pool.ended, { message: /died while it changed/ });
  t.equal(started(), 2, 'no replacement');
  unmount();
});

t.test('a device that fails is the failure of the session', async (t) => {
  const { pool, messages, unmount } = poolOf(['fail'], 1);
  await until(() => messages.length > 0);
  t.same(messages, [{ kind: 'failed', errno: 5 }]);
  unmount();
  t.match(await pool.ended, { message: "the device can't be read: EIO" });
});

t.test("what is not the pool's own is passed on", async (t) => {
  const { pool, messages, unmount } = poolOf(['ask'], 1);
  await until(() => messages.length > 0);
  t.same(messages, [{ kind: 'descriptors-short' }]);
  unmount();
  await pool.ended;
});
