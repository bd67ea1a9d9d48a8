// Two storages that have changed places on one host, while another has them the right way round, would be drained into one another for ever.

import { eachLeftover } from './leftovers.ts';
import { type IsGone, type Maker, makerNamed } from './maker.ts';
import type { LayerSetup } from './setup.ts';

/** A daemon that has an old layer as its new storage, and lives or may live: signs of life lie in upper layers alone. */
export function livesOn(lower: LayerSetup, isGone: IsGone): Maker | undefined {
  let living: Maker | undefined;
  const act = (_: number, name: Uint8Array) => {
    living ??= makerNamed(name);
  };
  eachLeftover(lower, 'alive', (maker) => !isGone(maker), act, makerNamed);
  return living;
}
