// The command line of the benchmark.

import { parseArgs } from 'node:util';
import { type Peer, peers } from './peers.ts';
import { reportFolder } from './places.ts';
import { smoke } from './smoke.ts';
import type { Family, Storage, Workload } from './workload.ts';
import { families } from './workloads/index.ts';

const STORAGES: readonly Storage[] = ['tmpfs', 'ext4'];

export class UsageError extends Error {}

export interface Chosen {
  readonly family: Family;
  readonly workload: Workload;
}

export interface Options {
  readonly workloads: readonly Chosen[];
  readonly peers: readonly Peer[];
  /** Peers were asked for by name: variants are compared everywhere. */
  readonly named: boolean;
  readonly storages: readonly Storage[];
  readonly rounds: number;
  readonly scale: number;
  /** Where images of file systems may lie. */
  readonly directory: string;
  readonly report: string;
  readonly install: boolean;
  readonly markdown: boolean;
  /** Where the plots are written, each as a file; undefined: nowhere. */
  readonly plots: string | undefined;
  /** Nothing is run: what an earlier report holds is shown. */
  readonly from: string | undefined;
  readonly smoke: 'check' | 'note' | undefined;
}

export const USAGE = `Usage: npm run bench -- [OPTION…]

  --only NAME,…       workloads, families, or what workloads' names begin with (stat: stat-1, stat-8, stat-cold-1 …)
  --peers NAME,…      what is compared
  --storage NAME,…    what the layers lie on: tmpfs,ext4
  --rounds N          interleaved rounds (default 5)
  --scale X           1: the sizes in docs/performance.md (default 0.05)
  --dir DIRECTORY     where images of file systems may lie (default /var/tmp)
  --report DIRECTORY  where report.json and report.html are written (default bench/report)
  --markdown          prints the tables of docs/performance.md at the end
  --plots DIRECTORY   writes the plots besides, each as an SVG file, which those tables then show
  --from FILE         runs nothing, and shows what an earlier report.json holds
  --no-install        leaves out what is missing, instead of installing it by apt
  --smoke             a short run against the ratios in bench/smoke.json (npm run bench:smoke)
  --note              with --smoke: writes that file anew

peers:     ${peers.map(({ name }) => name).join(', ')}
${families.map(({ name, workloads }) => `${name}:`.padEnd(11) + workloads.map((one) => one.name).join(', ')).join('\n')}`;

/** @returns undefined when help is asked for @throws {UsageError} */
export function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parse(args);
  if (values.help) return undefined;
  if (values.note && !values.smoke) throw new UsageError('--note goes with --smoke');
  const preset = values.smoke ? smoke : undefined;
  const names = values.peers ?? preset?.peers;
  return {
    workloads: chooseWorkloads(values.only ?? preset?.only),
    peers: names === undefined ? peers : choose(peers, names, 'peer'),
    named: names !== undefined,
    storages: chooseStorages(values.storage ?? preset?.storage),
    rounds: positive('rounds', values.rounds ?? preset?.rounds ?? '5', Number.isInteger),
    scale: positive('scale', values.scale ?? preset?.scale ?? '0.05'),
    directory: values.dir,
    report: values.report,
    install: !values['no-install'],
    markdown: values.markdown,
    plots: values.plots,
    from: values.from,
    smoke: values.smoke ? (values.note ? 'note' : 'check') : undefined,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: 'string' },
        peers: { type: 'string' },
        storage: { type: 'string' },
        rounds: { type: 'string' },
        scale: { type: 'string' },
        dir: { type: 'string', default: '/var/tmp' },
        report: { type: 'string', default: reportFolder },
        markdown: { type: 'boolean', default: false },
        plots: { type: 'string' },
        from: { type: 'string' },
        'no-install': { type: 'boolean', default: false },
        smoke: { type: 'boolean', default: false },
        note: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function positive(name: string, text: string, also: (n: number) => boolean = () => true): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value) && also(value)) return value;
  throw new UsageError(
    `--${name}=${text}: not a positive ${also === Number.isInteger ? 'whole ' : ''}number`,
  );
}

function choose<T extends { readonly name: string }>(
  all: readonly T[],
  names: string,
  kind: string,
): readonly T[] {
  const wanted = names.split(',');
  for (const name of wanted) {
    if (!all.some((one) => one.name === name)) throw unknown(kind, name, all);
  }
  return all.filter(({ name }) => wanted.includes(name));
}

const unknown = (kind: string, name: string, all: readonly { readonly name: string }[]): UsageError =>
  new UsageError(`no ${kind} is called ${name}; there are ${all.map((one) => one.name).join(', ')}`);

function chooseStorages(names: string | undefined): readonly Storage[] {
  if (names === undefined) return STORAGES;
  const all = STORAGES.map((name) => ({ name }));
  return choose(all, names, 'storage').map(({ name }) => name);
}

function chooseWorkloads(names: string | undefined): readonly Chosen[] {
  const all = families.flatMap((family) => family.workloads.map((workload) => ({ family, workload })));
  if (names === undefined) return all;
  const isMeant = (word: string, { family, workload }: Chosen) =>
    [family.name, workload.name].includes(word) || workload.name.startsWith(`${word}-`);
  const words = names.split(',');
  for (const word of words) {
    if (!all.some((one) => isMeant(word, one)))
      throw unknown(
        'workload',
        word,
        all.map(({ workload }) => workload),
      );
  }
  return all.filter((one) => words.some((word) => isMeant(word, one)));
}
