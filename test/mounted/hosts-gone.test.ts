// A host dies in the middle of a directory's rename, and does not come back. Another host over the same layers, which can ask nobody about that
// host's processes, finishes the rename or takes it back when there has been no sign of life for long enough; never while there is one.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import type { FaultPoint } from '../../src/layers/faultpoint.ts';
import { Faults } from './faults.ts';
import { list, records } from './hosts.ts';
import { mountOther, type OtherHost } from './second.ts';
import {
  type Mounted,
  type MountTestOptions,
  mountTest,
  run,
  treeDigest,
  until,
  whereIs,
} from './support.ts';

const options: MountTestOptions = {
  root: true,
  faults: true,
  options: 'cache=none',
  prepare: ({ upper, lower: [lower] }) => {
    for (const dir of [upper, lower]) mkdirSync(`${dir}/D`);
    writeFileSync(`${upper}/D/new`, 'new\n');
    for (const name of ['old', 'x']) writeFileSync(`${lower}/D/${name}`, `${name}\n`);
  },
};

/** The names of signs of life, this machine's first. */
const alive = (m: Mounted) => list(`${m.upper}/.migratefs/alive`);

const mountElsewhere = (t: Test, m: Mounted): Promise<OtherHost> =>
  mountOther(t, m, 'elsewhere', 'cache=none', {
    faults: new Faults(`${m.dir}/faults-elsewhere`),
    host: 'elsewhere',
  });

/** Waits until the other host has looked around often enough to have acted, by its own sign of life. */
async function untilLooked(m: Mounted): Promise<void> {
  const sign = alive(m).find((name) => name.startsWith('elsewhere')) as string;
  const beats = () => Number(readFileSync(`${m.upper}/.migratefs/alive/${sign}`, 'latin1'));
  const start = beats();
  await until('looks', () => beats() > start + 12);
}

/** Runs a script in the mount that ends when somebody lets it. */
function start(m: Mounted, script: string): void {
  spawn('sh', ['-c', script], { cwd: m.mnt, stdio: 'ignore' }).unref();
}

/** The daemon dies at a point of a directory's rename. */
async function dieAt(m: Mounted, point: FaultPoint): Promise<void> {
  m.faults.kill(point);
  run('mv', ['-T', 'D', 'E'], { cwd: m.mnt });
  await m.ended();
}

function check(t: Test, m: Mounted, other: OtherHost, name: string): void {
  t.equal(whereIs(m, name), 'upper lower', `it is ${name}`);
  t.equal(whereIs(m, name === 'D' ? 'E' : 'D'), '');
  t.same(list(`${other.mnt}/${name}`), ['new', 'old', 'x'], 'whole');
  t.same(records(m), [], 'nothing is left to finish');
  for (const layer of [m.upper, ...m.lower])
    t.same(list(`${layer}/.migratefs/work`), [], 'nothing unfinished');
}

const CASES: [FaultPoint, 'D' | 'E'][] = [
  ['renamedir.intent', 'D'],
  ['renamedir.moved-1', 'D'],
  ['renamedir.moved-0', 'E'],
];

for (const [point, name] of CASES) {
  for (const before of [true, false]) {
    const when = before ? 'is there already' : 'comes later';
    await mountTest(t, `dead at ${point}; the other host ${when}`, options, async (t, m) => {
      const early = before ? await mountElsewhere(t, m) : undefined;
      await dieAt(m, point);
      t.equal(records(m).length, 1);
      const other = early ?? (await mountElsewhere(t, m));
      await until('finished', () => records(m).length === 0 && alive(m).length === 1);
      check(t, m, other, name);
      t.match(other.log(), /level=info event=daemon_gone host=.* pid=\d+/);
      t.match(other.log(), name === 'D' ? /event=rename_undone .*from=D to=E/ : /event=rename_finished /);
      await m.remount();
      t.same(treeDigest(m.mnt), treeDigest(other.mnt));
      t.notMatch(m.log().slice(-2000), /rename_(?:undone|finished)/, 'nothing is left for its next mount');
    });
  }
}

await mountTest(t, 'what else it has left', options, async (t, m) => {
  const other = await mountElsewhere(t, m);
  const stopped = m.faults.pause('copyup.published');
  start(m, '[ -s D/x ]; echo more >>D/x');
  await stopped();
  t.equal(whereIs(m, 'D/x'), 'upper lower');
  for (const layer of [m.upper, ...m.lower]) mkdirSync(`${layer}/p/F`, { recursive: true });
  m.faults.kill('renamedir.moved-1');
  run('mv', ['-T', 'p/F', 'p/G'], { cwd: m.mnt });
  await m.ended();
  await until('finished', () => records(m).length === 0 && alive(m).length === 1);
  check(t, m, other, 'D');
  t.equal(whereIs(m, 'D/x'), 'upper', 'the source of what was published is removed');
  t.equal(whereIs(m, 'p/F'), 'upper lower');
});

await mountTest(t, 'a host that is stopped is not dead', options, async (t, m) => {
  const other = await mountElsewhere(t, m);
  const stopped = m.faults.pause('renamedir.moved-1');
  start(m, 'mv -T D E');
  const there = await stopped();
  m.signal('SIGSTOP');
  await untilLooked(m);
  t.equal(records(m).length, 1, 'its record stands');
  t.equal(existsSync(`${m.lower[0]}/E`), true, 'nothing is undone');
  m.signal('SIGCONT');
  there.go();
  await until('renamed', () => records(m).length === 0);
  check(t, m, other, 'E');
  t.notMatch(other.log(), /daemon_gone/);
});

await mountTest(
  t,
  'signs that change are of a living host, whose locks cannot be seen',
  options,
  async (t, m) => {
    const other = await mountElsewhere(t, m);
    await dieAt(m, 'renamedir.moved-1');
    const sign = `${m.upper}/.migratefs/alive/${alive(m).find((name) => !name.startsWith('elsewhere'))}`;
    let beats = 0;
    const beating = setInterval(() => writeFileSync(sign, `${++beats} beats\n`), 50);
    await untilLooked(m);
    t.equal(records(m).length, 1, 'its record stands');
    clearInterval(beating);
    await until('finished', () => records(m).length === 0);
    check(t, m, other, 'D');
  },
);

/** No process has this number or one above (PID_MAX_LIMIT of the kernel's threads.h). */
const GONE = 4_194_305;

await mountTest(
  t,
  'a host that was taken for dead leaves off',
  { ...options, needs: ['perl'] },
  async (t, m) => {
    const said = `${m.dir}/said`;
    for (const [i, point] of (['renamedir.intent', 'renamedir.moved-1'] as const).entries()) {
      const stopped = m.faults.pause(point);
      // Once: mv(1) would try in another way.
      start(m, `perl -e 'rename "D", "E" or print "$!"' >${said}.now; mv ${said}.now ${said}`);
      const there = await stopped();
      const [record = ''] = records(m);
      // As one that takes it over does, and then needs a while.
      renameSync(`${m.upper}/.migratefs/intents/${record}`, `${m.dir}/record`);
      const before = [m.upper, ...m.lower].map((layer) => readdirSync(layer).sort());
      there.go();
      await until('an answer', () => existsSync(said));
      t.match(readFileSync(said, 'utf8'), /Input\/output error/);
      t.same(
        [m.upper, ...m.lower].map((layer) => readdirSync(layer).sort()),
        before,
        'it has changed nothing any more',
      );
      t.match(m.log(), /level=error event=intent_taken from=D to=E mend=/);
      // A daemon of this host that has gone: the one that lives puts it in order.
      const gone = record.replace(/\.\d+(\.\d+\.\d+\.[0-9a-f]+)$/, `.${GONE + i}$1`);
      renameSync(`${m.dir}/record`, `${m.upper}/.migratefs/intents/${gone}`);
      await until('put in order', () => records(m).length === 0);
      t.equal(whereIs(m, 'D'), 'upper lower');
      rmSync(said);
    }
  },
);

await mountTest(t, 'a host without a sign of life', options, async (t, m) => {
  await dieAt(m, 'renamedir.moved-1');
  for (const name of alive(m)) rmSync(`${m.upper}/.migratefs/alive/${name}`);
  const other = await mountElsewhere(t, m);
  await until('told', () => other.log().includes('event=intent_of_other_host'));
  await untilLooked(m);
  t.match(other.log(), /level=warn event=intent_of_other_host host=.* pid=\d+ error=ENOENT mend=/);
  t.equal(other.log().split('intent_of_other_host').length, 2, 'once');
  t.equal(records(m).length, 1, 'its record stands');
  await m.remount();
  check(t, m, other, 'D');
});

await mountTest(
  t,
  'a sign that is made for it by hand, as docs/operations.md has it',
  options,
  async (t, m) => {
    await dieAt(m, 'renamedir.moved-1');
    const signs = alive(m).map((name) => `${m.upper}/.migratefs/alive/${name}`);
    for (const sign of signs) rmSync(sign);
    const other = await mountElsewhere(t, m);
    await until('told', () => other.log().includes('event=intent_of_other_host'));
    run('touch', signs);
    await until('finished', () => /event=rename_(?:undone|finished)/.test(other.log()));
    t.match(other.log(), /event=daemon_gone/);
    await until('gone', () => records(m).length === 0 && signs.every((sign) => !existsSync(sign)));
  },
);

await mountTest(t, 'a record over which its maker died', options, async (t, m) => {
  await dieAt(m, 'renamedir.intent');
  const [record = ''] = records(m);
  const whole = readFileSync(`${m.upper}/.migratefs/intents/${record}`);
  const put = (content: Buffer | string) =>
    writeFileSync(`${m.upper}/.migratefs/intents/${record}`, content, { mode: 0o600 });
  for (const short of [whole.subarray(0, -1), whole.subarray(0, 40), '']) {
    put(short);
    await m.remount();
    t.same(records(m), [], 'nothing had been done');
    t.notMatch(m.log(), /intent_unreadable/);
    await m.kill9();
  }
  put('no record\n');
  await m.remount();
  t.match(m.log(), /level=error event=intent_unreadable record=.* error="not a record" mend=/);
  t.same(records(m), [record], 'it stays');
  rmSync(`${m.upper}/.migratefs/intents/${record}`);
  t.equal(whereIs(m, 'D'), 'upper lower');
});
