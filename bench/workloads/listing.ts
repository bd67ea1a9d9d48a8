// Listings: whole directories and trees, by real programs; and the names of one huge directory that both layers have.

import type { Bed } from '../bed.ts';
import { layMerged, spread } from '../lay.ts';
import type { Tools } from '../tools.ts';
import type { Family } from '../workload.ts';

const ENTRIES = 100_000;
const NAMES = 1_000_000;

const entries = (tools: Tools) => tools.scaled(ENTRIES);
const flat = (files: number) => ({ directories: 0, files });

const layTree = (bed: Bed) => layMerged(bed, 'tree', spread(entries(bed.tools)));

export const listing: Family = {
  name: 'listing',
  title: 'Listings',
  workloads: [
    {
      name: 'ls',
      title: 'ls -l of one directory',
      unit: 's',
      needs: ['ls'],
      variants: ['migratefs-exclusive'],
      prepare: (bed) => layMerged(bed, 'flat', flat(entries(bed.tools))),
      run: (bed) => bed.tools.time('ls', ['-l', `${bed.tree}/flat`]),
    },
    {
      name: 'find',
      title: 'find -size over a tree',
      unit: 's',
      needs: ['find'],
      variants: ['migratefs-exclusive'],
      prepare: layTree,
      run: (bed) => bed.tools.time('find', [`${bed.tree}/tree`, '-size', '+1M']),
    },
    {
      name: 'find-cold',
      title: 'find -size over a tree, for the first time',
      unit: 's',
      needs: ['find'],
      variants: ['migratefs-exclusive'],
      prepare: layTree,
      before: (bed) => bed.cold(),
      run: (bed) => bed.tools.time('find', [`${bed.tree}/tree`, '-size', '+1M']),
    },
    {
      name: 'readdir',
      title: 'names of one huge directory',
      unit: 'names/s',
      needs: [],
      storages: ['tmpfs'],
      variants: ['migratefs-exclusive'],
      prepare: (bed) => layMerged(bed, 'huge', flat(bed.tools.scaled(NAMES))),
      run: async (bed) => (await bed.tools.hot('list', `${bed.tree}/huge`)).rate,
    },
  ],
};
