// What a daemon costs: until it is ready, resident, and in processor time.

import type { Bed } from '../bed.ts';
import { layDirectories, layMerged, spread } from '../lay.ts';
import { hasDaemon, isMounted } from '../peers.ts';
import type { Hot, Tools } from '../tools.ts';
import type { Family } from '../workload.ts';

const INODES = 1_000_000;
const LEAST_INODES = 20_000;
const FILES = 100_000;
const MB = 1e6;

const inodes = (tools: Tools) => spread(tools.scaled(INODES, LEAST_INODES));
const files = (tools: Tools) => spread(tools.scaled(FILES));

async function remount(bed: Bed): Promise<void> {
  const fault = await bed.unmount();
  if (fault !== undefined) throw new Error(fault);
  await bed.mount();
}

/** @returns microseconds of the daemon's time for each operation of a process */
async function cpu(bed: Bed, work: () => Promise<Hot>): Promise<number> {
  await bed.settle();
  const before = bed.cpuSeconds();
  const { operations } = await work();
  await bed.settle();
  return ((bed.cpuSeconds() - before) / operations) * 1e6;
}

export const cost: Family = {
  name: 'cost',
  title: 'Cost',
  workloads: [
    {
      name: 'start',
      title: 'from the start to the first answer',
      unit: 'ms',
      needs: [],
      storages: ['tmpfs'],
      takes: isMounted,
      baseline: 'overlayfs',
      run: async (bed) => {
        const fault = await bed.unmount();
        if (fault !== undefined) throw new Error(fault);
        const begun = performance.now();
        await bed.mount();
        return performance.now() - begun;
      },
    },
    {
      name: 'memory',
      title: 'resident memory',
      unit: 'MB',
      parts: { idle: 'MB', 'with inodes': 'MB', 'an inode': 'bytes' },
      needs: [],
      storages: ['tmpfs'],
      takes: hasDaemon,
      baseline: 'fuse-overlayfs',
      prepare: (bed) => layMerged(bed, 'inodes', inodes(bed.tools)),
      before: remount,
      run: async (bed) => {
        const { directories, files } = inodes(bed.tools);
        const look = (directories: number) =>
          bed.tools.hot('stat', `${bed.tree}/inodes`, { directories, files });
        await bed.settle();
        const idle = bed.residentBytes();
        // The first part makes the code warm too, which costs memory of its own.
        const part = Math.ceil(directories / 4);
        await look(part);
        await bed.settle();
        const warm = bed.residentBytes();
        await look(directories);
        await bed.settle();
        const all = bed.residentBytes();
        const each = (all - warm) / ((directories - part) * files);
        return { idle: idle / MB, 'with inodes': all / MB, 'an inode': Math.max(0, each) };
      },
    },
    {
      name: 'cpu',
      title: "the daemon's processor time for an operation",
      unit: 'µs',
      parts: { 'stat, cold': 'µs', create: 'µs', 'read 4 KiB': 'µs' },
      needs: [],
      storages: ['tmpfs'],
      takes: hasDaemon,
      baseline: 'fuse-overlayfs',
      prepare: (bed) => layMerged(bed, 'files', files(bed.tools), 4096),
      lay: (bed, name) => layDirectories(bed, name, files(bed.tools)),
      before: (bed) => bed.cold(),
      run: async (bed, name) => {
        const all = files(bed.tools);
        const stat = await cpu(bed, () => bed.tools.hot('stat', `${bed.tree}/files`, all));
        const read = await cpu(bed, () => bed.tools.hot('read', `${bed.tree}/files`, all));
        const create = await cpu(bed, () => bed.tools.hot('create', `${bed.tree}/${name}`, all));
        return { 'stat, cold': stat, create, 'read 4 KiB': read };
      },
    },
  ],
};
