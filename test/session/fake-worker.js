// A worker that does what its orders say instead of serving a device, for the tests of the pool. The orders come in the
// place of the device: [what to do for each worker started, in the order of their starts].

import { parentPort, workerData } from 'node:worker_threads';

const { orders, counter } = workerData.fs;
const started = Atomics.add(new Int32Array(counter), 0, 1);
const order = orders[Math.min(started, orders.length - 1)];
const tell = (kind, more) => parentPort.postMessage({ kind, ...more });
const gate = new Int32Array(workerData.fs.gate);

if (order === 'die-at-once') throw new Error('cannot start');
if (order === 'lack-descriptors') throw new Error('EMFILE: too many open files, open');
tell('ready');
switch (order) {
  case 'die-busy': {
    // What RequestSlots.begin(index, 6, 1) writes.
    const words = new Int32Array(workerData.memory.slots);
    const at = workerData.index * 16;
    words[at + 1] = 6;
    words[at + 2] = 1;
    words[at] = 4;
    throw new Error('died with a request in hand');
  }
  case 'fail':
    tell('failed', { errno: 5 });
    break;
  case 'ask':
    tell('descriptors-short');
    break;
  case 'compute':
    while (Atomics.load(gate, 0) === 0);
    break;
}
// The device's end, or that of its patience.
const waited = Atomics.wait(gate, 0, 0, workerData.patience);
if (order !== 'fail') tell(waited === 'timed-out' ? 'idle' : 'ended');
