// Two storages that have changed places on one host, while another has them the right way round, would be drained into one another for ever.

import { EACCES } from '../../protocol/errno.ts';
import { eachLeftover } from './leftovers.ts';
import { type IsGone, type Maker, makerNamed } from './maker.ts';
import type { LayerSetup } from './setup.ts';

/** A daemon that has an old layer as its new storage, and lives or may live: signs of life lie in upper layers alone. @returns undefined: none; or a negative errno */
export function livesOn(lower: LayerSetup, isGone: IsGone): Maker | undefined | number {
  let living: Maker | undefined;
  const act = (_: number, name: Uint8Array) => {
    living ??= makerNamed(name);
  };
  const read = eachLeftover(lower, 'alive', (maker) => !isGone(maker), act, makerNamed);
  // Root's, where an ordinary user mounts: his own daemon would change nothing of what lies there.
  return living ?? (read < 0 && read !== -EACCES ? read : undefined);
}
