// Figures of several rounds: medians, spread, and how they compare.

import { moreIsBetter, type Unit } from './workload.ts';

export interface Summary {
  readonly median: number;
  /** The middle half of the samples. */
  readonly low: number;
  readonly high: number;
  readonly least: number;
  readonly most: number;
}

/** The value below which a share of the samples lies, interpolated; NaN of none. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}

export function summary(samples: readonly number[]): Summary {
  return {
    median: quantile(samples, 0.5),
    low: quantile(samples, 0.25),
    high: quantile(samples, 0.75),
    least: Math.min(...samples),
    most: Math.max(...samples),
  };
}

/** How much better one figure is than another: 2 is twice the rate, or half the time. */
export function advantage(value: number, over: number, unit: Unit): number {
  return moreIsBetter(unit) ? value / over : over / value;
}
