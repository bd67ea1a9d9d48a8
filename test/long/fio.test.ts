// fio with verification: files of the old storage are read by every engine without moving, then written by every engine,
// which moves them; what was written is verified through the mount and again on the new storage itself. And files are
// read and verified all the time while others write the same to them, so that the copy-up falls in the middle.

import t, { type Test } from 'tap';
import { type Backing, mountTest, run, sh, whereIs } from '../mounted/support.ts';
import { assertHealthy, limit, scaled } from './support.ts';

interface Kind {
  engine: string;
  direct: 0 | 1;
  random: boolean;
}

const KINDS: Kind[] = ['sync', 'psync', 'pvsync2', 'mmap', 'libaio', 'posixaio', 'io_uring'].flatMap(
  (engine) =>
    ([0, 1] as const)
      .filter((direct) => engine !== 'mmap' || direct === 0)
      .flatMap((direct) => [false, true].map((random) => ({ engine, direct, random }))),
);

const nameOf = ({ engine, direct, random }: Kind): string =>
  `${engine}-${direct ? 'direct' : 'cached'}-${random ? 'random' : 'sequential'}`;

const GLOBAL = `[global]
size=${scaled(8)}m
verify=crc32c
verify_fatal=1
verify_dump=0
randrepeat=1
group_reporting=1
iodepth=8
`;

/** A job file: each kind writes a file of its own, several at a time; `more` goes into every job. */
function jobs(kinds: Kind[], more: (kind: Kind) => string): string {
  return kinds
    .map((kind) => {
      const size = kind.random ? 'bs=4k' : 'bsrange=4k-64k';
      const name = nameOf(kind);
      return `[${name}]\nfilename=${name}\nioengine=${kind.engine}\ndirect=${kind.direct}\n${size}\n${more(kind)}\n`;
    })
    .join('');
}

const LAY_OUT = (kind: Kind) =>
  `rw=write\nioengine=psync\ndirect=0\ndo_verify=0\nrandseed=${nameOf(kind).length}`;
const WRITE = (kind: Kind) => `rw=${kind.random ? 'randwrite' : 'write'}\nrandseed=4711\nverify_backlog=256`;

/** Runs fio on a job file. @returns what it says, 'ok' when it is content */
function fio(dir: string, job: string, ...args: string[]): string {
  const done = run('timeout', ['-k', '10', '280', 'fio', '--output-format=terse', ...args, '-'], {
    cwd: dir,
    input: job,
    timeout: limit(300_000),
  });
  return done.status === 0 ? 'ok' : `status ${done.status}\n${done.stderr}${`${done.stdout}`.slice(0, 2000)}`;
}

async function verified(t: Test, backing: Backing, threads: number): Promise<void> {
  await mountTest(
    t,
    `fio on ${backing}, ${threads} workers`,
    {
      backing,
      size: '2G',
      options: `threads=${threads}`,
      needs: ['fio'],
      timeout: limit(400_000),
      prepare: ({ lower: [a = ''] }) => {
        const laid = fio(a, GLOBAL + jobs(KINDS, LAY_OUT));
        if (laid !== 'ok') throw new Error(laid);
      },
    },
    async (t, m) => {
      t.equal(fio(m.mnt, GLOBAL + jobs(KINDS, () => 'rw=read')), 'ok', 'read, all at once');
      t.same(
        [...new Set(KINDS.map((kind) => whereIs(m, nameOf(kind))))],
        ['lower'],
        'reading has moved nothing',
      );
      for (let i = 0; i < KINDS.length; i += 5) {
        const some = KINDS.slice(i, i + 5);
        t.equal(fio(m.mnt, GLOBAL + jobs(some, WRITE)), 'ok', some.map(nameOf).join(', '));
      }
      t.same(
        [...new Set(KINDS.map((kind) => whereIs(m, nameOf(kind))))],
        ['upper'],
        'writing has moved them',
      );
      assertHealthy(t, m);
      await m.unmount();
      t.equal(
        fio(m.upper, GLOBAL + jobs(KINDS, WRITE), '--verify_only=1'),
        'ok',
        'on the new storage itself',
      );
    },
  );
}

await verified(t, 'ext4', 8);
await verified(t, 'xfs', 1);
await verified(t, 'btrfs', 4);
await verified(t, 'tmpfs', 2);

/** Every byte tells its own place, so that who writes changes nothing and who reads can always verify. */
const SHARED = `[global]
size=${scaled(48)}m
bs=64k
verify=pattern
verify_pattern=%o
verify_interval=512
verify_fatal=1
verify_dump=0
filename=shared
`;

const reader = (engine: string, direct: 0 | 1) =>
  `[read-${engine}-${direct}]\nrw=randread\nioengine=${engine}\ndirect=${direct}\nloops=${scaled(6)}\nthread=${direct}\n`;
const writer = (engine: string, direct: 0 | 1) =>
  `[write-${engine}-${direct}]\nstartdelay=200ms\nrw=randwrite\nioengine=${engine}\ndirect=${direct}\ndo_verify=1\n`;

await mountTest(
  t,
  'fio: readers of one file verify it while writers move it and write the same',
  {
    backing: 'ext4',
    options: 'threads=8',
    needs: ['fio'],
    timeout: limit(300_000),
    prepare: ({ lower: [a = ''] }) => {
      const laid = fio(a, `${SHARED}[lay-out]\nrw=write\ndo_verify=0\n`);
      if (laid !== 'ok') throw new Error(laid);
    },
  },
  async (t, m) => {
    const all = [
      reader('psync', 0),
      reader('mmap', 0),
      reader('libaio', 1),
      writer('psync', 0),
      writer('mmap', 0),
      writer('libaio', 1),
    ];
    t.equal(fio(m.mnt, SHARED + all.join('')), 'ok');
    t.equal(whereIs(m, 'shared'), 'upper');
    assertHealthy(t, m);
    await m.unmount();
    t.equal(fio(m.upper, `${SHARED}[verify]\nrw=read\n`), 'ok', 'on the new storage itself');
    t.equal(sh('stat -c %s shared', { cwd: m.upper }), `${scaled(48) << 20}`);
  },
);
