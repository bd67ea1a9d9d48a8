// What is measured. A workload prepares its files in a peer's layers, then is run again and again on the mounted tree; each run gives
// microseconds for one operation.

import { spawnSync } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ground } from './peers.ts';

export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly needs: readonly string[];
  prepare(ground: Ground): void;
  /** @param plain the tree is a plain directory: all files are in the upper layer. @returns microseconds for one operation. */
  run(tree: string): number;
}

const FILES = 200;
const STATS = 10_000;
const BIG = 64 << 20;

/** A plain directory stands for both layers, so whatever the lower layer has is put there too. */
function layersOf(ground: Ground): readonly string[] {
  return ground.mountpoint.includes('/plain/') ? [ground.upper] : [ground.lower];
}

function makeFiles(directories: readonly string[]): void {
  for (const directory of directories) {
    mkdirSync(join(directory, 'stat'), { recursive: true });
    for (let i = 0; i < FILES; i++) writeFileSync(join(directory, 'stat', `f${i}`), 'x');
  }
}

/** Nothing is cached, so each stat of a name is a LOOKUP message and its answer. */
function statAll(directory: string): number {
  const paths = Array.from({ length: FILES }, (_, i) => join(directory, `f${i}`));
  const started = process.hrtime.bigint();
  for (let i = 0; i < STATS; i++) statSync(paths[i % FILES] as string);
  return Number(process.hrtime.bigint() - started) / STATS / 1000;
}

/** Each block once, in random order, with the page cache emptied before: every read is a READ message and its answer. */
function randomRead(file: string): number {
  const done = spawnSync(
    'fio',
    [
      '--name=randread',
      `--filename=${file}`,
      '--rw=randread',
      '--bs=4k',
      `--size=${BIG}`,
      '--ioengine=psync',
      '--invalidate=1',
      '--fadvise_hint=random',
      '--output-format=json',
    ],
    { encoding: 'utf8' },
  );
  if (done.status !== 0) throw new Error(`fio: ${done.stderr.trim()}`);
  const report = JSON.parse(done.stdout.slice(done.stdout.indexOf('{'))) as FioReport;
  const read = report.jobs[0]?.read;
  if (read === undefined || read.total_ios === 0) throw new Error('fio read nothing');
  return (read.runtime * 1000) / read.total_ios;
}

interface FioReport {
  readonly jobs: readonly { readonly read: { readonly runtime: number; readonly total_ios: number } }[];
}

export const workloads: readonly Workload[] = [
  {
    name: 'lookup-lower',
    title: 'LOOKUP round trip (stat, nothing cached), lower file',
    needs: [],
    prepare: (ground) => makeFiles(layersOf(ground)),
    run: (tree) => statAll(join(tree, 'stat')),
  },
  {
    name: 'lookup-upper',
    title: 'LOOKUP round trip (stat, nothing cached), upper file',
    needs: [],
    prepare: (ground) => {
      mkdirSync(join(ground.upper, 'upper'));
      makeFiles([join(ground.upper, 'upper')]);
    },
    run: (tree) => statAll(join(tree, 'upper', 'stat')),
  },
  {
    name: 'randread-upper',
    title: 'random read, 4 KiB, upper file',
    needs: ['fio'],
    prepare: (ground) => writeFileSync(join(ground.upper, 'big-upper'), Buffer.alloc(BIG, 0x5a)),
    run: (tree) => randomRead(join(tree, 'big-upper')),
  },
  {
    name: 'randread-lower',
    title: 'random read, 4 KiB, lower file',
    needs: ['fio'],
    prepare: (ground) => {
      for (const layer of layersOf(ground)) writeFileSync(join(layer, 'big-lower'), Buffer.alloc(BIG, 0xa5));
    },
    run: (tree) => randomRead(join(tree, 'big-lower')),
  },
];
