// A worker that dies as the test says: with the lock of a node, or within a critical section of the inode table.

import { parentPort, workerData } from 'node:worker_threads';
import { Mutex } from '../../dist/src/inodes/mutex.js';
import { HEADER } from '../../dist/src/inodes/region.js';
import { InodeTable, ROOT_ID } from '../../dist/src/inodes/table.js';

const { fs, index, orders } = workerData;
const gate = new Int32Array(orders.gate);
const never = () => false;
if (orders.how === 'locked') new InodeTable(fs.region).lockNode(ROOT_ID, index + 1, never);
else if (orders.how === 'structure') new InodeTable(fs.region).lockStructureExclusive(index + 1, never);
else new Mutex(new Int32Array(fs.region), HEADER.tableMutex).lock();
parentPort.postMessage({ kind: 'ready' });
Atomics.wait(gate, 0, 0);
throw new Error('died on purpose');
