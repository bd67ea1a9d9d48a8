// A daemon whose system calls take long where a test wants them to, and are written down: strace(1) on all its threads.

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { until } from './support.ts';

export interface Traced {
  /** The system calls that have ended, a line each. */
  lines: () => string;
  /** Lets the daemon go on untraced. */
  end: () => Promise<void>;
}

/** @param dir takes what is written down. @param calls what is traced, `fsync,fcntl`. @param inject as strace has it, `fsync:delay_enter=1500000`. @param path of the file that it is about; default: any */
export async function traced(
  pid: number,
  dir: string,
  calls: string,
  inject: string,
  path?: string,
): Promise<Traced> {
  const file = `${dir}/trace-${calls}`;
  const only = path === undefined ? [] : ['-P', path];
  const words = ['-f', '-qq', '-o', file, ...only, '-e', `trace=${calls}`, '-e', `inject=${inject}`];
  const strace = spawn('strace', [...words, '-p', `${pid}`], { stdio: 'ignore' });
  const gone = new Promise((done) => strace.once('exit', done));
  const tasks = `/proc/${pid}/task`;
  const isTraced = (task: string) =>
    readFileSync(`${tasks}/${task}/status`, 'latin1').includes(`TracerPid:\t${strace.pid}\n`);
  await until('every thread is traced', () => readdirSync(tasks).every(isTraced));
  return {
    lines: () => readFileSync(file, 'latin1'),
    end: async () => {
      strace.kill('SIGINT');
      await gone;
    },
  };
}
