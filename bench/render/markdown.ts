// The tables of docs/performance.md.

import {
  groupsOf,
  medianOf,
  peersIn,
  type Report,
  type Row,
  titleOf,
  toBaseline,
  toBestFuse,
} from '../report.ts';
import { summary } from '../statistics.ts';
import { figure, ratio } from './numbers.ts';

const OURS = 'migratefs';

export function markdownOf(report: Report): string {
  const machine = Object.entries(report.machine).map(([what, value]) => `- ${what}: ${value}`);
  const head = [
    `${report.date.slice(0, 10)}, medians of ${report.rounds} interleaved rounds, scale ${report.scale}:`,
    '',
    ...machine,
  ];
  const tables = groupsOf(report.rows).map(
    ({ storage, family, rows }) => `### ${family}, ${storage}\n\n${tableOf(rows).join('\n')}`,
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
