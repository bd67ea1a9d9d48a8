// `migratefs demo`: two small storages in a temporary directory, the real command over them, and what users do. It succeeds
// only if everything that it showed was checked to be so, and leaves nothing behind however it ends.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, SystemError } from '../mount/index.ts';
import { type Check, Checks, Interrupted } from './demo/checks.ts';
import { DemoMount } from './demo/mounting.ts';
import { lookAfter, lookBefore } from './demo/overview.ts';
import { line, paint } from './demo/screen.ts';
import { build, heldAfter, type Stage, stageIn } from './demo/storages.ts';
import { checkLog, play } from './demo/story.ts';
import { files, PRIVATE, privateFiles } from './demo/tree.ts';
import { say } from './output.ts';

const LIMIT_MS = 60_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** @returns the exit status, or never when a signal has ended the demo */
export async function demoCommand(): Promise<number> {
  const checks = new Checks();
  const stopper = stopOnSignals(checks);
  try {
    const stage = makeStage();
    const { trouble, faults } = await perform(stage, checks, stopper);
    if (trouble instanceof Interrupted) return dieOf(trouble.signal, stopper);
    return trouble === undefined && faults === 0 ? conclude(checks) : 1;
  } finally {
    stopper.release();
  }
}

/** @returns what ended it early, if anything did, and how many things could not be taken away; both have been told */
async function perform(
  stage: Stage,
  checks: Checks,
  stopper: Stopper,
): Promise<{ trouble: unknown; faults: number }> {
  const mount = new DemoMount(stage);
  let trouble: unknown;
  try {
    build(stage);
    await Promise.race([tell(stage, mount, checks), stopper.asked]);
  } catch (error) {
    trouble = error;
    say(messageOf(error));
  }
  const faults = await leave(stage, mount);
  for (const fault of faults) say(fault);
  return { trouble, faults: faults.length };
}

async function tell(stage: Stage, mount: DemoMount, checks: Checks): Promise<void> {
  const words = DemoMount.words({ old: 'old', new: 'new', data: 'data' });
  line(`An old storage and a new one, in ${stage.dir}:`);
  line();
  line(paint('cyan', `  $ migratefs ${words.join(' ')}`));
  line();
  await mount.mount();
  await look(checks, 'mount    data', 'users see both storages as one tree', async (check) => {
    check('a mount on data', mount.isMounted, true);
    return lookBefore(check, stage);
  });
  if (checks.failed > 0) return; // no mount, no story
  await play(checks, stage);
  const outcome = 'each file is in one storage alone, and none is lost';
  await look(checks, 'compare  data, old and new', outcome, (check) => lookAfter(check, stage));
  await end(checks, stage, mount);
}

/** A step with a table below its line, unless that cannot be made. */
async function look(
  checks: Checks,
  title: string,
  outcome: string,
  act: (check: Check) => Promise<() => void>,
): Promise<void> {
  let table: (() => void) | undefined;
  await checks.step(title, async (check) => {
    table = await act(check);
    return outcome;
  });
  line();
  if (table === undefined) return;
  (table as () => void)();
  line();
}

async function end(checks: Checks, stage: Stage, mount: DemoMount): Promise<void> {
  let migrated = '';
  await checks.step('unmount  data', async (check) => {
    check('what umount says', await mount.unmount(), '');
    check('whether the daemon has ended', await mount.ended(), true);
    check('a mount on data', mount.isMounted, false);
    check('files on new without migratefs', [...(await files(stage.new)).keys()], heldAfter('new'));
    check(`files in ${PRIVATE} on new`, await privateFiles(stage.new), []);
    return `new is a plain directory, plus ${PRIVATE} with the journal`;
  });
  await checks.step('log      of the daemon', async (check) => {
    migrated = checkLog(check, mount.log());
    return 'a line for each file that has moved:';
  });
  if (migrated !== '') line(paint('dim', `      ${migrated}`));
  line();
}

function makeStage(): Stage {
  try {
    // Resolved: the kernel lists mounts by their real paths.
    return stageIn(realpathSync(mkdtempSync(join(tmpdir(), 'migratefs-demo-'))));
  } catch (error) {
    throw new SystemError(
      'MOUNTPOINT_MISSING',
      `cannot make a directory for the demo: ${messageOf(error)}; name another place with TMPDIR`,
    );
  }
}

/** Takes everything away. @returns what could not be done, a line each */
async function leave(stage: Stage, mount: DemoMount): Promise<string[]> {
  const faults = await mount.close();
  if (mount.isMounted)
    return [...faults, `left mounted: ${stage.data}; unmount it, then remove ${stage.dir}`];
  try {
    rmSync(stage.dir, { recursive: true });
  } catch (error) {
    faults.push(`cannot remove ${stage.dir}: ${messageOf(error)}`);
  }
  return faults;
}

function conclude({ held, failed }: Checks): number {
  if (failed > 0) {
    say(`${failed} of ${held + failed} checks do not hold`);
    return 1;
  }
  line(paint('green', `All ${held} checks hold. Nothing is left of the mount, its daemon and its files.`));
  return 0;
}

interface Stopper {
  /** Rejects with `Interrupted`, never resolves. */
  readonly asked: Promise<never>;
  readonly release: () => void;
}

/** Signals and the time limit end the demo in the same orderly way. While it clears up, further ones change nothing. */
function stopOnSignals(checks: Checks): Stopper {
  let reject: (why: Interrupted) => void = () => {};
  const asked = new Promise<never>((_, fail) => {
    reject = fail;
  });
  asked.catch(() => {}); // it may come when nobody waits any more
  const stop = (signal: NodeJS.Signals, message: string) => {
    const why = new Interrupted(signal, message);
    checks.stop(why);
    reject(why);
  };
  const timer = setTimeout(
    () => stop('SIGTERM', `the demo takes longer than ${LIMIT_MS / 1000} s: it is given up`),
    LIMIT_MS,
  );
  const heard = (signal: NodeJS.Signals) => stop(signal, `${signal}: clearing up`);
  for (const signal of SIGNALS) process.on(signal, heard);
  return {
    asked,
    release: () => {
      clearTimeout(timer);
      for (const signal of SIGNALS) process.off(signal, heard);
    },
  };
}

/** As whoever sent the signal expects; a call that hangs in the mount cannot hold this up. @returns the status, should we live on */
function dieOf(signal: NodeJS.Signals, stopper: Stopper): number {
  stopper.release();
  process.kill(process.pid, signal);
  return 128 + constants.signals[signal];
}
