// Who cleans up after a process that may die: a shell beside it, which takes its mounts, daemons and files away when it is gone.

import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cleanEnv } from './tools.ts';

export class Guard {
  /** One path a line, in the order of mounting. */
  readonly mounts: string;
  /** One process number a line; each has files open in the directory. */
  readonly pids: string;
  readonly #process: ChildProcess;

  /**
   * @param dir all that is to be taken away lies in there
   * @param script where guard.sh lies
   */
  constructor(dir: string, script: string) {
    this.mounts = `${dir}/mounts`;
    this.pids = `${dir}/pids`;
    for (const file of [this.mounts, this.pids]) writeFileSync(file, '');
    this.#process = spawn('bash', [script, dir], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      cwd: '/',
      env: cleanEnv(),
    });
    this.#process.unref();
  }

  /** Has it take away what there is left, and waits until it has. */
  async end(): Promise<void> {
    this.#process.ref();
    const gone = new Promise((done) => this.#process.once('exit', done));
    this.#process.stdin?.end();
    if (this.#process.exitCode === null) await gone;
  }
}
