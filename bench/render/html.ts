// A report as one page that needs nothing besides, in light and in dark.

import { groupsOf, peersIn, type Report, type Row, titleOf, toBaseline, toBestFuse } from '../report.ts';
import { summary } from '../statistics.ts';
import { escaped } from './escaped.ts';
import { figure, ratio } from './numbers.ts';
import { plotOf } from './plot.ts';
import { PLOT_STYLE } from './style.ts';

const STYLE = `${PLOT_STYLE}
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; background: var(--back); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
h1, h2 { line-height: 1.2 } h2 { margin-top: 2.5rem }
svg { width: 100%; height: auto }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid var(--faint); white-space: nowrap }
th:first-child, td:first-child { text-align: left; white-space: normal; min-width: 16rem }
small, .soft { color: var(--soft) } .key { display: inline-block; margin-right: 1.2rem; white-space: nowrap }
.key::before { content: ""; display: inline-block; width: .7em; height: .7em; border-radius: 50%; margin-right: .4em; background: var(--peer) }
`;

export function htmlOf(report: Report): string {
  const machine = Object.entries(report.machine).map(
    ([what, value]) => `<br>${escaped(what)}: ${escaped(value)}`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>migratefs beside others</title>
<style>${STYLE}</style>
<h1>migratefs beside others</h1>
<p class="soft">${escaped(report.date)}, medians of ${report.rounds} interleaved rounds, scale ${report.scale}${machine.join('')}</p>
<p>Each plot compares with the baseline, which is the plain directory unless a row names another: right of the dashed line is better.
A line goes from the worst round to the best, the dot is the median. Point at a dot for its figures.</p>
${groupsOf(report.rows)
  .map(({ storage, family, rows }) => sectionOf(`${family}, ${storage}`, rows))
  .join('\n')}
${report.notes.length > 0 ? `<h2>Left out</h2>\n<ul>${report.notes.map((note) => `<li>${escaped(note)}`).join('\n')}</ul>` : ''}
</html>
`;
}

function sectionOf(title: string, rows: readonly Row[]): string {
  const names = peersIn(rows);
  return `<section>
<h2>${escaped(title)}</h2>
<p>${names.map((name) => `<span class="key ${name}">${name}</span>`).join(' ')}</p>
${plotOf(rows)}
<div class="scroll"><table>
<tr><th>${['Workload', 'Unit', ...names].join('<th>')}
${rows.map((row) => `<tr><td>${[escaped(titleOf(row)), row.unit, ...names.map((name) => cell(row, name))].join('<td>')}`).join('\n')}
</table></div>
</section>`;
}

function cell(row: Row, name: string): string {
  const samples = row.samples[name];
  if (samples === undefined) return '–';
  const { median, low, high } = summary(samples);
  return (
    `${figure(median)}<br><small title="${samples.map(figure).join(', ')}">${figure(low)} – ${figure(high)}<br>` +
    `${ratio(toBaseline(row, name))} ${row.baseline}<br>${ratio(toBestFuse(row, name))} best FUSE</small>`
  );
}
