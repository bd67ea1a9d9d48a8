// An ordinary user who owns a directory in each layer swaps what lies there for links to what is root's, for others' files and for
// directories, behind the mount or through two mounts of the layers, while he, root and others have the daemons copy up, rename, remove,
// link and list it (attacker.c). What is root's stays as it is, shows nobody anything, and nothing of root's comes into his directory.

import t from 'tap';
import { ATTACKED, assertCalls, assertWhole, attacked, attackedThrough } from './attack.ts';
import { mountOther } from './second.ts';
import { mountTest } from './support.ts';

/** Calls of each process. A busy machine is not waited for longer than the seconds. */
const LIMITS = { rounds: 1000, seconds: 12 };

await mountTest(t, 'he swaps in both layers', ATTACKED, async (t, m) => {
  const swaps = [m.lower[0] as string, m.upper];
  const { calls } = await attacked(t, m, { swaps, clears: m.upper, uses: [m.mnt], ...LIMITS });
  assertCalls(t, calls);
});

await mountTest(t, 'he swaps through two mounts of the layers', ATTACKED, async (t, m) => {
  const other = await mountOther(t, m, 'other', 'cache=none');
  const { calls } = await attackedThrough(t, m, other, LIMITS);
  assertCalls(t, calls);
  await assertWhole(t, m);
});
