// What a run has found, as it is written to report.json; everything that is shown is made of it.

import { peers } from './peers.ts';
import { advantage, summary } from './statistics.ts';
import type { Storage, Unit } from './workload.ts';

export interface Row {
  readonly storage: Storage;
  readonly family: string;
  readonly workload: string;
  /** Of a workload that gives several figures. */
  readonly part?: string;
  readonly title: string;
  readonly unit: Unit;
  /** Whom the ratios are to. */
  readonly baseline: string;
  /** A figure of each round, by peer. */
  readonly samples: Readonly<Record<string, readonly number[]>>;
}

export interface Report {
  readonly date: string;
  readonly machine: Readonly<Record<string, string>>;
  readonly rounds: number;
  readonly scale: number;
  readonly rows: Row[];
  /** What was left out, and what has failed. */
  readonly notes: string[];
  /** Seconds that each workload has taken, with all that is not measured. */
  readonly took: Record<string, number>;
}

/** `storage/workload` or `storage/workload/part`. */
export const keyOf = (row: Row): string =>
  [row.storage, row.workload, ...(row.part === undefined ? [] : [row.part])].join('/');

export const titleOf = (row: Row): string =>
  row.part === undefined ? row.title : `${row.title}: ${row.part}`;

/** NaN, if there is none. */
export const medianOf = (row: Row, peer: string): number => summary(row.samples[peer] ?? []).median;

/** How much better a peer is than the baseline; NaN, if one of the two has no figure. */
export const toBaseline = (row: Row, peer: string): number =>
  advantage(medianOf(row, peer), medianOf(row, row.baseline), row.unit);

/** How much better a peer is than the best of the other FUSE file systems; NaN, if there is none. */
export function toBestFuse(row: Row, peer: string): number {
  const own = medianOf(row, peer);
  const others = peers.filter(({ kind, name }) => kind === 'fuse' && name !== peer);
  const ratios = others.map(({ name }) => advantage(own, medianOf(row, name), row.unit));
  const known = ratios.filter((ratio) => !Number.isNaN(ratio));
  return known.length === 0 ? Number.NaN : Math.min(...known);
}

/** The peers that have figures in some row, in the order of the table of peers. */
export const peersIn = (rows: readonly Row[]): string[] =>
  peers.map(({ name }) => name).filter((name) => rows.some((row) => row.samples[name] !== undefined));

/** Rows that are shown together: of one storage and one family, in the order of the run. */
export function groupsOf(rows: readonly Row[]): { storage: Storage; family: string; rows: Row[] }[] {
  const groups = new Map<string, { storage: Storage; family: string; rows: Row[] }>();
  for (const row of rows) {
    const { storage, family } = row;
    const key = `${storage}/${family}`;
    const group = groups.get(key) ?? { storage, family, rows: [] };
    group.rows.push(row);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** The file of the plot of such rows. */
export const plotName = (family: string, storage: Storage): string =>
  `${family.toLowerCase().replaceAll(/[^a-z]+/g, '-')}-${storage}.svg`;
