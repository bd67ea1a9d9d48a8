// Who works in a directory (by a working directory or a descriptor) while it loses its name through the same mount: the layers know before
// the inode table does. The work succeeds, as on a plain file system, or ends with ENOENT in one that is removed.

import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import type { FaultPoint } from '../../src/layers/faultpoint.ts';
import { hostsTest, list } from './hosts.ts';
import { EXCHANGE } from './support.ts';

/** Long enough for the call to ask the layers, and to fail. */
const MEANWHILE_MS = 150;

const CALLS = {
  stat: 'stat f',
  'stat of nothing': '! [ -e nothing ]',
  create: 'echo new >new && rm new',
  mkdir: 'mkdir sub && rmdir sub',
  'rename within': 'mv f g && mv g f',
  list: 'ls -l',
};

const MOVES: { move: string; back: string; points: FaultPoint[] }[] = [
  { move: 'mv -T D E', back: 'mv -T E D', points: ['renamedir.moved-0', 'renamedir.done'] },
  { move: `${EXCHANGE} D X`, back: `${EXCHANGE} D X`, points: ['exchange.moved-0'] },
];

for (const layers of ['upper', 'both']) {
  await hostsTest(
    t,
    `a directory that is on ${layers}`,
    {
      root: true,
      prepare: ({ upper, lower: [lower] }) => {
        for (const layer of layers === 'both' ? [upper, lower] : [upper]) {
          for (const name of ['D', 'X']) mkdirSync(`${layer}/${name}`);
        }
        writeFileSync(`${upper}/D/f`, 'f\n');
      },
      options: 'cache=none',
      timeout: 300_000,
    },
    async (t, m) => {
      for (const { move, back, points } of MOVES) {
        for (const point of points) {
          for (const [name, call] of Object.entries(CALLS)) {
            const fd = openSync(`${m.mnt}/D`, 'r');
            const stopped = m.a.faults.pause(point);
            const mover = m.a.run(move);
            const there = await stopped();
            const answer = m.a.run(`cd /proc/${process.pid}/fd/${fd} && ${call}`);
            await pause(MEANWHILE_MS);
            there.go();
            t.equal(await mover, 'ok', move);
            t.equal(await answer, 'ok', `${name}, while ${move} is at ${point}`);
            closeSync(fd);
            t.equal(await m.a.run(back), 'ok');
            t.same(list(`${m.mnt}/D`), ['f']);
          }
        }
      }
      t.notMatch(m.log(), / level=error /);
    },
  );
}
