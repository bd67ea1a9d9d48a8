// What the long tests share: how long they take, and what every mount must look like when a program has done its worst.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { Test } from 'tap';
import type { Mounted } from '../mounted/support.ts';

/** MIGRATEFS_LONG_SCALE stretches or shrinks everything that can be: 1 is for a change, 10 for a night. */
const scale = Number(process.env.MIGRATEFS_LONG_SCALE ?? '1');
if (!(scale > 0))
  throw new Error(`MIGRATEFS_LONG_SCALE=${process.env.MIGRATEFS_LONG_SCALE}: not a positive number`);

/** Whether there is less time than for a whole run: what takes long and is a variant of something else is skipped, and says so. */
export const isShort = scale < 1;

/** A count or a duration, scaled; at least 1. */
export const scaled = (n: number): number => Math.max(1, Math.round(n * scale));

/** Milliseconds that a test may take: never less than what it takes unscaled. */
export const limit = (ms: number): number => Math.round(ms * Math.max(1, scale));

/** Kilobytes that a process has resident. */
export const resident = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);

/** What the daemon has reported as wrong: lines that a healthy storage never causes. */
export const reported = (m: Mounted): string[] =>
  m
    .log()
    .split('\n')
    .filter((line) => line !== '' && !/ level=(?:info|debug) /.test(line));

/**
 * After a program's end: nothing wrong in the log, nothing left in our own directories, and the daemon is not swollen: about
 * 100 MB at the start and up to 45 MB for each worker that has grown warm.
 */
export function assertHealthy(t: Test, m: Mounted, megabytes = 640): void {
  t.same(reported(m), [], 'nothing wrong in the log');
  for (const layer of [m.upper, ...m.lower]) {
    const work = `${layer}/.migratefs/work`;
    t.same(existsSync(work) ? readdirSync(work) : [], [], `nothing left in ${work.slice(m.dir.length)}`);
  }
  const kilobytes = resident(m.daemonPid);
  t.ok(kilobytes < megabytes * 1024, `the daemon has ${kilobytes} kB resident`);
}
