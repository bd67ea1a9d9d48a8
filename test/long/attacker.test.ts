// The attacks of test/mounted/attacker-races for longer: thousands of swaps of each kind in the layers, hundreds through two mounts,
// while hundreds of files come up.

import t, { type Test } from 'tap';
import {
  ATTACKED,
  assertCalls,
  assertWhole,
  attacked,
  attackedThrough,
  type Tally,
} from '../mounted/attack.ts';
import { recordsOf } from '../mounted/journal-support.ts';
import { mountOther } from '../mounted/second.ts';
import { type Mounted, mountTest } from '../mounted/support.ts';
import { lasting } from './exerciser.ts';
import { limit, scaled } from './support.ts';

const UNTIL = { rounds: 2 ** 30, seconds: lasting(scaled(60)) };
/** On a busy machine it takes several goes until there are enough. */
const GOES = 5;
const OPTIONS = { ...ATTACKED, timeout: limit(GOES * 200_000) };

/** Attacks until each way of swapping has succeeded `enough` times, and as many files have come up. */
async function assertOften(
  t: Test,
  m: Mounted,
  enough: number,
  go: () => Promise<{ swaps: Tally; calls: Tally }>,
): Promise<void> {
  const counts = new Map<string, number>();
  const moved = () => recordsOf(m).filter(({ op, result }) => op === 'migrate' && result === 'ok').length;
  const areEnough = () => moved() >= enough && Math.min(...counts.values()) >= enough;
  for (let i = 0; i < GOES && (i === 0 || !areEnough()); i++) {
    const { swaps, calls } = await go();
    assertCalls(t, calls);
    for (const [way, count] of Object.entries(swaps.counts)) counts.set(way, (counts.get(way) ?? 0) + count);
  }
  const seldom = [...counts].filter(([, count]) => count < enough);
  t.same([counts.size, seldom], [12, []], JSON.stringify([...counts]));
  t.ok(moved() >= enough, `${moved()} files have come up`);
}

await mountTest(t, 'swaps in both layers', OPTIONS, async (t, m) => {
  const swaps = [m.lower[0] as string, m.upper];
  await assertOften(t, m, scaled(300), () =>
    attacked(t, m, { swaps, clears: m.upper, uses: [m.mnt], ...UNTIL }),
  );
});

await mountTest(t, 'swaps through two mounts of the layers', OPTIONS, async (t, m) => {
  const other = await mountOther(t, m, 'other', 'cache=none');
  await assertOften(t, m, scaled(100), () => attackedThrough(t, m, other, UNTIL));
  await assertWhole(t, m);
});
