// What it was measured on.

import { cpus, release, totalmem } from 'node:os';
import { run } from '../test/mounted/tools.ts';
import type { Peer } from './peers.ts';

const GiB = 2 ** 30;

/** Where each peer tells its version, and the part of what it says that is one. */
const VERSIONS: Readonly<Record<string, readonly string[]>> = {
  'fuse-overlayfs': ['fuse-overlayfs', '--version'],
  mergerfs: ['mergerfs', '-V'],
  'unionfs-fuse': ['unionfs', '--version'],
  rsync: ['rsync', '--version'],
};

export function describeMachine(peers: readonly Peer[]): Record<string, string> {
  const [cpu] = cpus();
  const machine: Record<string, string> = {
    Processor: `${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}`,
    Memory: `${Math.round(totalmem() / GiB)} GiB`,
    Kernel: release(),
    'Node.js': process.version,
  };
  for (const { name } of peers) {
    const [command, ...args] = VERSIONS[name] ?? [];
    if (command === undefined) continue;
    const { stdout, stderr } = run(command, args);
    const version = /^.*?(?:fuse-overlayfs|mergerfs|unionfs-fuse|rsync).*?(\d+(?:\.\d+)+)/m.exec(
      `${stdout}${stderr}`,
    );
    if (version?.[1] !== undefined) machine[name] = version[1];
  }
  return machine;
}
