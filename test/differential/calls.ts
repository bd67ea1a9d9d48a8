// The table of calls: how often each is drawn, what it is drawn with, and how it is done on one side.

import { fileCalls } from './calls-files.ts';
import { metadataCalls } from './calls-metadata.ts';
import { nameCalls } from './calls-names.ts';
import type { Chooser, Chosen } from './chooser.ts';
import type { Operation, Side } from './side.ts';

export interface CallRow {
  /** How often, compared with the others. */
  readonly weight: number;
  readonly make: (g: Chooser) => Chosen;
  /** @returns the outcome as text, which must be the same on both sides. */
  readonly run: (side: Side, operation: Operation) => string;
}

/** Looks at both trees whole; see tree.ts. It is an operation, so that it can be left out when a sequence is reduced. */
export const COMPARE = 'compare';

const COMPARE_WEIGHT = 6;
const rows: Record<string, CallRow> = { ...nameCalls, ...fileCalls, ...metadataCalls };
const names = [...Object.keys(rows), COMPARE];
const weights = [...Object.values(rows).map((row) => row.weight), COMPARE_WEIGHT];

export function drawOperation(g: Chooser): Operation {
  const call = names[g.random.weighted(weights)] as string;
  const as = call === COMPARE ? 0 : g.user();
  return { call, as, targets: [], slots: [], numbers: [], text: '', ...rows[call]?.make(g) };
}

export function runOperation(side: Side, operation: Operation): string {
  const row = rows[operation.call];
  if (!row) throw new Error(`no call ${operation.call}`);
  return row.run(side, operation);
}
