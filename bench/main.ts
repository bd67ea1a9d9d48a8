// npm run bench: every workload on every peer. Prints medians, spread and ratios, and writes them to a folder, as JSON and as a page.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Guard } from '../test/mounted/guard.ts';
import { isRoot } from '../test/mounted/tools.ts';
import { available, install } from './install.ts';
import { describeMachine } from './machine.ts';
import { Group, groupsOf, type Run } from './measure.ts';
import { type Chosen, type Options, parseOptions, USAGE, UsageError } from './options.ts';
import { guardScript, notedRatios } from './places.ts';
import { htmlOf } from './render/html.ts';
import { markdownOf } from './render/markdown.ts';
import { pictureOf } from './render/plot.ts';
import { textOf } from './render/text.ts';
import { groupsOf as groupsOfRows, plotName, type Report } from './report.ts';
import { type Noted, ratiosOf, regressions } from './smoke.ts';
import { withStorage } from './storage.ts';
import { Tools } from './tools.ts';
import { Watch } from './watch.ts';
import type { Storage } from './workload.ts';

/** What the benchmark itself works with. */
const NEEDED = ['gcc', 'mkfs.ext4'];

async function benchmark(options: Options, interrupted: AbortSignal): Promise<Report> {
  if (!isRoot) throw new Error('it makes and mounts file systems: run it as root');
  const workloads = options.workloads.map(({ workload }) => workload);
  if (options.install)
    install([...NEEDED, ...[...workloads, ...options.peers].flatMap(({ needs }) => needs)]);
  const notes: string[] = [];
  const note = (what: string) => {
    notes.push(what);
    console.log(`left out: ${what}`);
  };
  const peers = available(options.peers, note);
  const runnable = new Set(available(workloads, note));
  const { rounds, scale, named } = options;
  const report: Report = {
    date: new Date().toISOString(),
    machine: describeMachine(peers),
    rounds,
    scale,
    rows: [],
    notes,
    took: {},
  };
  const scratch = mkdtempSync(`${options.directory}/migratefs-bench-`);
  const guard = new Guard(scratch, guardScript);
  try {
    const tools = new Tools(scratch, scale, interrupted);
    const run: Run = { tools, guard, peers, named, rounds, interrupted, note };
    const chosen = options.workloads.filter(({ workload }) => runnable.has(workload));
    for (const storage of options.storages) {
      for (const group of groupsOf(chosen, storage)) {
        await measureGroup(group, storage, run, report, () => write(report, options.report));
      }
    }
  } finally {
    await guard.end(); // and with it all that is left
  }
  return report;
}

async function measureGroup(
  chosen: readonly Chosen[],
  storage: Storage,
  run: Run,
  report: Report,
  save: () => void,
): Promise<void> {
  const watch = new Watch(report.took, storage);
  await withStorage(storage, run.tools.scratch, async (made) => {
    const workloads = chosen.map(({ workload }) => workload);
    const group = new Group(workloads, storage, made, run);
    try {
      await group.make();
      watch.lap(`${chosen[0]?.family.name} (layers and mounts)`);
      for (const one of chosen) {
        const rows = await group.measure(one);
        watch.lap(one.workload.name);
        report.rows.push(...rows);
        for (const row of rows) console.log(`\n${textOf(row)}`);
        save();
      }
    } finally {
      await group.close();
    }
  });
}

function write(report: Report, folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/report.json`, `${JSON.stringify(report, undefined, 1)}\n`);
  writeFileSync(`${folder}/report.html`, htmlOf(report));
}

/** One for each table. */
function writePlots(report: Report, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const { storage, family, rows } of groupsOfRows(report.rows)) {
    const picture = pictureOf(rows);
    if (picture !== '') writeFileSync(`${folder}/${plotName(family, storage)}`, picture);
  }
}

/** @returns whether all is as it was */
function compare(report: Report, kind: 'check' | 'note'): boolean {
  if (kind === 'note') {
    writeFileSync(notedRatios, `${JSON.stringify(ratiosOf(report), undefined, 2)}\n`);
    return true;
  }
  const noted = existsSync(notedRatios) ? (JSON.parse(readFileSync(notedRatios, 'utf8')) as Noted) : {};
  const worse = regressions(report, noted);
  console.log(
    [
      '',
      ...worse.map((line) => `WORSE: ${line}`),
      `${worse.length} of ${Object.keys(noted).length} noted ratios are worse by half`,
    ].join('\n'),
  );
  return worse.length === 0;
}

async function main(options: Options): Promise<boolean> {
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => interruption.abort(new Error('interrupted')));
  const report = options.from
    ? (JSON.parse(readFileSync(options.from, 'utf8')) as Report)
    : await benchmark(options, interruption.signal);
  if (options.from) write(report, options.report);
  if (options.plots) writePlots(report, options.plots);
  if (options.markdown) console.log(`\n${markdownOf(report, options.plots && basename(options.plots))}`);
  console.log(`\n${options.report}/report.html`);
  return options.smoke === undefined || compare(report, options.smoke);
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) console.log(USAGE);
  else if (!(await main(options))) process.exitCode = 1;
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
