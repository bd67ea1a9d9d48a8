import { Worker } from 'node:worker_threads';
import t from 'tap';
import type { FileSystemSetup } from '../../src/layers/setup.ts';
import type { Log } from '../../src/log/index.ts';
import type { WorkerMessage } from '../../src/session/messages.ts';
import { Pool } from '../../src/session/pool.ts';
import { FakeLog } from './exchange.ts';

const entry = new URL('./fake-worker.js', import.meta.url);

function poolOf(orders: string[], threads: number) {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const counter = new Int32Array(new SharedArrayBuffer(4));
  const fs = { orders, gate: gate.buffer, counter: counter.buffer } as unknown as FileSystemSetup;
  const log = new FakeLog();
  const abandoned: number[][] = [];
  const messages: WorkerMessage[] = [];
  const pool = new Pool({
    startWorker: (workerData) => new Worker(entry, { workerData, execArgv: [], env: {} }),
    setup: { device: -1, fs, debug: false, dialect: { minor: 45, flags: 0n } },
    threads,
    log: log as unknown as Log,
    abandoned: (lo, hi) => abandoned.push([lo, hi]),
    message: (message) => messages.push(message),
  });
  const unmount = () => {
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
  };
  return { pool, log, abandoned, messages, unmount, started: () => Atomics.load(counter, 0) };
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
  const { pool, unmount } = poolOf(['grow'], 1);
  await pool.ready;
  t.equal(pool.size, 1);
  unmount();
  await pool.ended;
});

t.test('it grows when asked, up to its limit', async (t) => {
  const { pool, unmount, started } = poolOf(['serve', 'grow', 'grow', 'grow', 'grow'], 4);
  await until(() => started() === 4);
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.equal(pool.size, 4);
  t.equal(started(), 4);
  unmount();
  t.equal(await pool.ended, undefined);
});

t.test('a dead worker is told, its request answered, and it is replaced', async (t) => {
  const { pool, unmount, log, abandoned, started } = poolOf(['serve', 'die-busy', 'serve'], 2);
  await until(() => started() === 3);
  t.match(log.errors, [{ event: 'worker_died', error: /died with a request in hand\n +at / }]);
  t.same(abandoned, [[6, 1]]);
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
