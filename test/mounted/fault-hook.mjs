// Loaded into a daemon under test, in each of its threads, before the program: does at the fault points of src/layers/faultpoint.ts
// what the test wants. MIGRATEFS_TEST_FAULTS names a directory; a file in it, named as the point, says `kill` (the daemon), `exit` (the
// worker ends there), `throw` (as a bug would) or `pause`. A point that pauses makes POINT.reached and goes on when the file is gone; each
// order is for one worker, which renames it to take it.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

// Signs of life come each 200 ms instead of half a minute (src/layers/vigil.ts).
globalThis[Symbol.for('migratefs.beat')] = 200;

const directory = process.env.MIGRATEFS_TEST_FAULTS;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** @returns the order, or undefined when there is none or another worker has taken it */
function take(point) {
  const order = `${directory}/${point}`;
  if (!existsSync(order)) return undefined;
  try {
    renameSync(order, `${order}.taken`);
  } catch {
    return undefined;
  }
  return readFileSync(`${order}.taken`, 'latin1');
}

globalThis[Symbol.for('migratefs.faultpoint')] = (point) => {
  const order = take(point);
  if (order === undefined) return;
  writeFileSync(`${directory}/${point}.reached`, '');
  if (order === 'kill') process.kill(process.pid, 'SIGKILL');
  if (order === 'exit') process.exit(1); // in a worker: of the thread
  if (order === 'throw') throw new Error(`a bug at ${point}`);
  while (existsSync(`${directory}/${point}.taken`)) Atomics.wait(sleeper, 0, 0, 2);
};
