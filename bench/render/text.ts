// A workload's figures on the terminal.

import { peersIn, type Row, titleOf, toBaseline, toBestFuse } from '../report.ts';
import { summary } from '../statistics.ts';
import { figure, ratio } from './numbers.ts';

const WIDTHS = [20, 12, 22, 14, 16];

/** Medians, the middle half, and how each peer compares; a ratio above 1 is better, whatever the unit. */
export function textOf(row: Row): string {
  const head = [row.unit, 'median', 'middle half', `to ${row.baseline}`, 'to the best FUSE'];
  const lines = peersIn([row]).map((peer) => {
    const { median, low, high } = summary(row.samples[peer] ?? []);
    return [
      peer,
      figure(median),
      `${figure(low)} – ${figure(high)}`,
      ratio(toBaseline(row, peer)),
      ratio(toBestFuse(row, peer)),
    ];
  });
  return [`${row.storage}, ${row.workload}: ${titleOf(row)}`, ...[head, ...lines].map(line)].join('\n');
}

const line = (cells: readonly string[]): string =>
  cells
    .map((cell, i) => (i === 0 ? `  ${cell}`.padEnd(WIDTHS[i] ?? 0) : cell.padStart(WIDTHS[i] ?? 0)))
    .join(' ');
