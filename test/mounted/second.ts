// A second mount over the layers of a test's mount, as another host would have it.

import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { Test } from 'tap';
import { mountAt } from '../../src/sys/mountinfo.ts';
import { unmountPath } from './backing.ts';
import type { Faults } from './faults.ts';
import { cleanEnv, isAlive, type Mounted, must, program, until } from './support.ts';

/** @returns the mount point; it is unmounted when the test ends. @param faults the fault points of its daemon */
export async function mountAgain(t: Test, m: Mounted, options: string, faults?: Faults): Promise<string> {
  const mnt = `${m.dir}/second`;
  mkdirSync(mnt);
  writeFileSync(`${m.dir}/mounts`, `${mnt}\n`, { flag: 'a' });
  const words = `lowerdir=${m.lower.join(':')},upperdir=${m.upper},${options}`;
  const daemon = spawn(process.execPath, [...(faults?.args ?? []), program, '-f', '-o', words, mnt], {
    stdio: 'ignore',
    cwd: '/',
    env: cleanEnv(faults?.env),
  });
  const pid = daemon.pid ?? 0;
  writeFileSync(`${m.dir}/pids`, `${pid}\n`, { flag: 'a' });
  t.teardown(async () => {
    faults?.clear();
    const fault = mountAt(mnt) === undefined ? undefined : unmountPath(mnt);
    if (fault !== undefined) throw new Error(fault);
    await until('end of the second daemon', () => !isAlive(pid));
  });
  await until('mounted a second time', () => {
    if (!isAlive(pid)) throw new Error('the second daemon did not come up');
    return mountAt(mnt) !== undefined;
  });
  must('stat', [mnt], { timeout: 30_000 });
  return mnt;
}
