// The tables of docs/performance.md.

import {
  groupsOf,
  medianOf,
  peersIn,
  plotName,
  type Report,
  type Row,
  titleOf,
  toBaseline,
  toBestFuse,
} from '../report.ts';
import { summary } from '../statistics.ts';
import { figure, ratio } from './numbers.ts';
import { pictureOf } from './plot.ts';

const OURS = 'migratefs';

/** @param plots the folder of the plots, as the page is to name it; undefined: without them */
export function markdownOf(report: Report, plots?: string): string {
  const machine = Object.entries(report.machine).map(([what, value]) => `- ${what}: ${value}`);
  const head = [
    `${report.date.slice(0, 10)}, medians of ${report.rounds} interleaved rounds, scale ${report.scale}:`,
    '',
    ...machine,
  ];
  const tables = groupsOf(report.rows).map(({ storage, family, rows }) =>
    [
      `### ${family}, ${storage}`,
      ...(plots === undefined || pictureOf(rows) === ''
        ? []
        : [`![${family}, ${storage}](${plots}/${plotName(family, storage)})`]),
      tableOf(rows).join('\n'),
    ].join('\n\n'),
  );
  const notes = report.notes.map((note) => `- ${note}`);
  return [head.join('\n'), ...tables, ...(notes.length > 0 ? [`Left out:\n\n${notes.join('\n')}`] : [])].join(
    '\n\n',
  );
}

function tableOf(rows: readonly Row[]): string[] {
  const names = peersIn(rows);
  const last = names.includes(OURS) ? [`${OURS} to the baseline`, 'to the best FUSE'] : [];
  const head = ['Workload', 'Unit', ...names, ...last];
  const lines = rows.map((row) => [
    titleOf(row),
    row.unit,
    ...names.map((name) => cell(row, name)),
    ...(last.length > 0
      ? [`${ratio(toBaseline(row, OURS))} ${row.baseline}`, ratio(toBestFuse(row, OURS))]
      : []),
  ]);
  const rule = head.map((_, i) => (i < 2 ? '---' : '---:'));
  return [head, rule, ...lines].map((cells) => `| ${cells.join(' | ')} |`);
}

/** The median, and half the width of the middle half in percent of it. */
function cell(row: Row, name: string): string {
  const { low, high } = summary(row.samples[name] ?? []);
  const median = medianOf(row, name);
  if (!Number.isFinite(median)) return '–';
  return `${figure(median)} ±${Math.round((50 * (high - low)) / median) || 0} %`;
}
