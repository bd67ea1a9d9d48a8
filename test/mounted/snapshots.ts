// Power cuts: what has reached the device of a layer at some moment, and nothing that was only in memory. The layers lie on image files
// (option `store`), and a clone of such a file, made in one step, is what a machine finds when it has power again.

import { type Backing, unmountPath } from './backing.ts';
import { type Mounted, must } from './support.ts';

/** What is on each layer's device, by the clones' paths. */
export interface Cut {
  readonly label: string;
  readonly upper: string;
  readonly lower: string[];
}

let serial = 0;

function clone(path: string): string {
  const image = path.replace(/[^/]+$/, 'store/$&.img');
  const copy = `${image}.${++serial}`;
  must('cp', ['--reflink=always', image, copy]);
  return copy;
}

// Without a word to migratefs.
const settle = (path: string) => must('sync', ['-f', path]);

/** All that was done so far is durable. */
export function settleAll(m: Mounted): void {
  for (const path of [m.upper, ...m.lower]) settle(path);
}

/**
 * What a power cut now could leave when one storage has been quicker than the other: of the one all that it was given, of the other only what
 * it was asked to make durable. @param quicker that one alone; default: first the old, then the new one
 */
export function worstCuts(m: Mounted, label: string, quicker?: 'old' | 'new'): Cut[] {
  const asked = { upper: clone(m.upper), lower: m.lower.map(clone) };
  settleAll(m);
  const given = { upper: clone(m.upper), lower: m.lower.map(clone) };
  const cuts = {
    old: { label: `${label}, the old storage was quicker`, upper: asked.upper, lower: given.lower },
    new: { label: `${label}, the new storage was quicker`, upper: given.upper, lower: asked.lower },
  };
  return quicker === undefined ? [cuts.old, cuts.new] : [cuts[quicker]];
}

/** Puts what a cut has left in the layers' places, for the next mount. The mount must have ended. */
export function powerOn(m: Mounted, cut: Cut, backing: Backing, upperBacking: Backing): void {
  replace(m.upper, cut.upper, upperBacking);
  m.lower.forEach((path, i) => {
    replace(path, cut.lower[i] as string, backing);
  });
}

function replace(path: string, image: string, backing: Backing): void {
  const fault = unmountPath(path);
  if (fault !== undefined) throw new Error(fault);
  // The clones of one file system have the same UUID.
  must('mount', ['-t', backing, '-o', backing === 'xfs' ? 'loop,nouuid' : 'loop', image, path]);
}
