// A second mount over the layers of a test's mount, as another host would have it.

import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import type { Test } from 'tap';
import { mountAt } from '../../src/sys/mountinfo.ts';
import { unmountPath } from './backing.ts';
import type { Faults } from './faults.ts';
import { optionsFor } from './mount-options.ts';
import { cleanEnv, isAlive, type Mounted, must, program, READY_MS, until } from './support.ts';

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

/** What the other host's daemon has of its own. */
export interface OtherOptions {
  faults?: Faults | undefined;
  /** Another host's name, as root alone may have it. */
  host?: string;
  /** What it is started by, `setpriv …`, and ends with. */
  by?: string[];
  /** More of its environment. */
  env?: Record<string, string>;
}

/**
 * One more mount, which is taken away when the test ends.
 * @param name of its mount point
 */
export async function mountOther(
  t: Test,
  m: Mounted,
  name: string,
  options: string,
  { faults, host, by = [], env }: OtherOptions = {},
): Promise<OtherHost> {
  const mnt = `${m.dir}/${name}`;
  const logFile = `${mnt}.log`;
  mkdirSync(mnt);
  writeFileSync(`${m.dir}/mounts`, `${mnt}\n`, { flag: 'a' });
  const words = optionsFor(m.elsewhere(), options);
  const log = openSync(logFile, 'a');
  const node = [process.execPath, ...(faults?.args ?? []), program, '-f', '-o', words, mnt];
  const [command = '', ...args] = [...(host === undefined ? [] : asHost(host)), ...by, ...node];
  const daemon = spawn(command, args, {
    stdio: ['ignore', log, log],
    cwd: '/',
    env: cleanEnv({ ...env, ...faults?.env }),
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
  const isMounted = () => {
    if (!isAlive(pid)) throw new Error(`the other daemon did not come up:\n${readFileSync(logFile, 'utf8')}`);
    return mountAt(mnt) !== undefined;
  };
  await until('mounted once more', isMounted, READY_MS);
  must('stat', [mnt], { timeout: READY_MS });
  return { mnt, pid, log: () => readFileSync(logFile, 'utf8') };
}

/** @returns the mount point of a second host. */
export async function mountAgain(t: Test, m: Mounted, options: string, faults?: Faults): Promise<string> {
  return (await mountOther(t, m, 'second', options, { faults })).mnt;
}
