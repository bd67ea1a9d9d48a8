// A plot as SVG: for each row how the peers compare with the baseline, on a logarithmic scale; the thin line is from the worst round to the
// best, the mark is the median.

import { medianOf, peersIn, type Row, titleOf } from '../report.ts';
import { advantage, summary } from '../statistics.ts';
import { escaped } from './escaped.ts';
import { figure, ratio } from './numbers.ts';
import { PLOT_STYLE } from './style.ts';

const LABELS = 380;
const PLOT = 560;
const ROW = 30;
const TOP = 26;
/** Letters in a line of a label. */
const LINE = 58;

const WIDTH = LABELS + PLOT + 20;
/** Of a name in the key of a picture. */
const KEY = 150;
const KEYS = Math.floor(WIDTH / KEY);
const KEY_ROW = 20;

/** Where a ratio stands, between the ends of the scale. */
type Place = (ratio: number) => number;

/** A plot for a page that has the styles and the key. @returns '' where there is nothing to be seen */
export function plotOf(rows: readonly Row[]): string {
  const { height, lines } = draw(rows);
  return lines.length === 0 ? '' : [`<svg ${frame(height)}>`, ...lines, '</svg>'].join('\n');
}

/** A plot that stands for itself, as a file. @returns '' where there is nothing to be seen */
export function pictureOf(rows: readonly Row[]): string {
  const { height, lines } = draw(rows);
  if (lines.length === 0) return '';
  const names = peersIn(rows);
  const above = KEY_ROW * Math.ceil(names.length / KEYS) + 10;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${frame(height + above)}>`,
    `<style>${PLOT_STYLE}</style>`,
    '<rect class="back" width="100%" height="100%"/>',
    ...names.map(keyOf),
    `<g transform="translate(0 ${above})">`,
    ...lines,
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

const frame = (height: number): string =>
  `viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="ratios to the baseline"`;

function keyOf(name: string, i: number): string {
  const x = 14 + KEY * (i % KEYS);
  const y = 16 + KEY_ROW * Math.floor(i / KEYS);
  return `<g class="peer ${name}"><circle cx="${x}" cy="${y}" r="4"/></g><text x="${x + 10}" y="${y + 4}">${name}</text>`;
}

function draw(rows: readonly Row[]): { height: number; lines: string[] } {
  const shown = rows.filter((row) => Number.isFinite(medianOf(row, row.baseline)));
  if (shown.length === 0) return { height: 0, lines: [] };
  const names = peersIn(shown);
  const ratios = shown.flatMap((row) => names.flatMap((name) => Object.values(rangeOf(row, name))));
  const finite = ratios.filter((value) => Number.isFinite(value) && value > 0);
  const [from, to] = [Math.min(0.5, ...finite) / 1.1, Math.max(2, ...finite) * 1.1];
  const place: Place = (value) => LABELS + (PLOT * Math.log(value / from)) / Math.log(to / from);
  const height = TOP + ROW * shown.length + 8;
  const lines = [
    ...ticks(from, to).map((tick) => gridLine(tick, place(tick), height)),
    ...shown.flatMap((row, i) => rowOf(row, names, TOP + ROW * (i + 0.5), place)),
  ];
  return { height, lines };
}

function rangeOf(row: Row, name: string): { median: number; worst: number; best: number } {
  const { median, least, most } = summary(row.samples[name] ?? []);
  const over = (value: number) => advantage(value, medianOf(row, row.baseline), row.unit);
  const ends = [over(least), over(most)];
  return { median: over(median), worst: Math.min(...ends), best: Math.max(...ends) };
}

function ticks(from: number, to: number): number[] {
  const all: number[] = [];
  const steps = to / from > 300 ? [1] : [1, 2, 5];
  for (let power = Math.floor(Math.log10(from)); 10 ** power <= to; power++) {
    all.push(...steps.map((step) => step * 10 ** power));
  }
  return all.filter((tick) => tick >= from && tick <= to);
}

const gridLine = (tick: number, x: number, height: number): string =>
  `<line class="${tick === 1 ? 'one' : 'grid'}" x1="${x}" x2="${x}" y1="${TOP - 8}" y2="${height}"/>` +
  `<text class="tick" x="${x}" y="${TOP - 12}">${Number(tick.toPrecision(2))}</text>`;

function rowOf(row: Row, names: readonly string[], y: number, place: Place): string[] {
  const drawn = names.filter((name) => Number.isFinite(medianOf(row, name)) && medianOf(row, name) > 0);
  // Apart from one another by a little, so that equal ones are all seen.
  const step = (ROW - 10) / Math.max(1, drawn.length - 1);
  return [
    ...labelOf(titleOf(row), y),
    ...drawn.map((name, i) => {
      const { median, worst, best } = rangeOf(row, name);
      const at = y - (ROW - 10) / 2 + i * step;
      const said = `${name}: ${figure(medianOf(row, name))} ${row.unit}, ${ratio(median)} ${row.baseline}`;
      return (
        `<g class="peer ${name}"><title>${escaped(said)}</title>` +
        `<line x1="${place(worst)}" x2="${place(best)}" y1="${at}" y2="${at}"/>` +
        `<circle cx="${place(median)}" cy="${at}" r="${name === 'migratefs' ? 5 : 3.5}"/></g>`
      );
    }),
  ];
}

/** A title in one line or two. */
function labelOf(title: string, y: number): string[] {
  const at = title.length > LINE ? title.lastIndexOf(' ', LINE) : title.length;
  const lines = [title.slice(0, at), title.slice(at + 1)].filter((line) => line !== '');
  return lines.map((line, i) => {
    const base = y + 4 + 13 * (i - (lines.length - 1) / 2);
    return `<text class="label" x="${LABELS - 12}" y="${base}">${escaped(line)}</text>`;
  });
}
