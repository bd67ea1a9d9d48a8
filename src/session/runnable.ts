// How many threads of this process compute, or would if a core were free: those that wait for a storage or for the kernel do not count.

import { readdirSync, readFileSync } from 'node:fs';

const TASKS = '/proc/self/task';

/** The main thread, which asks, does not count. Costs some ten microseconds for each thread. */
export function runnableThreads(): number {
  let count = 0;
  for (const task of readdirSync(TASKS)) if (task !== `${process.pid}` && isRunnable(task)) count++;
  return count;
}

/** The state follows the name, which may hold anything but ends at the last parenthesis (proc_pid_stat(5)). */
function isRunnable(task: string): boolean {
  try {
    const stat = readFileSync(`${TASKS}/${task}/stat`, 'latin1');
    return stat[stat.lastIndexOf(')') + 2] === 'R';
  } catch {
    return false; // it has ended
  }
}
