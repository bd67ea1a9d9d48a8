// Starts several threads on one table and collects what each returns.

import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

const worker = new URL('./hammer-worker.mjs', import.meta.url);
const build = new URL('../../dist/src/inodes/table.js', import.meta.url);

/** What to say where the build is missing, false where it is there. */
export const skip = existsSync(build) ? false : 'needs a build';

/** Words of the buffer that the threads share beside the table. */
export const SHARED = {
  start: 0,
  stop: 1,
  counter: 2,
  inside: 3,
  writers: 4,
  fd: 5,
  flag: 6,
  pairs: 8,
} as const;

export interface Crew<R> {
  readonly words: Int32Array;
  /** One result for each thread, once all have ended. */
  readonly results: Promise<R[]>;
}

/** Starts a thread for each of `jobs` on the table in `region`; all begin together. */
export async function hammer<R>(region: SharedArrayBuffer, jobs: object[]): Promise<Crew<R>> {
  const shared = new SharedArrayBuffer(256);
  const threads = jobs.map((job, index) => {
    const thread = new Worker(worker, { workerData: { region, shared, index, ...job } });
    return { thread, ready: once(thread), done: undefined as Promise<unknown> | undefined };
  });
  await Promise.all(threads.map(({ ready }) => ready));
  const done = threads.map(({ thread }) => {
    const result = once(thread);
    thread.postMessage('go');
    return result;
  });
  return { words: new Int32Array(shared), results: Promise.all(done) as Promise<R[]> };
}

function once(thread: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    thread.once('message', resolve);
    thread.once('error', reject);
  });
}
