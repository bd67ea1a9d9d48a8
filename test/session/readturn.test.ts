// One worker reads, and another one when that one does not come back.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { ReadTurn } from '../../src/session/readturn.ts';

const GATE = 16;
const END = 32;
const script = new URL('./turn-worker.ts', import.meta.url);

const until = async (condition: () => boolean) => {
  for (let i = 0; i < 6000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  return condition();
};

function crew(t: Test, count: number, { queued = false, takes = 0 } = {}) {
  const memory = ReadTurn.allocate();
  const words = new Int32Array(new SharedArrayBuffer(33 * 4));
  const workers = Array.from({ length: count }, (_, index) => {
    const workerData = { memory, index, shared: words.buffer, queued, takes };
    return new Worker(script, { workerData });
  });
  const turn = new ReadTurn(memory, -1);
  const taken = (worker: number) => Atomics.load(words, worker);
  const all = () => workers.reduce((sum, _, i) => sum + taken(i), 0);
  const hold = (worker: number) => Atomics.store(words, GATE + worker, 1);
  const release = (worker: number) => {
    Atomics.store(words, GATE + worker, 0);
    Atomics.notify(words, GATE + worker);
  };
  /** The worker that takes messages now. */
  const busiest = async () => {
    const before = workers.map((_, i) => taken(i));
    await until(() => all() > before.reduce((a, b) => a + b, 0) + 1000);
    const each = workers.map((_, i) => taken(i) - (before[i] as number));
    return each.indexOf(Math.max(...each));
  };
  t.teardown(async () => {
    Atomics.store(words, END, 1);
    for (let i = 0; i < count; i++) release(i);
    turn.end();
    await Promise.all(workers.map((worker) => worker.terminate()));
  });
  return { turn, workers, words, taken, all, hold, release, busiest };
}

t.test('who is quick keeps the turn, and loses it when he is not', async (t) => {
  const { all, hold, release, taken, busiest } = crew(t, 3);
  t.ok(await until(() => all() > 100_000), 'messages are taken');
  const first = await busiest();
  hold(first);
  const stuck = all();
  t.ok(await until(() => all() > stuck + 1000), 'another one goes on');
  const before = taken(first);
  const second = await busiest();
  t.not(second, first);
  hold(second);
  const both = all();
  t.ok(await until(() => all() > both + 1000), 'and the third');
  t.ok(taken(first) - before <= 1, 'who stands still has taken none');
  hold(3 - first - second);
  release(first);
  const again = taken(first);
  t.ok(await until(() => taken(first) > again + 1000), 'who comes back has it');
});

/** Turns of several workers, in this one thread: who may not read at once gives up at once, or after `patience`. */
function turnsOf(turns: number, patience = 0, slow = Number.POSITIVE_INFINITY) {
  const memory = ReadTurn.allocate();
  const reader = (index: number) => new ReadTurn(memory, index, { turns, patience, slow });
  return [reader(0), reader(1), reader(2), reader(3)] as const;
}

const readers = (all: readonly ReadTurn[]) => all.map((each) => each.await());

t.test('where messages queue up there are more turns, for a while', async (t) => {
  const all = turnsOf(3);
  const [first] = all;
  t.same(readers(all), [true, false, false, false]);
  for (let i = 0; i < 4; i++) {
    t.ok(first.lookOut());
    t.same(readers(all), [true, false, false, false], 'few may be one client’s');
    first.lookedOut(true);
  }
  t.same(readers(all), [true, true, true, false]);
  for (let i = 0; i < 64; i++) {
    t.same(readers(all), [true, true, true, false]);
    t.equal(first.lookOut(), i >= 48, 'in a crowd nobody looks whether it is one, but towards its end');
    if (i >= 48) first.lookedOut(false);
    all[i % 3]?.taken();
  }
  t.same(readers(all), [true, false, false, false]);
});

t.test('where several take their time all read, for a while', async (t) => {
  const all = turnsOf(2, 0, 1);
  const [first] = all;
  const takeTime = async () => {
    first.taken();
    await new Promise((resolve) => setTimeout(resolve, 10));
    first.done();
  };
  readers(all);
  await takeTime();
  await takeTime();
  t.same(readers(all), [true, false, false, false], 'two may have waited for a core');
  await takeTime();
  t.same(readers(all), [true, true, true, true]);
  for (let i = 0; i < 64; i++) first.taken();
  t.same(readers(all), [true, false, false, false]);
});

t.test('who is dead has no turn', async (t) => {
  const all = turnsOf(2);
  readers(all);
  for (let i = 0; i < 4; i++) {
    all[0].lookOut();
    all[0].lookedOut(true);
  }
  t.same(readers(all), [true, true, false, false]);
  all[0].abandon(1);
  t.same(readers([all[2], all[3]]), [true, false]);
  all[0].abandon(0);
  t.same(readers([all[3]]), [true]);
});

t.test('who has had nothing to do for a while gives up', async (t) => {
  const [first, second, third] = turnsOf(1, 100);
  t.ok(first.await());
  const before = performance.now();
  t.notOk(second.await(), 'who watches');
  t.ok(performance.now() - before > 50);
  t.notOk(third.await(), 'and who comes after');
  t.ok(first.await(), 'who has the turn does not');
});

t.test('where they take their time all read', async (t) => {
  const { taken } = crew(t, 4, { takes: 5 });
  t.ok(await until(() => [0, 1, 2, 3].every((i) => taken(i) > 20)));
});

t.test('where messages queue up they are taken all the same', async (t) => {
  const { all } = crew(t, 4, { queued: true });
  t.ok(await until(() => all() > 100_000));
});

t.test('who dies with it is no loss', async (t) => {
  const { turn, workers, all, hold, busiest } = crew(t, 2);
  t.ok(await until(() => all() > 1000));
  const first = await busiest();
  hold(first);
  const worker = workers[first] as Worker;
  const exit = once(worker, 'exit');
  await worker.terminate();
  await exit;
  turn.abandon(first);
  const before = all();
  t.ok(await until(() => all() > before + 1000));
});

t.test('at the end nobody sleeps', async (t) => {
  const { workers, words, all } = crew(t, 4);
  t.ok(await until(() => all() > 1000));
  const exits = workers.map((worker) => once(worker, 'exit'));
  Atomics.store(words, END, 1);
  t.same(await Promise.all(exits), [[0], [0], [0], [0]]);
});
