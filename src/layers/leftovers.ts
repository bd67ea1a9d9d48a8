// What processes that are gone have left in one of our folders, under names of theirs.

import { ENOENT } from '../../protocol/errno.ts';
import { O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../sys/constants.ts';
import { type CString, cstring } from '../sys/cstring.ts';
import { eachDirent } from '../sys/dirents.ts';
import { close, openat } from '../sys/fd.ts';
import { unlinkat } from '../sys/path.ts';
import { type IsGone, makerOf } from './maker.ts';
import { isMark, STALE, standing } from './marks.ts';
import type { PrivateFolder } from './private.ts';
import type { LayerSetup } from './setup.ts';

/**
 * Call it as the daemon. @param act with a descriptor of the folder, a name in it and its type (DT_*); it may change the folder.
 * @param makerIn tells whose a name is
 * @returns 0, also where there is no such folder, or the errno with which it cannot be opened or read to its end
 */
export function eachLeftover(
  layer: LayerSetup,
  folder: PrivateFolder,
  isGone: IsGone,
  act: Act,
  makerIn = makerOf,
): number {
  return each(layer, folder, act, (name) => {
    const maker = makerIn(name);
    return maker !== undefined && isGone(maker);
  });
}

/** Call it as the daemon, when leftovers have been seen to: takes away the marks of records that are gone (marks.ts). @returns as `eachLeftover` */
export function sweepMarks(layer: LayerSetup, folder: PrivateFolder): number {
  const drop: Act = (dir, name) => {
    if (standing(dir, name) === STALE) unlinkat(dir, name, 0);
  };
  return each(layer, folder, drop, isMark);
}

type Act = (dir: number, name: CString, type: number) => void;

function each(
  { ours }: LayerSetup,
  folder: PrivateFolder,
  act: Act,
  isWanted: (name: CString) => boolean,
): number {
  const dir = openat(ours, cstring(folder), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (dir < 0) return dir === -ENOENT ? 0 : dir;
  const left: [CString, number][] = [];
  const read = eachDirent(dir, ({ name, type }) => {
    if (isWanted(name)) left.push([name.slice(), type]);
    return true;
  });
  for (const [name, type] of left) act(dir, name, type);
  close(dir);
  return Math.min(read, 0);
}
