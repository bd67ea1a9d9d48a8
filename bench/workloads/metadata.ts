// Metadata, from one process and from eight: the loops are those of hot.c. The files lie half on the lower layer and half on the upper one,
// in directories that both have.

import type { Bed } from '../bed.ts';
import { layDirectories, layIn, layMerged, spread } from '../lay.ts';
import type { Tools } from '../tools.ts';
import type { Family, Workload } from '../workload.ts';

const LOOKED_AT = 100_000;
const CHANGED = 20_000;

const looked = (tools: Tools) => spread(tools.scaled(LOOKED_AT));
const changed = (tools: Tools) => spread(tools.scaled(CHANGED));

type Loop = Pick<Workload, 'name' | 'title' | 'prepare' | 'lay' | 'before'> & {
  run: (bed: Bed, name: string, processes: number) => ReturnType<Tools['hot']>;
};

const all = (operation: string) => (bed: Bed, _: string, processes: number) =>
  bed.tools.hot(operation, `${bed.tree}/files`, { ...looked(bed.tools), processes });

const own = (operation: string) => (bed: Bed, name: string, processes: number) =>
  bed.tools.hot(operation, `${bed.tree}/${name}`, { ...changed(bed.tools), processes });

const layLooked = (bed: Bed) => layMerged(bed, 'files', looked(bed.tools));
const layFiles = (bed: Bed, name: string) => layMerged(bed, name, changed(bed.tools));
const layEmpty = (bed: Bed, name: string) => layDirectories(bed, name, changed(bed.tools));

const LOOPS: readonly Loop[] = [
  {
    name: 'stat-same',
    title: 'stat of the same file',
    prepare: (bed) => layIn(bed.tools, `${bed.lower}/same`, { directories: 0, files: 1 }),
    run: (bed, _, processes) =>
      bed.tools.hot('stat', `${bed.tree}/same`, { processes, seconds: bed.tools.seconds }),
  },
  { name: 'stat', title: 'stat of many files, again', prepare: layLooked, run: all('stat') },
  {
    name: 'stat-cold',
    title: 'stat of many files, for the first time',
    prepare: layLooked,
    before: (bed) => bed.cold(),
    run: all('stat'),
  },
  { name: 'open', title: 'open and close', prepare: layLooked, run: all('open') },
  { name: 'create', title: 'create', lay: layEmpty, run: own('create') },
  { name: 'unlink', title: 'unlink', lay: layFiles, run: own('unlink') },
  { name: 'mkdir', title: 'mkdir', lay: layEmpty, run: own('mkdir') },
  { name: 'rename', title: 'rename of files', lay: layFiles, run: own('rename') },
];

const workload = ({ name, title, run, ...rest }: Loop, processes: number): Workload => ({
  ...rest,
  name: `${name}-${processes}`,
  title: `${title}, ${processes === 1 ? 'one process' : `${processes} processes`}`,
  unit: 'ops/s',
  needs: [],
  // What processes do to one another is the software's, whatever lies below.
  ...(processes === 1 ? {} : { storages: ['tmpfs'] as const }),
  variants: ['migratefs-exclusive'],
  run: async (bed, own) => (await run(bed, own, processes)).rate,
});

export const metadata: Family = {
  name: 'metadata',
  title: 'Metadata',
  workloads: LOOPS.flatMap((loop) => [workload(loop, 1), workload(loop, 8)]),
};
