// A second mount over the layers of a test's mount, as another host would have it.

import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import type { Test } from 'tap';
import { mountAt } from '../../src/sys/mountinfo.ts';
import { unmountPath } from './backing.ts';
import type { Faults } from './faults.ts';
import { cleanEnv, isAlive, type Mounted, must, program, until } from './support.ts';

export interface OtherHost {
  readonly mnt: string;
  readonly pid: number;
  /** What its daemon has logged. */
  log: () => string;
}

/** Has a command run on what has another name than this machine: a host of its own, whose processes nobody else can ask about. */
const asHost = (name: string): string[] => [
  'unshare',
  '--uts',
  'sh',
  '-c',
  `hostname ${name}; exec "$@"`,
  'sh',
];

/**
 * One more mount, which is taken away when the test ends.
 * @param name of its mount point. @param faults the fault points of its daemon. @param host another host's name, as root alone may have it
 */
export async function mountOther(
  t: Test,
  m: Mounted,
  name: string,
  options: string,
  faults?: Faults,
  host?: string,
): Promise<OtherHost> {
  const mnt = `${m.dir}/${name}`;
  const logFile = `${mnt}.log`;
  mkdirSync(mnt);
  writeFileSync(`${m.dir}/mounts`, `${mnt}\n`, { flag: 'a' });
  const { upper, lower } = m.elsewhere();
  const words = `lowerdir=${lower.join(':')},upperdir=${upper},${options}`;
  const log = openSync(logFile, 'a');
  const node = [process.execPath, ...(faults?.args ?? []), program, '-f', '-o', words, mnt];
  const [command = '', ...args] = host === undefined ? node : [...asHost(host), ...node];
  const daemon = spawn(command, args, {
    stdio: ['ignore', log, log],
    cwd: '/',
    env: cleanEnv(faults?.env),
  });
  closeSync(log);
  const pid = daemon.pid ?? 0;
  writeFileSync(`${m.dir}/pids`, `${pid}\n`, { flag: 'a' });
  t.teardown(async () => {
    faults?.clear();
    const fault = mountAt(mnt) === undefined ? undefined : unmountPath(mnt);
    if (fault !== undefined) throw new Error(fault);
    await until('end of the other daemon', () => !isAlive(pid));
  });
  await until('mounted once more', () => {
    if (!isAlive(pid)) throw new Error(`the other daemon did not come up:\n${readFileSync(logFile, 'utf8')}`);
    return mountAt(mnt) !== undefined;
  });
  must('stat', [mnt], { timeout: 30_000 });
  return { mnt, pid, log: () => readFileSync(logFile, 'utf8') };
}

/** @returns the mount point of a second host. */
export async function mountAgain(t: Test, m: Mounted, options: string, faults?: Faults): Promise<string> {
  return (await mountOther(t, m, 'second', options, faults)).mnt;
}
