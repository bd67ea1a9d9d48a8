// npm run bench: every workload on every peer, interleaved round by round, so that whatever else the machine does falls on all alike.
// Prints medians, spread and ratios.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Ground, groundOf, mountPeer, type Peer, peers, unmountPeer } from './peers.ts';
import { printTable, type Row } from './table.ts';
import { type Workload, workloads } from './workloads.ts';

const USAGE = `Usage: npm run bench -- [--only NAME[,NAME…]] [--peers NAME[,NAME…]] [--rounds N] [--dir DIRECTORY]

workloads: ${workloads.map((workload) => workload.name).join(', ')}
peers:     ${peers.map((peer) => peer.name).join(', ')}`;

interface Options {
  readonly workloads: readonly Workload[];
  readonly peers: readonly Peer[];
  readonly rounds: number;
  readonly directory: string;
}

class UsageError extends Error {}

function optionsOf(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string' },
      peers: { type: 'string' },
      rounds: { type: 'string', default: '7' },
      dir: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new UsageError(`--rounds=${values.rounds}: not a positive whole number`);
  const chosen = {
    workloads: choose(workloads, values.only, 'workload'),
    peers: choose(peers, values.peers, 'peer'),
  };
  return { ...chosen, rounds, directory: values.dir ?? tmpdir() };
}

function choose<T extends { readonly name: string }>(
  all: readonly T[],
  names: string | undefined,
  kind: string,
): readonly T[] {
  if (names === undefined) return all;
  return names.split(',').map((name) => {
    const found = all.find((one) => one.name === name);
    if (!found)
      throw new UsageError(
        `no ${kind} is called ${name}; there are ${all.map((one) => one.name).join(', ')}`,
      );
    return found;
  });
}

function isAvailable(thing: { readonly name: string; readonly needs: readonly string[] }): boolean {
  const there = thing.needs.every((name) => spawnSync('sh', ['-c', 'command -v "$0"', name]).status === 0);
  if (!there) console.log(`left out: ${thing.name} needs ${thing.needs.join(', ')}`);
  return there;
}

interface Mounted {
  readonly peer: Peer;
  readonly ground: Ground;
  readonly tree: string;
}

function run(options: Options): void {
  const directory = mkdtempSync(join(options.directory, 'migratefs-bench-'));
  const mounted: Mounted[] = [];
  try {
    const chosen = options.workloads.filter(isAvailable);
    for (const peer of options.peers.filter(isAvailable)) {
      const ground = groundOf(directory, peer);
      for (const workload of chosen) workload.prepare(ground);
      mounted.push({ peer, ground, tree: mountPeer(peer, ground) });
    }
    printTable(measure(chosen, mounted, options.rounds), options.rounds);
  } finally {
    for (const { peer, ground } of mounted) unmountPeer(peer, ground);
    rmSync(directory, { recursive: true });
  }
}

function measure(chosen: readonly Workload[], mounted: readonly Mounted[], rounds: number): Row[] {
  const rows: Row[] = [];
  for (const workload of chosen) {
    const samples = new Map<string, number[]>(mounted.map(({ peer }) => [peer.name, []]));
    for (const { tree } of mounted) workload.run(tree); // warm: code, caches, workers
    for (let round = 0; round < rounds; round++) {
      for (const { peer, tree } of mounted) samples.get(peer.name)?.push(workload.run(tree));
    }
    rows.push({ workload: workload.name, title: workload.title, samples });
  }
  return rows;
}

try {
  const options = optionsOf(process.argv.slice(2));
  if (options) run(options);
  else console.log(USAGE);
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
