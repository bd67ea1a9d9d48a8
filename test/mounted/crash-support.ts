// What the tests of daemons that are killed at a fault point share.

import type { Test } from 'tap';
import type { FaultPoint } from '../../src/layers/faultpoint.ts';
import { list } from './hosts.ts';
import { type Mounted, run } from './support.ts';

/**
 * Does something during which the daemon is killed at a point, and mounts again. Nothing else ends the daemon: it has come to the point, or this throws.
 * @param act a bash script, or a function
 */
export async function killedAt(m: Mounted, point: FaultPoint, act: string | (() => unknown)): Promise<void> {
  m.faults.kill(point);
  if (typeof act === 'string') run('bash', ['-c', act], { cwd: m.mnt });
  else act();
  await m.ended();
  m.faults.clear();
  await m.remount();
}

export function nothingLeft(t: Test, m: Mounted, point: string): void {
  for (const layer of [m.upper, ...m.lower]) {
    t.same(list(`${layer}/.migratefs/work`), [], `${point}: nothing unfinished`);
    for (const folder of ['intents', 'slots']) {
      t.same(list(`${layer}/.migratefs/${folder}`), [], `${point}: nothing to finish`);
    }
  }
}
