// Test files under another kernel than this machine's: Debian's User-Mode Linux, a kernel that is a process. Its root is this machine's, read
// only; what it mounts, it mounts in its own memory. It is Debian 12's, 6.1, without what FUSE has learned since, and it keeps quotas.

import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { cleanEnv, has, isRoot } from '../mounted/tools.ts';
import { limit } from './support.ts';

const KERNEL = 'linux.uml';
const HERE = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '');
const FIRST = `${HERE}/test/long/other-kernel.sh`;

/** Why there is no other kernel here. `fault`: a machine that is to run all tests should have it. */
function missing(): { reason: string; fault: boolean } | undefined {
  if (!isRoot) return { reason: 'root alone can start another kernel', fault: false };
  if (process.arch !== 'x64') return { reason: `there is no ${KERNEL} for ${process.arch}`, fault: false };
  if (!has(KERNEL)) return { reason: `no ${KERNEL} here`, fault: true };
  return undefined;
}

/** Runs a test file there; each of its subtests is an assertion here, and none may be skipped. @param file from the project's folder */
export function underOtherKernel(t: Test, file: string): Promise<unknown> {
  const without = missing();
  const name = `${file} under another kernel`;
  if (without !== undefined && !(without.fault && process.env.MIGRATEFS_REQUIRE_MOUNT === '1')) {
    return t.test(name, { skip: without.reason }, async () => {});
  }
  return t.test(name, { timeout: limit(1_200_000) }, async (t) => {
    if (without !== undefined) throw new Error(`${without.reason}, and MIGRATEFS_REQUIRE_MOUNT=1`);
    const said = await boot(t, file);
    const results = [...said.matchAll(/^(ok|not ok) \d+ - (.*)$/gm)];
    t.not(results.length, 0, 'it has run');
    for (const [, result, what = ''] of results) {
      t.notMatch(what, / # (?:SKIP|TODO)/i);
      t.equal(result, 'ok', what.replace(/ # time=.*/, ''));
    }
    t.match(said, /^ended with status 0$/m);
    if (!t.passing()) t.comment(said);
  });
}

/** @returns what the kernel has said, and the test */
function boot(t: Test, file: string): Promise<string> {
  mkdirSync(`${HERE}/.tap`, { recursive: true });
  const words = [
    'mem=3G',
    'root=/dev/root',
    'rootfstype=hostfs',
    'ro',
    'quiet',
    'con=null',
    'con0=null,fd:1',
  ];
  const environment = { HERE, NODE: process.execPath, TEST: file, CI: '1', MIGRATEFS_REQUIRE_MOUNT: '1' };
  words.push(`init=${FIRST}`, ...Object.entries(environment).map(([key, value]) => `${key}=${value}`));
  // It is several processes.
  const kernel = spawn(KERNEL, words, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env: cleanEnv() });
  const pid = kernel.pid ?? 0;
  t.teardown(() => {
    if (kernel.exitCode === null && kernel.signalCode === null) process.kill(-pid, 'SIGKILL');
  });
  let said = '';
  for (const stream of [kernel.stdout, kernel.stderr]) {
    stream.on('data', (data: Buffer) => {
      said += data.toString('latin1').replaceAll('\r', '');
    });
  }
  return new Promise((done) => kernel.once('close', () => done(said)));
}
