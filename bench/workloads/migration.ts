// Migration: files that are written to come up. Beside the trees, the tools that move the same files from layer to layer.

import { closeSync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs';
import type { Bed } from '../bed.ts';
import { layIn, spread } from '../lay.ts';
import type { Peer } from '../peers.ts';
import type { Tools } from '../tools.ts';
import type { Family, Workload } from '../workload.ts';

const LARGE = 4 * 2 ** 30;
const SMALL_FILES = 50_000;
const SMALL = 4096;
const MiB = 1 << 20;
/** Of a sparse file a MiB in so many holds data. */
const SPARSE = 64;

const large = (tools: Tools) => tools.scaled(LARGE, 8 * MiB);
const small = (tools: Tools) => spread(tools.scaled(SMALL_FILES));

const copiesUp = (peer: Peer) => peer.copiesUp;

/** What has been laid is on the disk, so that no run pays for it. */
const synced = (bed: Bed) => bed.tools.run('sync', ['-f', bed.lower]);

/** Has everything below `name` come up, by an append to each file or by a tool. @returns seconds */
async function bringUp(bed: Bed, name: string, files: { directories: number; files: number }, processes = 1) {
  const { peer, tools } = bed;
  if (peer.move === undefined)
    return (await tools.hot('append', `${bed.tree}/${name}`, { ...files, processes })).seconds;
  const [command = '', ...args] = peer.move(`${bed.lower}/${name}`, bed.upper);
  return tools.time(command, args);
}

const ONE = { directories: 0, files: 1 };

function laySparse(path: string, size: number): void {
  const block = Buffer.alloc(MiB, 'x');
  const fd = openSync(path, 'w');
  ftruncateSync(fd, size);
  for (let at = 0; at + MiB <= size; at += SPARSE * MiB) writeSync(fd, block, 0, MiB, at);
  closeSync(fd);
}

const manySmall = (processes: number): Workload => ({
  name: `copyup-small-${processes}`,
  title: `copy-up of small files by append, ${processes === 1 ? 'one process' : `${processes} processes`}`,
  unit: 'files/s',
  needs: [],
  takes: processes === 1 ? copiesUp : (peer) => peer.copiesUp && peer.kind !== 'tool',
  baseline: processes === 1 ? 'rsync' : 'overlayfs',
  lay: async (bed, name) => {
    await layIn(bed.tools, `${bed.lower}/${name}`, { ...small(bed.tools), bytes: SMALL });
    await synced(bed);
  },
  run: async (bed, name) => {
    const files = small(bed.tools);
    return (files.directories * files.files) / (await bringUp(bed, name, files, processes));
  },
});

export const migration: Family = {
  name: 'migration',
  title: 'Migration',
  workloads: [
    {
      name: 'copyup-large',
      title: 'copy-up of a large file',
      unit: 'MiB/s',
      // The first byte of an append is written when the whole file has come up.
      parts: { rate: 'MiB/s', 'first byte': 'ms' },
      needs: [],
      takes: copiesUp,
      baseline: 'cp',
      fresh: true,
      lay: async (bed, name) => {
        await layIn(bed.tools, `${bed.lower}/${name}`, { ...ONE, bytes: large(bed.tools) });
        await synced(bed);
      },
      run: async (bed, name) => {
        const seconds = await bringUp(bed, name, ONE);
        const rate = large(bed.tools) / MiB / seconds;
        return bed.peer.kind === 'tool' ? { rate } : { rate, 'first byte': 1000 * seconds };
      },
    },
    {
      name: 'copyup-sparse',
      title: 'copy-up of a sparse file',
      unit: 's',
      needs: [],
      takes: copiesUp,
      baseline: 'cp',
      fresh: true,
      lay: async (bed, name) => {
        mkdirSync(`${bed.lower}/${name}`);
        laySparse(`${bed.lower}/${name}/f0`, large(bed.tools));
        await synced(bed);
      },
      run: (bed, name) => bringUp(bed, name, ONE),
    },
    manySmall(1),
    manySmall(8),
  ],
};
