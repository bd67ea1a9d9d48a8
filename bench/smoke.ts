// The short run that finds what has become twice as slow. It looks at ratios alone: figures differ from machine to machine.

import { keyOf, type Report, toBaseline } from './report.ts';

/** As options of the command line. */
export const smoke = {
  only: 'stat-same-1,stat-1,stat-cold-1,open-1,create-1,create-8,unlink-1,rename-1,readdir,read-upper,read-lower,write-upper,randread-uncached,randwrite-upper,small-read,copyup-large,copyup-small-1',
  peers: 'native,migratefs,cp,rsync',
  storage: 'tmpfs',
  rounds: '5',
  scale: '0.01',
};

/** Ratios that were had, by the rows' keys. */
export type Noted = Readonly<Record<string, number>>;

const OURS = 'migratefs';
/** By how much a ratio may be worse than it was. */
const BOUND = 2;

export function ratiosOf(report: Report): Noted {
  const entries = report.rows.map((row) => [keyOf(row), toBaseline(row, OURS)] as const);
  return Object.fromEntries(
    entries
      .filter(([, ratio]) => Number.isFinite(ratio))
      .map(([key, ratio]) => [key, Number(ratio.toPrecision(3))]),
  );
}

/** @returns what is worse than noted by more than the bound, a line each */
export function regressions(report: Report, noted: Noted): string[] {
  const now = ratiosOf(report);
  return Object.entries(noted).flatMap(([key, before]) => {
    const ratio = now[key];
    if (ratio === undefined) return [`${key}: not measured, ${before} × was noted`];
    return ratio < before / BOUND ? [`${key}: ${ratio} ×, ${before} × was noted`] : [];
  });
}
