// What a thread that dies leaves behind. A wait that is left by an exception stands for a death: nothing after it happens.

import { threadId } from 'node:worker_threads';
import t from 'tap';
import { Mutex } from '../../src/inodes/mutex.ts';
import { HEADER } from '../../src/inodes/region.ts';
import { InodeTable, ROOT_ID } from '../../src/inodes/table.ts';
import { add, FILE, forget, never, smallTable } from './support.ts';

const THREAD = 77; // the dead one's

/** Waits as `owner` until `last` has been called, and dies. */
function dieWaiting(wait: (interrupted: () => boolean) => unknown, last: () => unknown = () => {}): void {
  const death = new Error('dies');
  try {
    wait(() => {
      last();
      throw death;
    });
  } catch (error) {
    if (error === death) return;
    throw error;
  }
  throw new Error('it did not have to wait');
}

t.test('its nodes are free, and nobody else’s', async (t) => {
  const table = smallTable();
  const [a, b, c] = [1, 2, 3].map((i) => add(table, ROOT_ID, `f${i}`, FILE, 10 + i)) as [never, never, never];
  for (const node of [a, b]) t.ok(table.tryLockNode(node, 2));
  t.ok(table.tryLockNode(c, 1));
  forget(table, b);
  t.ok(table.exists(b), 'kept by its lock');
  t.ok(table.releaseOwner(2, THREAD));
  t.ok(table.isFree(a));
  t.notOk(table.exists(b));
  t.equal(table.lockOwner(c), 1);
  t.notOk(table.isFree(c));
});

t.test('it waits no longer', async (t) => {
  const table = smallTable();
  const node = add(table, ROOT_ID, 'f', FILE, 10);
  t.ok(table.tryLockNode(node, 1));
  dieWaiting((interrupted) => table.lockNode(node, 2, interrupted));
  t.ok(table.releaseOwner(2, THREAD));
  table.unlockNode(node, 1);
  t.ok(table.isFree(node), 'handed over to nobody');

  t.ok(table.tryLockNode(node, 1));
  dieWaiting(
    (interrupted) => table.lockNode(node, 2, interrupted),
    () => table.unlockNode(node, 1),
  );
  t.equal(table.lockOwner(node), 0);
  t.notOk(table.isFree(node), 'handed over to the dead one');
  t.notOk(table.tryLockNode(node, 3));
  t.ok(table.releaseOwner(2, THREAD));
  t.ok(table.tryLockNode(node, 3));
  forget(table, node);
  table.unlockNode(node, 3);
  t.notOk(table.exists(node), 'nothing keeps the node');
});

t.test('two locks without waiting, or none', async (t) => {
  const table = smallTable();
  const [a, b] = [1, 2].map((i) => add(table, ROOT_ID, `f${i}`, FILE, 10 + i)) as [never, never];
  const none = 0 as never;
  t.equal(table.tryLockTwo(b, a, 1), 0);
  t.equal(table.tryLockTwo(a, b, 2), a, 'the first in the order of all');
  table.unlockNode(a, 1);
  t.equal(table.tryLockTwo(a, b, 2), b);
  t.ok(table.isFree(a));
  table.unlockNode(b, 1);
  t.equal(table.tryLockTwo(a, a, 2), 0);
  t.equal(table.tryLockTwo(none, a, 3), a);
  t.equal(table.tryLockTwo(none, none, 3), 0);
  table.unlockNode(a, 2);
  forget(table, a);
  t.equal(table.tryLockTwo(a, b, 2), a, 'not known any more');
  t.ok(table.isFree(a), 'nothing to wait for');
});

t.test('a reader of the structure leaves, and so does one who waited', async (t) => {
  const table = smallTable();
  t.equal(table.lockStructureShared(1, never), 0);
  dieWaiting((interrupted) => table.lockStructureExclusive(2, interrupted));
  dieWaiting((interrupted) => table.lockStructureShared(3, interrupted));
  t.ok(table.releaseOwner(2, THREAD));
  t.equal(table.lockStructureShared(4, never), 0, 'no writer waits');
  table.unlockStructureShared(4);
  t.ok(table.releaseOwner(1, THREAD));
  t.ok(table.releaseOwner(3, THREAD));
  t.equal(table.lockStructureExclusive(4, never), 0);
  table.unlockStructureExclusive(4);
  t.equal(table.lockStructureExclusive(4, never), 0, 'no reader was let in');
});

t.test('a writer of the structure can not be replaced, nor who is in a critical section', async (t) => {
  const table = smallTable();
  t.equal(table.lockStructureExclusive(1, never), 0);
  t.notOk(table.releaseOwner(1, THREAD));
  table.unlockStructureExclusive(1);
  t.ok(table.releaseOwner(1, THREAD));
  t.notOk(table.releaseOwner(256, THREAD), 'an owner that is not kept track of');

  const region = InodeTable.reserve({ bytes: 1 << 20, layers: 2, handles: 64 });
  const shared = new InodeTable(region);
  for (const at of [HEADER.tableMutex, HEADER.handleMutex, HEADER.numberMutex, HEADER.structure]) {
    const mutex = new Mutex(new Int32Array(region), at);
    mutex.lock();
    t.ok(mutex.heldBy(threadId));
    t.notOk(shared.releaseOwner(1, threadId));
    mutex.unlock();
    t.notOk(mutex.heldBy(threadId));
  }
  t.ok(shared.releaseOwner(1, threadId));
});
