// What the benchmark makes of its figures: medians, ratios, tables, the page, and the check of the smoke run.
import t from 'tap';
import { htmlOf } from '../../bench/render/html.ts';
import { markdownOf } from '../../bench/render/markdown.ts';
import { figure } from '../../bench/render/numbers.ts';
import { pictureOf } from '../../bench/render/plot.ts';
import { textOf } from '../../bench/render/text.ts';
import { keyOf, plotName, type Report, type Row, toBaseline, toBestFuse } from '../../bench/report.ts';
import { Samples } from '../../bench/samples.ts';
import { ratiosOf, regressions } from '../../bench/smoke.ts';
import { advantage, quantile, summary } from '../../bench/statistics.ts';

const rate: Row = {
  storage: 'tmpfs',
  family: 'Metadata',
  workload: 'stat-1',
  title: 'stat & <more>',
  unit: 'ops/s',
  baseline: 'native',
  samples: {
    native: [900, 1000, 1100],
    'fuse-overlayfs': [300, 200, 250],
    mergerfs: [100, 125, 150],
    migratefs: [500, 500, 500],
  },
};
const time: Row = {
  ...rate,
  storage: 'ext4',
  workload: 'busy',
  part: 'p99',
  title: 'busy',
  unit: 'ms',
  baseline: 'overlayfs',
  samples: { overlayfs: [2, 2, 2], 'unionfs-fuse': [8, 8, 8], migratefs: [4, 4, 4] },
};
const lonely: Row = { ...rate, workload: 'lonely', title: 'lonely', samples: { migratefs: [1] } };
const report: Report = {
  date: '2026-01-02T03:04:05.000Z',
  machine: { Kernel: '6.1 <x>' },
  rounds: 3,
  scale: 0.05,
  rows: [rate, time, lonely],
  notes: ['mergerfs: <gone>'],
  took: {},
};

t.test('medians and quartiles', async (t) => {
  t.equal(quantile([4, 1, 3, 2], 0.5), 2.5);
  t.equal(quantile([7], 0.25), 7);
  t.ok(Number.isNaN(quantile([], 0.5)));
  t.same(summary([5, 1, 2, 4, 3]), { median: 3, low: 2, high: 4, least: 1, most: 5 });
});

t.test('above 1 is better, whatever the unit', async (t) => {
  t.equal(advantage(20, 10, 'ops/s'), 2);
  t.equal(advantage(20, 10, 'ms'), 0.5);
  t.equal(toBaseline(rate, 'migratefs'), 0.5);
  t.equal(toBestFuse(rate, 'migratefs'), 2);
  t.equal(toBestFuse(rate, 'fuse-overlayfs'), 2, 'of the others');
  t.equal(toBaseline(time, 'migratefs'), 0.5);
  t.equal(toBestFuse(time, 'migratefs'), 2);
  t.ok(Number.isNaN(toBaseline(lonely, 'migratefs')));
  t.ok(Number.isNaN(toBestFuse(lonely, 'migratefs')));
});

t.test('three digits that mean something', async (t) => {
  t.same([1234567, 123.4, 12.34, 1.234, 0.001234, 0, Number.NaN].map(figure), [
    '1,234,567',
    '123',
    '12.3',
    '1.23',
    '0.00123',
    '0',
    '–',
  ]);
});

t.test('samples become rows, by part, less those who have failed', async (t) => {
  const workload = { name: 'w', title: 'w', needs: [], run: async () => 1, unit: 's' as const };
  const one = new Samples('tmpfs', 'F', workload);
  one.keep('native', 1);
  one.keep('native', 2);
  one.keep('mergerfs', 3);
  one.drop('mergerfs');
  t.same(one.rows(), [
    {
      storage: 'tmpfs',
      family: 'F',
      workload: 'w',
      title: 'w',
      unit: 's',
      baseline: 'native',
      samples: { native: [1, 2] },
    },
  ]);
  const two = new Samples('tmpfs', 'F', { ...workload, parts: { a: 'ms', b: 'MB' } });
  two.keep('native', { a: 1, b: 2 });
  t.match(two.rows(), [
    { part: 'a', unit: 'ms', samples: { native: [1] } },
    { part: 'b', unit: 'MB', samples: { native: [2] } },
  ]);
});

t.test('text and Markdown', async (t) => {
  t.match(textOf(rate), /migratefs +500 +500 – 500 +0\.500 × +2\.00 ×/);
  const markdown = markdownOf(report);
  t.match(
    markdown,
    '### Metadata, tmpfs\n\n| Workload | Unit | native | fuse-overlayfs | mergerfs | migratefs |',
  );
  t.match(
    markdown,
    '| stat & <more> | ops/s | 1,000 ±5 % | 250 ±10 % | 125 ±10 % | 500 ±0 % | 0.500 × native | 2.00 × |',
  );
  t.match(
    markdownOf(report, 'plots'),
    '### Metadata, tmpfs\n\n![Metadata, tmpfs](plots/metadata-tmpfs.svg)\n\n|',
  );
  t.match(markdown, '| busy: p99 | ms | 2 ±0 % | 8 ±0 % | 4 ±0 % | 0.500 × overlayfs | 2.00 × |');
});

t.test('one page that needs nothing else, in light and dark', async (t) => {
  const html = htmlOf(report);
  t.match(html, /prefers-color-scheme: dark/);
  t.match(html, /<svg [\s\S]*<circle/);
  t.notMatch(html, /<script|<link|https?:|url\(|@import/);
  t.match(html, 'stat &amp; &lt;more&gt;');
  t.notMatch(html, /<more>|<gone>|<x>/);
  t.notMatch(html, /NaN|Infinity|undefined/);
});

t.test('a plot as a file of its own', async (t) => {
  const picture = pictureOf([rate, lonely]);
  t.match(picture, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox/);
  t.match(picture, /prefers-color-scheme: dark/);
  for (const name of ['native', 'fuse-overlayfs', 'mergerfs', 'migratefs'])
    t.match(picture, `>${name}</text>`, 'the key');
  t.match(picture, 'stat &amp; &lt;more&gt;');
  t.notMatch(picture, /<script|url\(|@import|NaN|Infinity|undefined|>lonely</);
  t.equal(picture.match(/<title>/g)?.length, 4, 'a mark for each peer');
  t.equal(pictureOf([lonely]), '', 'nothing to compare with');
  t.equal(plotName('Latency under trouble', 'ext4'), 'latency-under-trouble-ext4.svg');
});

t.test('the smoke run: twice as slow is a regression, and so is what is gone', async (t) => {
  t.same(ratiosOf(report), { 'tmpfs/stat-1': 0.5, 'ext4/busy/p99': 0.5 });
  t.equal(keyOf(time), 'ext4/busy/p99');
  t.same(regressions(report, { 'tmpfs/stat-1': 0.9, 'ext4/busy/p99': 1 }), []);
  t.same(regressions(report, { 'tmpfs/stat-1': 1.1, 'tmpfs/gone': 1 }), [
    'tmpfs/stat-1: 0.5 ×, 1.1 × was noted',
    'tmpfs/gone: not measured, 1 × was noted',
  ]);
});
