// Threads that compute are told from those that wait.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { runnableThreads } from '../../src/session/runnable.ts';

/** Whether it was seen to hold once: a thread that starts or ends may compute or wait for a moment. */
const until = async (condition: () => boolean) => {
  for (let i = 0; i < 500; i++) {
    if (condition()) return true;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return false;
};

t.test('threads that compute', async (t) => {
  const workers = [1, 2].map(() => new Worker('for (;;);', { eval: true }));
  t.ok(await until(() => runnableThreads() >= 2), 'two that never wait');
  for (const worker of workers) await worker.terminate();
  t.ok(await until(() => runnableThreads() === 0), 'none is left');
});

t.test('threads that wait', async (t) => {
  const wait = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)';
  const workers = [1, 2].map(() => new Worker(wait, { eval: true }));
  await Promise.all(workers.map((worker) => once(worker, 'online')));
  t.ok(await until(() => runnableThreads() === 0));
  for (const worker of workers) await worker.terminate();
});
