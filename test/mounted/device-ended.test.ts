// The device of a mount that is in use ends under its daemon: the connection is aborted through fusectl, or by `umount -f`, while users read, write
// and have a file copied. They get errors, the daemon ends and says why, and no dead mount stays; with `umount -l` they go on to their end.
// Either way each file is whole, nothing unfinished is left, and the layers can be mounted at once.

import { closeSync, fsyncSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs';
import t, { type Test } from 'tap';
import type { FaultPoint } from '../../src/layers/faultpoint.ts';
import { mountAt } from '../../src/sys/mountinfo.ts';
import { abortConnection } from './connection.ts';
import { leftovers } from './defects-support.ts';
import { list } from './hosts.ts';
import { Opener } from './opener.ts';
import { type Mounted, type MountTestOptions, mountTest, must, outcome, run, sh, until } from './support.ts';
import { traced } from './traced.ts';

const OLD = 'old\n'.repeat(50_000);
const BIG = 8 << 20;
const POINTS = ['copyup.data', 'copyup.published', 'source.aside'] as const satisfies readonly FaultPoint[];
const GONE = /^(?:ENOTCONN|ECONNABORTED)$/;

const options: MountTestOptions = {
  root: true,
  faults: true,
  needs: ['perl'],
  prepare: ({ upper, lower: [lower] }) => {
    for (const point of POINTS) writeFileSync(`${lower}/${point}`, OLD, { mode: 0o640 });
    sh(`head -c ${BIG} /dev/urandom >big`, { cwd: lower as string });
    writeFileSync(`${upper}/own`, '');
  },
};

interface Users {
  reader: number;
  writer: number;
  /** Has the file brought up that bears the point's name. */
  copier: Opener;
  /** Lets his copy go on. */
  go: () => void;
}

/** Users of the mount: one reads, one writes, and for the third a copy is at that point. */
async function begin(m: Mounted, point: FaultPoint): Promise<Users> {
  const reader = openSync(`${m.mnt}/big`, 'r');
  readSync(reader, Buffer.alloc(4096), 0, 4096, 0);
  const writer = openSync(`${m.mnt}/own`, 'a');
  writeSync(writer, `before ${point}\n`);
  fsyncSync(writer);
  const stopped = m.faults.pause(point);
  const copier = new Opener(`${m.mnt}/${point}`, 'more');
  return { reader, writer, copier, ...(await stopped()) };
}

const end = ({ reader, writer }: Users) => {
  for (const fd of [reader, writer]) outcome(() => closeSync(fd));
};

/** What there is at the next mount, of the file that was being copied. */
async function isWhole(t: Test, m: Mounted, point: FaultPoint, content: string): Promise<void> {
  await m.remount();
  t.equal(readFileSync(`${m.mnt}/${point}`, 'utf8'), content, 'the file is whole');
  t.match(readFileSync(`${m.mnt}/own`, 'utf8'), `before ${point}\n`, 'what was synced is there');
  const storage = m.behind === '' ? m.upper : m.behind;
  for (const layer of [storage, ...m.lower]) {
    t.same(leftovers(layer), [], 'nothing unfinished');
    t.same(list(`${layer}/.migratefs/slots`), [], 'nothing to finish');
  }
  writeFileSync(`${m.mnt}/${point}`, 'again', { flag: 'a' });
  t.equal(readFileSync(`${storage}/${point}`, 'utf8'), `${content}again`, 'and can be used at once');
}

async function isCutOff(t: Test, m: Mounted, point: FaultPoint, cut: () => void): Promise<void> {
  const users = await begin(m, point);
  cut();
  t.match(await users.copier.ended, GONE, `${point}: who has it copied`);
  t.match(
    outcome(() => writeSync(users.writer, 'x')),
    GONE,
    'who writes',
  );
  t.match(
    outcome(() => readSync(users.reader, Buffer.alloc(4096), 0, 4096, BIG >> 1)),
    GONE,
    'who reads',
  );
  const before = m.log().split('event=session_failed').length;
  users.go();
  t.equal(await m.ended(), 1, 'the daemon ends, and not as if all were well');
  t.equal(m.log().split('event=session_failed').length, before + 1);
  t.match(m.log(), /level=error event=session_failed reason="the connection was aborted from outside/);
  t.equal(mountAt(m.mnt), undefined, 'no dead mount is left, though it is in use');
  end(users);
  await isWhole(t, m, point, OLD);
}

await mountTest(t, 'aborted through fusectl', options, async (t, m) => {
  for (const point of ['copyup.data', 'source.aside'] as const)
    await isCutOff(t, m, point, () => abortConnection(m));
  t.notMatch(m.log(), /event=(?:bug|worker_died|answer_refused)/);
});

await mountTest(t, 'aborted while a temporary has a name', { ...options, sick: 'upper' }, (t, m) =>
  isCutOff(t, m, 'copyup.data', () => abortConnection(m)),
);

await mountTest(t, 'umount -f of a mount in use', options, (t, m) =>
  isCutOff(t, m, 'copyup.published', () => {
    t.match(run('umount', ['-f', m.mnt]).stderr.toString(), /busy/, 'the kernel cuts off who uses it');
  }),
);

await mountTest(t, 'umount -l of a mount in use', options, async (t, m) => {
  const point = 'copyup.published';
  const users = await begin(m, point);
  must('umount', ['-l', m.mnt]);
  t.equal(mountAt(m.mnt), undefined);
  users.go();
  t.equal(await users.copier.ended, 'ok');
  t.equal(writeSync(users.writer, 'late\n'), 5);
  t.equal(readSync(users.reader, Buffer.alloc(4096), 0, 4096, BIG >> 1), 4096);
  end(users);
  t.equal(await m.ended(), 0, 'an orderly end');
  t.notMatch(m.log(), /level=(?:warn|error)/);
  t.match(readFileSync(`${m.upper}/own`, 'utf8'), /late\n$/);
  await isWhole(t, m, point, `${OLD}more\n`);
  must('umount', ['-f', m.mnt]);
  t.equal(await m.ended(), 0, 'so is umount -f where nobody is at work');
  t.notMatch(m.log(), /level=(?:warn|error)/);
});

const FAILING: MountTestOptions = { ...options, needs: ['perl', 'strace'] };

await mountTest(t, 'a device that cannot be read any more', FAILING, async (t, m) => {
  const point = 'copyup.data';
  const users = await begin(m, point);
  // From the next read on; who is stopped in the middle of his copy reads no more.
  const tracing = traced(m.daemonPid, m.dir, 'read', 'read:error=EPERM', '/dev/fuse');
  await until('told', () => /event=device_failed/.test(m.log()));
  users.go();
  await tracing.catch(() => {}); // all threads may be gone before the last one is traced
  t.match(await users.copier.ended, /^(?:ok|ENOTCONN|ECONNABORTED)$/);
  end(users);
  t.not(await m.ended(), 0);
  t.match(m.log(), / level=error event=device_failed error=EPERM\n/);
  t.equal(mountAt(m.mnt), undefined);
  await m.remount();
  t.ok([OLD, `${OLD}more\n`].includes(readFileSync(`${m.mnt}/${point}`, 'utf8')), 'the file is whole');
  t.same(leftovers(m.upper), []);
});
