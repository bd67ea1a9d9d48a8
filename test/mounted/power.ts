// What is done when the power is cut, and what must be there afterwards. A test first lets everything be done, and cuts the power at each point
// of it; then it looks at what each cut has left, by the layers as they are found and by the next mount over them.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import type { Test } from 'tap';
import type { FaultPoint } from '../../src/layers/faultpoint.ts';
import { list } from './hosts.ts';
import { type Cut, powerOn, settleAll, worstCuts } from './snapshots.ts';
import { type Backing, cleanEnv, type Mounted, mountTest, sh } from './support.ts';

/** A scenario's directory, on each layer and in the merged tree. */
export interface Places {
  readonly upper: string;
  readonly lower: string;
  readonly mnt: string;
}

export interface Scenario {
  readonly name: string;
  /** Where the worker is when the power is cut; `answered`: nowhere, the caller has his answer. */
  readonly points: readonly (FaultPoint | 'answered')[];
  /** The storage that has been quicker to make things durable (default: either). */
  readonly quicker?: 'old' | 'new';
  /** Lays out what the layers have; the directory is on the lower one. */
  readonly prepare: (places: Places) => void;
  /** Of what `prepare` has made, for `check`. */
  readonly facts?: (places: Places) => unknown;
  /** A bash script, run in the directory of the mount before, and made durable. */
  readonly before?: string;
  /** What the power is cut in, as `before`. */
  readonly act: string;
  /** Looks at what is there after a cut. @param facts what `facts` has told */
  readonly check: (t: Test, places: Places, label: string, facts: unknown) => void;
}

interface Step {
  readonly scenario: Scenario;
  readonly point: FaultPoint | 'answered';
  readonly dir: string;
  facts?: unknown;
  cuts?: Cut[];
}

const LOWER: Backing = 'ext4';

const { MIGRATEFS_POWER_BACKINGS: asked } = process.env;

/** A subtest for each kind of file system as the upper layer: those that MIGRATEFS_POWER_BACKINGS names, or else `usual`. */
export async function powerTest(
  t: Test,
  name: string,
  usual: readonly Backing[],
  scenarios: readonly Scenario[],
): Promise<void> {
  for (const upperBacking of (asked?.split(',') as Backing[]) ?? usual) {
    const steps = scenarios.flatMap((scenario) =>
      scenario.points.map((point): Step => ({ scenario, point, dir: `${scenario.name}-${point}` })),
    );
    const options = {
      root: true,
      faults: true,
      store: true,
      backing: LOWER,
      upperBacking,
      // The journal is synced now and then, and much with it.
      options: 'journal=off',
      needs: ['setfattr', 'setfacl', 'perl'],
      timeout: 600_000,
      prepare: ({ upper, lower: [lower] }: { upper: string; lower: string[] }) => {
        for (const step of steps) {
          const places = { upper: `${upper}/${step.dir}`, lower: `${lower}/${step.dir}`, mnt: '' };
          mkdirSync(places.lower);
          step.scenario.prepare(places);
          step.facts = step.scenario.facts?.(places);
        }
      },
    };
    await mountTest(t, `${name}, to ${upperBacking}`, options, async (t, m) => {
      for (const step of steps) await cutIn(m, step);
      await m.unmount();
      for (const step of steps)
        for (const cut of step.cuts ?? []) await lookAt(t, m, step, cut, upperBacking);
    });
  }
}

const placesOf = (m: Mounted, dir: string): Places => ({
  upper: `${m.upper}/${dir}`,
  lower: `${m.lower[0]}/${dir}`,
  mnt: `${m.mnt}/${dir}`,
});

async function cutIn(m: Mounted, step: Step): Promise<void> {
  const { point, dir, scenario } = step;
  const cwd = `${m.mnt}/${dir}`;
  if (scenario.before !== undefined) sh(scenario.before, { cwd });
  settleAll(m);
  const reached = point === 'answered' ? undefined : m.faults.pause(point);
  const acting = spawn('bash', ['-e', '-c', scenario.act], { cwd, env: cleanEnv(), stdio: 'ignore' });
  const ended = once(acting, 'exit');
  const paused = await reached?.();
  if (paused === undefined) await ended;
  step.cuts = worstCuts(m, dir, scenario.quicker);
  paused?.go();
  const [status] = await ended;
  if (status !== 0) throw new Error(`${dir}: ${scenario.act}: status ${status}\n${m.log().slice(-1000)}`);
}

async function lookAt(t: Test, m: Mounted, step: Step, cut: Cut, upperBacking: Backing): Promise<void> {
  powerOn(m, cut, LOWER, upperBacking);
  await m.remount('threads=1');
  for (const layer of [m.upper, ...m.lower]) {
    t.same(list(`${layer}/.migratefs/work`), [], `${cut.label}: nothing unfinished`);
    for (const folder of ['intents', 'slots']) {
      t.same(list(`${layer}/.migratefs/${folder}`), [], `${cut.label}: nothing to finish`);
    }
  }
  step.scenario.check(t, placesOf(m, step.dir), cut.label, step.facts);
  await m.unmount();
}

export const OLD = 'old\n'.repeat(50_000);
export const NEW = 'newer\n'.repeat(50_000);
export const HIDDEN = 'hidden\n'.repeat(50_000);

const KNOWN: Record<string, string> = { old: OLD, new: NEW, hidden: HIDDEN, 'old and more': `${OLD}more\n` };

/** Which of the contents above a name shows: `nothing` where nothing has it. */
export function shown({ mnt }: Places, name: string): string {
  const path = `${mnt}/${name}`;
  if (!existsSync(path)) return 'nothing';
  const text = readFileSync(path, 'latin1');
  const found = Object.entries(KNOWN).find(([, each]) => each === text);
  return found?.[0] ?? `${text.length} bytes beginning with ${JSON.stringify(text.slice(0, 12))}`;
}
