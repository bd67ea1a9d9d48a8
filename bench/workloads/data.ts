// Data, by fio and by many small files. Nothing is synced, and what the storage has in memory stays there: it is the way that is measured,
// not the disk.

import type { Bed } from '../bed.ts';
import { layIn, layMerged, spread } from '../lay.ts';
import type { Tools } from '../tools.ts';
import type { Family, Workload } from '../workload.ts';

const FILE = 1 << 30;
const SMALL_FILES = 50_000;
const SMALL = 4096;

const size = (tools: Tools) => tools.scaled(FILE, 4 << 20);

interface Access {
  readonly rw: 'read' | 'write' | 'randread' | 'randwrite';
  readonly bs: '1m' | '4k';
  /** Threads at work on the file at the same time. */
  readonly depth?: number;
  readonly engine?: 'mmap';
  /** The tree's own pages of the file are dropped first; the storage keeps its own. */
  readonly uncached?: true;
}

interface FioReport {
  readonly jobs: readonly Record<'read' | 'write', { readonly bw_bytes: number }>[];
}

const EACH_BLOCK_ONCE = ['--invalidate=1', '--fadvise_hint=random'];

/** @returns MiB/s */
async function fio(bed: Bed, file: string, access: Access): Promise<number> {
  const { rw, bs, depth = 1, engine = 'psync', uncached } = access;
  const runtime = `--runtime=${Math.round(1000 * bed.tools.seconds)}ms`;
  const said = await bed.tools.run('fio', [
    '--name=bench',
    `--filename=${bed.tree}/${file}`,
    `--size=${size(bed.tools)}`,
    `--rw=${rw}`,
    `--bs=${bs}`,
    `--ioengine=${engine}`,
    '--thread',
    `--numjobs=${depth}`,
    '--group_reporting',
    ...(uncached ? EACH_BLOCK_ONCE : ['--time_based', runtime, '--invalidate=0', '--norandommap']),
    '--randrepeat=0',
    '--allow_file_create=0',
    '--output-format=json',
  ]);
  const report = JSON.parse(said.slice(said.indexOf('{'))) as FioReport;
  const bytes = report.jobs[0]?.[rw.endsWith('read') ? 'read' : 'write'].bw_bytes ?? 0;
  if (bytes === 0) throw new Error(`fio has done nothing: ${said.slice(0, 200)}`);
  return bytes / (1 << 20);
}

/** One large file on each layer, which all share. */
const layLarge = (layer: 'upper' | 'lower') => (bed: Bed) =>
  layIn(bed.tools, `${bed[layer]}/${layer}`, { directories: 0, files: 1, bytes: size(bed.tools) });

const LAID = { upper: layLarge('upper'), lower: layLarge('lower') };

function file(layer: 'upper' | 'lower', name: string, title: string, access: Access): Workload {
  return {
    name,
    title: `${title}, ${layer} file`,
    unit: 'MiB/s',
    needs: ['fio'],
    ...(layer === 'upper' ? { variants: ['migratefs-passthrough'] } : {}),
    prepare: LAID[layer],
    run: (bed) => fio(bed, `${layer}/f0`, access),
  };
}

const small = (tools: Tools) => spread(tools.scaled(SMALL_FILES));

export const data: Family = {
  name: 'data',
  title: 'Data',
  workloads: [
    file('upper', 'read-upper', 'sequential read, 1 MiB', { rw: 'read', bs: '1m' }),
    file('lower', 'read-lower', 'sequential read, 1 MiB', { rw: 'read', bs: '1m' }),
    file('upper', 'write-upper', 'sequential write, 1 MiB', { rw: 'write', bs: '1m' }),
    file('upper', 'randread-upper', 'random read, 4 KiB', { rw: 'randread', bs: '4k' }),
    file('lower', 'randread-lower', 'random read, 4 KiB', { rw: 'randread', bs: '4k' }),
    {
      ...file('upper', 'randread-uncached', 'random read, 4 KiB, no page of it kept', {
        rw: 'randread',
        bs: '4k',
        uncached: true,
      }),
      storages: ['tmpfs'],
    },
    file('upper', 'randread-16', 'random read, 4 KiB, 16 at a time', { rw: 'randread', bs: '4k', depth: 16 }),
    file('upper', 'randwrite-upper', 'random write, 4 KiB', { rw: 'randwrite', bs: '4k' }),
    file('upper', 'randwrite-16', 'random write, 4 KiB, 16 at a time', {
      rw: 'randwrite',
      bs: '4k',
      depth: 16,
    }),
    file('upper', 'mmap-upper', 'sequential read by mmap', { rw: 'read', bs: '4k', engine: 'mmap' }),
    file('lower', 'mmap-lower', 'sequential read by mmap', { rw: 'read', bs: '4k', engine: 'mmap' }),
    {
      name: 'small-write',
      title: 'new files of 4 KiB',
      unit: 'files/s',
      needs: [],
      lay: (bed, name) => layIn(bed.tools, `${bed.upper}/${name}`, { ...small(bed.tools), files: 0 }),
      run: async (bed, name) =>
        (await bed.tools.hot('create', `${bed.tree}/${name}`, { ...small(bed.tools), bytes: SMALL })).rate,
    },
    {
      name: 'small-read',
      title: 'reading files of 4 KiB, half of them on the lower layer',
      unit: 'files/s',
      needs: [],
      variants: ['migratefs-exclusive', 'migratefs-passthrough'],
      prepare: (bed) => layMerged(bed, 'small', small(bed.tools), SMALL),
      run: async (bed) => (await bed.tools.hot('read', `${bed.tree}/small`, small(bed.tools))).rate,
    },
  ],
};
