// What daemons that are gone have left half done, put in order: at the start of a mount those of this host, by vigil.ts any other.

import { ENOENT, errnoName } from '../../protocol/errno.ts';
import type { Log } from '../log/log.ts';
import { unlinkat } from '../sys/path.ts';
import { finishCopies } from './finishcopy.ts';
import { finishLinks } from './finishlinks.ts';
import { eachLeftover } from './leftovers.ts';
import { type IsGone, makerNamed, makerOf, nameOfMaker } from './maker.ts';
import { recover } from './recover.ts';
import { type FileSystemSetup, type LayerSetup, UPPER } from './setup.ts';
import { textOf } from './spot.ts';
import { sweep } from './sweep.ts';

/** @param isGone whose leftovers are wanted. */
export function finishGone(setup: FileSystemSetup, log: Log, isGone: IsGone): void {
  recover(setup, log, isGone);
  finishCopies(setup, log, isGone);
  sweep(setup, log, isGone);
  // By its sign of life: who dies over a name of a linked file may have left nothing else. Last, since what the sweep takes away are names as well.
  let died = false;
  const read = eachLeftover(upperOf(setup), 'alive', isGone, () => (died = true), makerNamed);
  if (died || read < 0) finishLinks(setup, log);
}

/** Takes the signs of life of daemons that are gone away, when all is in order that they have left: but for those whose records of renames stand. */
export function dropSigns(setup: FileSystemSetup, log: Log, isGone: IsGone): void {
  const upper = upperOf(setup);
  const waited = new Set<string>();
  const known = eachLeftover(upper, 'intents', isGone, (_, name) => {
    const maker = makerOf(name);
    if (maker !== undefined) waited.add(nameOfMaker(maker));
  });
  if (known < 0) return;
  const drop = (dir: number, name: Uint8Array) => {
    const removed = waited.has(textOf(name)) ? 0 : unlinkat(dir, name, 0);
    if (removed < 0 && removed !== -ENOENT)
      log.warn('sweep_failed', { layer: upper.path, name: name.subarray(0, -1), error: errnoName(-removed) });
  };
  eachLeftover(upper, 'alive', isGone, drop, makerNamed);
}

const upperOf = ({ layers }: FileSystemSetup): LayerSetup => layers[UPPER] as LayerSetup;
