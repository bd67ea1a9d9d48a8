// `migratefs demo`: two small storages in a temporary directory, the real command over them, and what users do. It succeeds
// only if everything that it showed was checked to be so, and leaves nothing behind however it ends.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, SystemError } from '../mount/index.ts';
import { Checks, Interrupted } from './demo/checks.ts';
import { DemoMount } from './demo/mounting.ts';
import { showAfter, showBefore } from './demo/overview.ts';
import { line, paint } from './demo/screen.ts';
import { build, type Stage, stageIn } from './demo/storages.ts';
import { checkLog, play } from './demo/story.ts';
import { say } from './output.ts';

const LIMIT_MS = 60_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** @returns the exit status */
export async function demoCommand(): Promise<number> {
  const interruption = interruptions();
  const stage = makeStage();
  const mount = new DemoMount(stage);
  const checks = new Checks();
  let stopped: Interrupted | undefined;
  let failed = false;
  try {
    build(stage);
    await Promise.race([tell(stage, mount, checks), interruption]);
  } catch (error) {
    if (error instanceof Interrupted) stopped = error;
    failed = true;
    say(messageOf(error));
  }
  const faults = await leave(stage, mount);
  for (const fault of faults) say(fault);
  if (stopped !== undefined) return dieOf(stopped.signal);
  if (failed) return 1;
  return conclude(checks, faults.length === 0);
}

async function tell(stage: Stage, mount: DemoMount, checks: Checks): Promise<void> {
  const words = DemoMount.words({ old: 'old', new: 'new', data: 'data' });
  line(`An old storage and a new one, in ${stage.dir}:`);
  line();
  line(`  ${paint('cyan', `$ migratefs ${words.join(' ')}`)}`);
  await mount.mount();
  line();
  let table = () => {};
  await checks.step('mount    data', async (check) => {
    check('a mount on data', mount.isMounted, true);
    table = await showBefore(check, stage);
    return 'users see both storages as one tree';
  });
  line();
  table();
  line();
  await play(checks, stage);
  line();
  // biome-ignore lint/suspicious/noEmptyBlockStatements: nothing to show when the step fails
  table = () => {};
  await checks.step('look     at both storages', async (check) => {
    table = await showAfter(check, stage);
    return 'what was written to is on new alone, the rest where it was';
  });
  line();
  table();
  line();
  await end(stage, mount, checks);
}
