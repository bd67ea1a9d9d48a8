// Programs that a case runs from the files it was given.

import { spawn, spawnSync } from 'node:child_process';
import { cleanEnv } from '../mounted/tools.ts';
import type { Context } from './context.ts';

/** Runs a program to its end: `ran`, or why it could not be started. */
export function runs(c: Context, path: string): string {
  const { error } = spawnSync(c.path(path), ['/dev/null'], { cwd: '/', env: cleanEnv(), timeout: 60_000 });
  return error === undefined ? 'ran' : ((error as NodeJS.ErrnoException).code ?? error.message);
}

/** Starts a program that waits for its input; `act` is done while it runs. */
export function whileRunning(c: Context, path: string, act: () => void): void {
  const child = spawn(c.path(path), [], { cwd: '/', env: cleanEnv(), stdio: ['pipe', 'ignore', 'ignore'] });
  child.on('error', () => {});
  const { pid } = child;
  if (pid === undefined) throw new Error(`${path} was not started`);
  try {
    act();
  } finally {
    child.kill('SIGKILL');
    child.unref();
    c.until('the program has ended', () => /^State:\s+[ZX]/m.test(c.text(`/proc/${pid}/status`)));
  }
}
