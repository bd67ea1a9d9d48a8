import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { NodeId } from '../../protocol/index.ts';
import { FileSystem } from '../../src/layers/filesystem.ts';
import { PARKED } from '../../src/layers/locking.ts';
import { closeLocked, dropOwner, lockHandle, lockRange } from '../../src/layers/locks.ts';
import { lookup } from '../../src/layers/lookup.ts';
import { openFile } from '../../src/layers/open.ts';
import { LockClock } from '../../src/session/lockclock.ts';
import { LockWaits } from '../../src/session/lockwaits.ts';
import { Parker } from '../../src/session/parker.ts';
import { Parking } from '../../src/session/parking.ts';
import { F_RDLCK, F_UNLCK, LOCK_EX, O_RDONLY } from '../../src/sys/constants.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { FileLock, flock, setLock } from '../../src/sys/locks.ts';
import { prepareLayers, releaseLayers, sampleLayers } from './layers.ts';

const [A, B] = [7, 2 ** 40 + 7] as NodeId[] as [NodeId, NodeId];
const all = () => true;

/** One worker on the places of a pool. A message is one byte. */
function worker(places?: number) {
  const waits = new LockWaits(LockWaits.allocate(places));
  const parking = new Parking(Parking.allocate(2));
  const buffer = new Uint8Array(64);
  const told: string[] = [];
  const hooks = {
    waiting: () => told.push('waiting'),
    granted: (node: NodeId) => told.push(`granted ${node}`),
  };
  const parker = new Parker(parking, waits, 0, buffer, hooks);
  const begin = (message: number) => {
    buffer[0] = message;
    parker.begin(1, { uniqueLo: message, uniqueHi: 0 });
  };
  const wait = (message: number, node: NodeId, want = 1) => {
    begin(message);
    const found = parker.waitForLock(node, want);
    if (found) parker.park();
    else parker.done();
    return found;
  };
  /** The message that is due now, 0 for none. */
  const takeUp = () => {
    const length = parker.takeUp(all);
    if (length > 0) begin(buffer[0] as number);
    return length > 0 ? buffer[0] : 0;
  };
  const due = () => {
    while ((waits.dueIn ?? 0) > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  };
  return { waits, parking, parker, told, begin, wait, takeUp, due };
}

t.test('each is tried again when its time has come, and keeps its place', async (t) => {
  const { waits, parker, wait, takeUp, due, told } = worker();
  t.equal(waits.dueIn, undefined);
  t.notOk(parker.hasParked);
  t.ok(wait(1, A));
  t.same(told, ['waiting']);
  due();
  t.ok(parker.hasParked);
  t.equal(takeUp(), 1);
  t.ok((parker.waited ?? -1) >= 0, 'it is not its first try');
  t.ok(parker.waitForLock(A, 1));
  parker.park();
  t.equal(takeUp(), 0, 'later');
  due();
  t.equal(takeUp(), 1);
  parker.done();
  t.equal(waits.count, 0);
  t.equal(parker.waited, undefined);
});

/** What comes of a play of less than the first 5 ms, within which nobody is due by time; a busy machine may need some attempts. */
function inTime<T>(play: () => T): T {
  for (let attempt = 0; ; attempt++) {
    const start = performance.now();
    const result = play();
    if (performance.now() - start < 5 || attempt === 1000) return result;
  }
}

t.test('what is let go makes the first of those due who want the same', async (t) => {
  const taken = inTime(() => {
    const { parker, wait, takeUp } = worker();
    for (const [message, node, want] of [
      [1, A, 5],
      [2, A, 5],
      [3, A, 6],
      [4, B, 5],
    ] as const)
      wait(message, node, want);
    parker.released(A);
    const first = takeUp();
    parker.done();
    const next = takeUp();
    parker.waitForLock(A, 5);
    parker.park();
    const other = takeUp();
    parker.done();
    parker.released(B);
    const last = takeUp();
    parker.done();
    return { first, next, other, last };
  });
  t.equal(taken.first, 1);
  t.equal(taken.next, 2, 'once the first is done');
  t.equal(taken.other, 3, 'who wants something else');
  t.equal(taken.last, 4);
});

t.test('an interrupt takes it out; without room there is none', async (t) => {
  const { parker, wait, waits } = worker(2);
  t.ok(wait(1, A));
  t.ok(wait(2, A));
  t.notOk(wait(3, A));
  t.ok(parker.interrupt(1, 0));
  t.notOk(parker.interrupt(1, 0));
  t.ok(wait(3, A));
  t.same(
    waits
      .drain()
      .map(({ uniqueLo }) => uniqueLo)
      .sort(),
    [2, 3],
  );
});

t.test('it may have to wait for a node’s lock in between', async (t) => {
  const { parker, parking, waits, begin, due, wait, takeUp } = worker();
  wait(1, A);
  due();
  t.equal(takeUp(), 1);
  t.notOk(parker.mayWait(B));
  parker.park();
  t.same([parking.count, waits.count], [1, 0]);
  t.equal(takeUp(), 1);
  t.ok(parker.waitForLock(A, 1));
  parker.park();
  t.same([parking.count, waits.count], [0, 1]);
  begin(2);
  parker.done();
});

t.test('between two messages so many are tried and no more', async (t) => {
  const { parker, wait, takeUp, due } = worker();
  for (let message = 1; message <= 40; message++) wait(message, A, message);
  parker.released(A);
  due();
  let tries = 0;
  for (; takeUp() !== 0; tries++) parker.done();
  t.equal(tries, 32);
  t.notOk(parker.hasParked);
  parker.refresh();
  for (; takeUp() !== 0; tries++) parker.done();
  t.equal(tries, 40);
});

t.test(
  'the clock knocks when somebody is due, once until it was heard, and rests when nobody waits',
  async (t) => {
    const { waits, wait, takeUp, parker } = worker();
    const knocks: NodeId[] = [];
    const heard = manual();
    const clock = new LockClock(waits, (file) => {
      knocks.push(file);
      if (knocks.length === 2) heard.resolve();
      return true;
    });
    clock.look();
    t.same(knocks, []);
    wait(1, B);
    waits.released(B);
    clock.look();
    clock.look();
    t.same(knocks, [B]);
    waits.knocked();
    await heard.promise;
    t.same(knocks, [B, B], 'by time');
    t.equal(takeUp(), 1);
    parker.done();
    waits.knocked();
    clock.look();
    t.equal(knocks.length, 2);
    clock.stop();
  },
);

t.test(
  'who lacks a descriptor is looked after by the workers, not by the clock, and not for long',
  async (t) => {
    const { parker, waits, begin, takeUp, due } = worker();
    t.equal(parker.dueIn, undefined);
    begin(1);
    const start = performance.now();
    t.ok(parker.waitForDescriptor(A));
    parker.park();
    t.ok((parker.dueIn ?? 0) >= 1, 'workers wait no longer than that');
    t.equal(waits.file, undefined, 'it may be a directory, which the kernel sends no message about');
    for (let waits = true; waits; ) {
      due();
      parker.refresh();
      t.equal(takeUp(), 1);
      waits = parker.waitForDescriptor(A);
      if (waits) parker.park();
    }
    t.ok(performance.now() - start > 1000);
    parker.done();
    t.equal(parker.dueIn, undefined, 'as long as the kernel likes again');
    for (const want of [0, 1, 2, 16]) {
      const lock = worker();
      lock.wait(1, A, want);
      t.equal(lock.waits.file, A, 'for who waits for a lock the clock knocks');
    }
  },
);

t.test('a try for a lock that fails lets nothing go, and wakes nobody', async (t) => {
  const folder = t.testdir();
  releaseLayers(sampleLayers(folder));
  const setup = prepareLayers(folder, { locks: 'cluster' });
  let released = 0;
  const queue = {
    waitForLock: () => true,
    waited: 10 as number | undefined,
    released: () => {
      released++;
    },
  };
  const never = () => false;
  const fs = new FileSystem(setup, 1, never, undefined, queue);
  const node = lookup(fs, 1 as NodeId, cstring('hello')) as NodeId;
  const handle = openFile(fs, node, O_RDONLY);
  t.ok(handle > 0);
  const owner = { lo: 1, hi: 0, pid: process.pid };
  const range = (type: number) => new FileLock().set(type, 0, 0);
  const other = openSync(join(folder, 'lower', 'hello'), 'r+');
  t.equal(flock(other, LOCK_EX), 0);
  t.equal(setLock(other, range(1)), 0);
  for (const type of [F_RDLCK, 1]) {
    t.equal(lockHandle(fs, node, handle, type, true), PARKED);
    if (type === F_RDLCK) t.equal(lockRange(fs, node, handle, owner, range(type), true), PARKED);
  }
  t.equal(released, 0);
  queue.waited = undefined;
  t.equal(lockHandle(fs, node, handle, F_RDLCK, true), PARKED);
  t.equal(released, 1, 'but a first try has given up what the handle had');
  closeSync(other);
  queue.waited = 10;
  t.equal(lockHandle(fs, node, handle, F_RDLCK, true), 0);
  t.equal(lockRange(fs, node, handle, owner, range(F_RDLCK), true), 0);
  t.equal(released, 3, 'a shared one lets others in');
  t.equal(lockRange(fs, node, handle, owner, range(F_UNLCK), false), 0);
  t.equal(released, 4);
  closeLocked(fs, node, handle);
  releaseLayers(setup);
});

t.test('a descriptor for locks comes and goes while nobody replaces descriptors', (t) => {
  const folder = t.testdir();
  releaseLayers(sampleLayers(folder));
  const setup = prepareLayers(folder, { locks: 'cluster' });
  const fs = new FileSystem(setup, 1, () => false);
  const { table } = fs;
  const node = lookup(fs, 1 as NodeId, cstring('hello')) as NodeId;
  const handle = openFile(fs, node, O_RDONLY);
  const seen: string[] = [];
  let within = false;
  const [lock, unlock] = [table.lockHandles.bind(table), table.unlockHandles.bind(table)];
  const [enter, leave] = [table.openHandle.bind(table), table.closeHandle.bind(table)];
  table.lockHandles = () => {
    lock();
    within = true;
  };
  table.unlockHandles = () => {
    within = false;
    unlock();
  };
  table.openHandle = (...args) => {
    seen.push(`open ${within}`);
    return enter(...args);
  };
  table.closeHandle = (...args) => {
    seen.push(`close ${within}`);
    return leave(...args);
  };
  const owner = { lo: 1, hi: 0, pid: process.pid };
  const shared = new FileLock().set(F_RDLCK, 0, 0);
  t.equal(lockRange(fs, node, handle, owner, shared, false), 0);
  dropOwner(fs, node, owner);
  t.same(seen, ['open true', 'close true']);
  closeLocked(fs, node, handle);
  releaseLayers(setup);
  t.end();
});

function manual() {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
