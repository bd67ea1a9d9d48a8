// Requests that wait for a lock, and workers that die with one, in a session of real workers.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { EINTR } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/index.ts';
import { ROOT_ID } from '../../src/inodes/table.ts';
import type { WorkerSetup } from '../../src/session/messages.ts';
import { Parking } from '../../src/session/parking.ts';
import type { Kernel } from './kernel.ts';
import { self, sessionOf, startWorker } from './real-session.ts';

const name = (text: string) => Buffer.from(`${text}\0`);
const ME = 200; // an owner of locks that is no worker
const O_WRONLY = 1;

function lookup(kernel: Kernel, text: string): NodeId {
  kernel.ask({ operation: 'LOOKUP', names: [name(text)], ...self });
  return kernel.answer('LOOKUP').structs?.fuse_entry_out?.nodeid as NodeId;
}

const open = (kernel: Kernel, nodeid: NodeId) =>
  kernel.ask({ operation: 'OPEN', nodeid, fields: { flags: O_WRONLY }, ...self });

t.test('while a hundred wait for one file, the others are served', async (t) => {
  const { session, kernel, table, folder, logged } = await sessionOf(t, { threads: 2 });
  writeFileSync(join(folder, 'lower', 'other'), 'x');
  const node = lookup(kernel, 'hello');
  t.equal(
    table.lockNode(node, ME, () => false),
    0,
  );
  const asked = Array.from({ length: 100 }, () => open(kernel, node));
  for (let i = 0; i < 100; i++) t.ok(lookup(kernel, 'other') > 0);
  const other = lookup(kernel, 'other');
  const written = open(kernel, other);
  t.equal(kernel.answer('OPEN').unique, written, 'a file of its own is copied up meanwhile');
  const late = open(kernel, node);
  kernel.ask({ operation: 'INTERRUPT', fields: { unique: asked[3] as number } });
  t.match(kernel.answer('OPEN'), { unique: asked[3], error: -EINTR });
  t.notOk(kernel.hasMessage);
  table.unlockNode(node, ME);
  // Whoever holds a lock in earnest looks after its own answer.
  kernel.ask({ operation: 'FORGET', nodeid: 99, fields: { nlookup: 1 } });
  const answers = Array.from({ length: 100 }, () => kernel.answer('OPEN'));
  t.notOk(answers.find(({ error }) => error !== 0));
  const waited = [...asked.filter((_, i) => i !== 3), late];
  const served = answers.map(({ unique }) => unique as number);
  t.same(
    served.sort((a, b) => a - b),
    waited,
    'each has one answer',
  );
  t.equal(table.openHandles.openCount(node), 100);
  kernel.unmount();
  t.equal(await session.ended, 'unmounted');
  t.notMatch(logged(), /level=error/);
});

t.test('more than there are places: the rest holds the workers, and all go on in the end', async (t) => {
  // Few places, so that what is asked before anything is answered fits into the sockets.
  const parking = Parking.allocate(8);
  const { session, kernel, table } = await sessionOf(t, {
    threads: 2,
    startWorker: (setup: WorkerSetup) => startWorker({ ...setup, memory: { ...setup.memory, parking } }),
  });
  const node = lookup(kernel, 'hello');
  t.equal(
    table.lockNode(node, ME, () => false),
    0,
  );
  const asked = new Set(Array.from({ length: 40 }, () => open(kernel, node)));
  table.unlockNode(node, ME);
  kernel.ask({ operation: 'FORGET', nodeid: 99, fields: { nlookup: 1 } });
  for (let i = 0; i < 40; i++) asked.delete(kernel.answer('OPEN').unique as number);
  t.equal(asked.size, 0);
  kernel.unmount();
  t.equal(await session.ended, 'unmounted');
});

/** Two workers, the second of which dies when the gate opens, and is replaced by a real one. */
async function mortal(t: Parameters<typeof sessionOf>[0], how: string) {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  let started = 0;
  const real = await sessionOf(t, {
    threads: 2,
    startWorker: (setup: WorkerSetup) =>
      ++started === 2
        ? new Worker(new URL('./dying-worker.js', import.meta.url), {
            workerData: { ...setup, orders: { how, gate: gate.buffer } },
            execArgv: [],
            env: {},
          })
        : startWorker(setup),
  });
  const die = () => {
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
  };
  return { ...real, die };
}

const chmod = (kernel: Kernel) =>
  kernel.ask({ operation: 'SETATTR', fields: { valid: 1, mode: 0o40750 }, ...self });

const until = async (condition: () => boolean) => {
  for (let i = 0; i < 500 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 20));
};

t.test('the locks of a dead worker are released, and who waited for them is served', async (t) => {
  const { session, kernel, table, logged, die } = await mortal(t, 'locked');
  await until(() => table.lockOwner(ROOT_ID) !== 0);
  const asked = chmod(kernel);
  t.ok(lookup(kernel, 'hello') > 0, 'the other worker goes on');
  die();
  await until(() => kernel.hasMessage);
  t.match(kernel.answer('SETATTR'), { unique: asked, error: 0 });
  t.match(logged(), /worker_died/);
  t.equal(table.lockOwner(ROOT_ID), 0);
  kernel.unmount();
  t.equal(await session.ended, 'unmounted');
});

t.test('a worker that dies while it changes the table, or the structure, ends the session', async (t) => {
  for (const how of ['table', 'structure']) {
    const { session, kernel, logged, die } = await mortal(t, how);
    if (how === 'table') chmod(kernel);
    die();
    t.match(await session.ended, { message: /died while it changed/ });
    t.match(logged(), /level=error event=session_lost/);
    t.equal(logged().match(/session_lost/g)?.length, 1);
  }
});
