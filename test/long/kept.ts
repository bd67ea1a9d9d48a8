// What a daemon keeps while it serves for long: memory, descriptors, threads.

import { readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { resident } from './support.ts';

export interface Kept {
  kilobytes: number;
  descriptors: number;
  threads: number;
}

export const kept = (pid: number): Kept => ({
  kilobytes: resident(pid),
  descriptors: readdirSync(`/proc/${pid}/fd`).length,
  threads: readdirSync(`/proc/${pid}/task`).length,
});

/** Of a daemon's workers these never end; it starts with two of them. */
const BUSY_WORKERS = Math.min(16, Math.max(4, 2 * availableParallelism()));

/**
 * A soak does not swell a daemon: what it had after a third of the rounds, or little more, is what it has in the end, when the workers have
 * ended that were started since because others waited, beyond those that never end.
 */
export async function checkKept(t: Test, pids: number[], hosts: string[], before: Kept[]): Promise<void> {
  for (const [i, was] of before.entries()) {
    const pid = pids[i] as number;
    const most = was.threads + BUSY_WORKERS - 2;
    // A worker is idle when others serve what comes.
    for (let tries = 0; tries < 600 && kept(pid).threads > most; tries++) {
      for (const mnt of hosts) statSync(mnt);
      await sleep(300);
    }
    const { kilobytes, descriptors, threads } = kept(pid);
    const more = Math.max(0, threads - was.threads);
    t.ok(threads <= most, `${was.threads} threads, then ${threads}`);
    t.ok(kilobytes < was.kilobytes + 100_000 + more * 25_000, `${was.kilobytes} kB, then ${kilobytes} kB`);
    t.ok(
      descriptors < was.descriptors + 20 + more * 8,
      `${was.descriptors} descriptors, then ${descriptors}`,
    );
  }
}
