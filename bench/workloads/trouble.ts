// Latency under trouble: a lower layer that is slow or hangs, and a large file that comes up while others work.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { Bed } from '../bed.ts';
import { layIn, layMerged, spread } from '../lay.ts';
import { isMounted } from '../peers.ts';
import type { Hot } from '../tools.ts';
import type { Family, Workload } from '../workload.ts';

const SLOW_MS = 20;
const CLIENTS = 16;
/** For each client: those who serve one at a time take seconds for them. */
const EACH = 2;
const HANGING = ['hang0', 'hang1', 'hang2', 'hang3'];
const STUCK_MS = 15_000;
const LARGE = 4 * 2 ** 30;
const LARGE_FILES = 4;
const FILES = 20_000;

/** Microseconds. */
const times = (label: string, hot: Hot) => ({
  [`${label} p50`]: hot.p50 / 1000,
  [`${label} p99`]: hot.p99 / 1000,
});

const slow = (operation: 'stat' | 'read', title: string): Workload => ({
  name: `slow-lower-${operation}`,
  title: `${title}, ${CLIENTS} clients, ${SLOW_MS} ms for each operation of the lower layer`,
  unit: 'ops/s',
  needs: [],
  storages: ['tmpfs'],
  sick: true,
  lay: (bed, name) =>
    layIn(bed.tools, `${bed.lower}/${name}`, { directories: 0, files: CLIENTS * EACH, bytes: 4096 }),
  before: (bed) => bed.sick.delay(SLOW_MS),
  run: async (bed, name) => {
    try {
      const files = { directories: 0, files: CLIENTS * EACH, processes: CLIENTS };
      return (await bed.tools.hot(operation, `${bed.tree}/${name}`, files)).rate;
    } finally {
      await bed.sick.release();
    }
  },
});

/** @throws when those who want nothing of what hangs wait for it too */
async function besideHanging(bed: Bed): Promise<Hot> {
  await bed.sick.hang({ operations: ['OPEN', 'READ', 'LOOKUP', 'GETATTR'], path: '^/hang' });
  const clients = HANGING.map((name) => spawn('cat', [`${bed.tree}/${name}`], { stdio: 'ignore' }));
  const ended = clients.map((client) => once(client, 'exit'));
  let stuck = false;
  const late = setTimeout(() => {
    stuck = true;
    void bed.sick.release();
  }, STUCK_MS);
  try {
    await bed.sick.hangs(1, STUCK_MS / 3);
    const options = { ...spread(bed.tools.scaled(FILES)), processes: 8 };
    const hot = await bed.tools.hot('open', `${bed.tree}/well`, {
      ...options,
      seconds: bed.tools.seconds,
      latencies: true,
    });
    if (stuck) throw new Error('everybody waits for the layer that hangs');
    return hot;
  } finally {
    clearTimeout(late);
    await bed.sick.release();
    await Promise.all(ended);
  }
}

export const trouble: Family = {
  name: 'trouble',
  title: 'Latency under trouble',
  workloads: [
    slow('stat', 'stat'),
    slow('read', 'reading files of 4 KiB'),
    {
      name: 'sick-lower',
      title: 'open and close of upper files, 8 processes, while 4 others hang in the lower layer',
      unit: 'µs',
      parts: { 'hanging p50': 'µs', 'hanging p99': 'µs' },
      needs: ['cat'],
      storages: ['tmpfs'],
      sick: true,
      prepare: async (bed) => {
        for (const name of HANGING) writeFileSync(`${bed.lower}/${name}`, 'x');
        await layIn(bed.tools, `${bed.upper}/well`, spread(bed.tools.scaled(FILES)));
      },
      run: async (bed) => times('hanging', await besideHanging(bed)),
    },
    {
      name: 'busy-copyup',
      title: 'metadata, 8 processes, alone and while large files come up',
      unit: 'µs',
      parts: { 'idle p50': 'µs', 'idle p99': 'µs', 'copying p50': 'µs', 'copying p99': 'µs' },
      needs: [],
      takes: (peer) => peer.copiesUp && isMounted(peer),
      baseline: 'overlayfs',
      fresh: true,
      lay: async (bed, name) => {
        mkdirSync(`${bed.lower}/${name}`, { recursive: true });
        const bytes = bed.tools.scaled(LARGE, 32 << 20);
        await layIn(bed.tools, `${bed.lower}/${name}/large`, { directories: 0, files: LARGE_FILES, bytes });
        await layMerged(bed, `${name}/small`, spread(bed.tools.scaled(FILES)));
        await bed.tools.run('sync', ['-f', bed.lower]);
      },
      run: async (bed, name) => {
        const work = () =>
          bed.tools.hot('mix', `${bed.tree}/${name}/small`, {
            ...spread(bed.tools.scaled(FILES)),
            processes: 8,
            seconds: bed.tools.seconds,
            latencies: true,
          });
        await work(); // a new mount: what runs for the first time is slow
        const idle = await work();
        const copying = bed.tools.hot('append', `${bed.tree}/${name}/large`, {
          directories: 0,
          files: LARGE_FILES,
        });
        const [busy] = await Promise.all([work(), copying]);
        return { ...times('idle', idle), ...times('copying', busy) };
      },
    },
  ],
};
