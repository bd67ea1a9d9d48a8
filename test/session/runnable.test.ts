// Threads that compute are told from those that wait.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { runnableThreads } from '../../src/session/runnable.ts';

const until = async (condition: () => boolean) => {
  for (let i = 0; i < 500 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  return condition();
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
