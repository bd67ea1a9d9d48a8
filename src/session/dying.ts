// Whether a process has been killed. The kernel tells only that some signal has come for one that waits: a read or a stat that a signal
// with a handler breaks off would be an error that no program expects, so these wait on, as on other file systems that may hang.

import { readFileSync } from 'node:fs';

const SIGKILL_BIT = 1n << 8n;

/** Any fatal signal becomes a SIGKILL for each thread of the process, and stays pending while one waits in the kernel. */
export function isDying(pid: number): boolean {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return false; // in a process namespace where it cannot be seen
  }
  const pending = /^SigPnd:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return pending !== undefined && (BigInt(`0x${pending}`) & SIGKILL_BIT) !== 0n;
}
