// Simple delta debugging: leaves out operations, then parts of the layout, as long as the same difference stays.

import { closed, type Entry } from './layout.ts';
import type { Operation } from './side.ts';
import { type Difference, type Place, Trial } from './trial.ts';

export interface Case {
  layout: readonly Entry[];
  operations: readonly Operation[];
  difference: Difference;
}

/** Runs a sequence once. */
export function attempt(
  place: Place,
  layout: readonly Entry[],
  operations: readonly Operation[],
): Difference | undefined {
  const trial = new Trial(place, layout);
  try {
    return trial.run((i) => operations[i]);
  } finally {
    trial.clear();
  }
}

/** Two differences are taken for one when the same call answers the same two things; of trees, when what differs is of one sort. */
function sort({ operations, expected, got }: Difference): string {
  const call = operations.at(-1)?.call ?? '';
  if (expected !== 'the same tree') return `${call} ${expected.slice(0, 12)} ${got.slice(0, 12)}`;
  return got
    .replace(/"[^"]*"/, '')
    .split(' ')
    .slice(0, 3)
    .join(' ');
}

/** @param milliseconds after which what there is must do. */
export function reduce(place: Place, found: Case, milliseconds: number): Case {
  const end = performance.now() + milliseconds;
  const wanted = sort(found.difference);
  let best: Case = found;
  const holds = (layout: readonly Entry[], operations: readonly Operation[]): boolean => {
    const difference = attempt(place, layout, operations);
    if (!difference || sort(difference) !== wanted) return false;
    best = { layout, operations: difference.operations.slice(), difference };
    return true;
  };
  for (let size = -1; size !== best.operations.length + best.layout.length && performance.now() < end; ) {
    size = best.operations.length + best.layout.length;
    drop(
      () => best.operations,
      (rest) => holds(best.layout, rest),
      end,
    );
    drop(
      () => best.layout,
      (rest) => rest.some((each) => each.path === '') && holds(closed(rest), best.operations),
      end,
    );
  }
  return best;
}

/** Leaves out pieces, from halves down to single ones. */
function drop<T>(current: () => readonly T[], holds: (rest: readonly T[]) => boolean, end: number): void {
  for (
    let piece = Math.ceil(current().length / 2);
    piece >= 1;
    piece = piece === 1 ? 0 : Math.ceil(piece / 2)
  ) {
    for (let at = current().length - piece; at > -piece; at -= piece) {
      if (performance.now() > end) return;
      const now = current();
      const from = Math.max(0, at);
      const rest = [...now.slice(0, from), ...now.slice(at + piece)];
      if (rest.length < now.length) holds(rest);
    }
  }
}
