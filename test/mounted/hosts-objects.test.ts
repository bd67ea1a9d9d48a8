// Two hosts bring up the same symlink, FIFO, socket or device at the same moment: there is one of it in the end, with all that was asked for.

import { lstatSync, readFileSync, readlinkSync } from 'node:fs';
import t, { type Test } from 'tap';
import type { FaultPoint } from '../../src/layers/faultpoint.ts';
import { COPY_UP } from './faults.ts';
import { type Hosts, hostsTest, list } from './hosts.ts';
import { sh, whereIs } from './support.ts';

/** How each is made, and what tells it from others. */
const OBJECTS: Readonly<Record<string, string>> = {
  symlink: 'ln -s -- "to where nothing is" l',
  FIFO: 'mkfifo l',
  'character device': 'mknod l c 1 7',
  'block device': 'mknod l b 7 250',
  socket: `perl -MSocket -e 'socket S, PF_UNIX, SOCK_STREAM, 0 or die; bind S, pack_sockaddr_un "l" or die'`,
};

function describe(path: string): unknown {
  const { mode, rdev, size, nlink } = lstatSync(path);
  return { mode, rdev, size, nlink, to: (mode & 0o170000) === 0o120000 ? readlinkSync(path) : '' };
}

/** A living daemon has one slot for each worker, which says nothing when nothing is under way. */
function checkSlots(t: Test, m: Hosts): void {
  const slots = `${m.upper}/.migratefs/slots`;
  const isSettled = (name: string) => readFileSync(`${slots}/${name}`, 'latin1').startsWith('\n');
  t.same(
    list(slots).filter((name) => !isSettled(name)),
    [],
    'every slot is settled',
  );
}

const options = {
  root: true,
  needs: ['perl'],
  options: 'cache=none,metadata=copyup',
  timeout: 300_000,
};

for (const [kind, make] of Object.entries(OBJECTS)) {
  await hostsTest(t, `a ${kind} that two hosts bring up at once`, options, async (t, m) => {
    const [lower = ''] = m.lower;
    for (const point of COPY_UP as FaultPoint[]) {
      for (const [mine, its, owner] of [
        ['chown -h 7:8 l', 'chown -h 7:8 l', '7:8'],
        // The one changes what the other does not.
        ['chown -h :8 l', 'chown -h 7 l', '7:8'],
        ['chown -h 7:8 l', 'touch -h -d @978307200 l', '7:8'],
      ] as const) {
        const what = `${point}: ${mine}, ${its}`;
        sh(make, { cwd: lower });
        const before = describe(`${lower}/l`);
        const stopped = m.a.faults.pause(point);
        const first = m.a.run(mine);
        const there = await stopped();
        t.equal(await m.b.run(its), 'ok', what);
        there.go();
        t.equal(await first, 'ok', what);
        t.equal(whereIs(m, 'l'), 'upper', `${what}: there is one`);
        for (const path of [m.a.mnt, m.b.mnt, m.upper].map((root) => `${root}/l`)) {
          const { uid, gid, mtimeMs } = lstatSync(path);
          t.equal(`${uid}:${gid}`, owner, what);
          t.same(describe(path), before, 'what it was');
          if (its.startsWith('touch')) t.equal(mtimeMs, 978_307_200_000, what);
        }
        for (const layer of [m.upper, ...m.lower])
          t.same(list(`${layer}/.migratefs/work`), [], `${what}: nothing unfinished`);
        t.same(list(`${m.upper}/.migratefs/aside`), [], `${what}: nothing aside`);
        checkSlots(t, m);
        t.equal(await m.b.run('rm l'), 'ok');
        t.equal(whereIs(m, 'l'), '');
      }
    }
  });
}
