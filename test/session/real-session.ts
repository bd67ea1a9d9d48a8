// A session of real workers over two layers, with a socket in the place of the device.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Test } from 'tap';
import { Dialect } from '../../protocol/index.ts';
import { InodeTable } from '../../src/inodes/table.ts';
import type { WorkerSetup } from '../../src/session/messages.ts';
import { type SessionOptions, startSession } from '../../src/session/session.ts';
import { Kernel } from './kernel.ts';
import { releaseLayers, sampleLayers } from './layers.ts';

export const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, pid: process.pid };
export const dialect = new Dialect(45, 0n);

// The built worker, without the test runner's loader.
export const startWorker = (workerData: WorkerSetup) =>
  new Worker(new URL('../../dist/src/session/worker.js', import.meta.url), {
    workerData,
    execArgv: [],
    env: {},
  });

/** A session of real workers on a socket, its inode table, and in `logged` what it wrote by now. */
export async function sessionOf(t: Test, options: Partial<SessionOptions> = {}) {
  const folder = t.testdir({});
  const fs = sampleLayers(folder);
  const kernel = new Kernel(dialect);
  kernel.ask({ operation: 'INIT', fields: { major: 7, minor: 45, flags: 0, flags2: 0 } });
  const session = await startSession({
    device: kernel.device,
    fs,
    threads: 4,
    debug: false,
    exclusive: false,
    connection: undefined,
    unmount: async () => {
      kernel.unmount();
      return 0;
    },
    startWorker,
    ...options,
  });
  kernel.answer('INIT');
  const logged = () => readFileSync(join(folder, 'log'), 'utf8');
  session.ended.then(() => releaseLayers(fs));
  return { session, kernel, logged, folder, table: new InodeTable(fs.region) };
}
