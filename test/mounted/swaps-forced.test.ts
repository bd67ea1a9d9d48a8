// What a user swaps under a worker, see swaps.ts, at each step of a copy-up, a removal and a rename.

import t from 'tap';
import { COPY_UP } from './faults.ts';
import { type Act, OPEN, swapsTest } from './swaps.ts';

const ACTS: Record<string, Act> = {
  'copy-up': {
    points: ['permission.asked', ...COPY_UP],
    script: OPEN,
    name: 'f',
    above: 'directory',
    stays: ['lower'],
  },
  'first-copy-up': {
    points: ['mirror.named', 'mirror.ready', 'mirror.made'],
    script: OPEN,
    name: 'f',
    stays: ['lower'],
  },
  remove: {
    points: ['remove.found', 'remove.hidden', 'remove.removed'],
    script: 'unlink("f")',
    name: 'f',
    above: 'object',
    stays: [],
  },
  rename: {
    points: ['rename.found', 'rename.hidden', 'rename.renamed', 'rename.moved'],
    script: 'rename("f", "new")',
    name: 'f',
    above: 'object',
    stays: ['upper'],
  },
  'rename-directory': {
    points: [
      'renamedir.announced',
      'renamedir.intent',
      'renamedir.moved-1',
      'renamedir.moved-0',
      'renamedir.done',
    ],
    script: 'rename("sub", "new")',
    name: 'sub',
    above: 'object',
    stays: ['upper', 'lower'],
  },
};

await swapsTest(t, 'at each step of a copy-up, a removal and a rename', ACTS);
