// What the log's tests share.
import { readFileSync } from 'node:fs';
import { O_CLOEXEC } from '../../src/sys/constants.ts';

/** Whether a descriptor is closed on exec, see proc_pid_fdinfo(5). */
export function closedOnExec(fd: number): boolean {
  const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
  return (Number.parseInt(flags ?? '0', 8) & O_CLOEXEC) !== 0;
}
