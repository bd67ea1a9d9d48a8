// A worker that takes messages which are always there, until the end; it stays at one for as long as the gate with its number is closed.

import { workerData } from 'node:worker_threads';
import { ReadTurn } from '../../src/session/readturn.ts';

const { memory, index, shared, queued, takes } = workerData;
const turn = new ReadTurn(memory, index);
/** Messages taken by each worker, from 16 on gates, and the end. */
const words = new Int32Array(shared);
const END = 32;

while (Atomics.load(words, END) === 0) {
  turn.await();
  if (turn.lookOut()) turn.lookedOut(queued);
  turn.taken();
  Atomics.add(words, index, 1);
  if (takes > 0) Atomics.wait(words, 16 + index, 0, takes);
  Atomics.wait(words, 16 + index, 1);
  turn.done();
}
turn.end();
