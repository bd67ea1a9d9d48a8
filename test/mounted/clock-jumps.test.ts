// The daemon's wall clock jumps by hours, forth and back, while it works, as it does when the time of a machine is set: nothing hangs, nothing
// is lost, nobody is taken for dead.

import {
  copyFileSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import t, { type Test } from 'tap';
import type { FaultPoint } from '../../src/layers/faultpoint.ts';
import { Clock, HOUR, sweepClocks } from './clock.ts';
import { clusterTest } from './cluster.ts';
import { COPY_UP, Faults } from './faults.ts';
import { list, records } from './hosts.ts';
import { filesOf, recordsOf } from './journal-support.ts';
import { mountOther } from './second.ts';
import { Hung, type Mounted, type MountTestOptions, mountTest, sh, until, whereIs } from './support.ts';

const base: MountTestOptions = { needs: ['faketime'], env: (dir) => new Clock(dir).env };

t.teardown(sweepClocks);

/** Forth by hours, further back, to a machine's that has forgotten the year, and into the next century. */
const JUMPS = [9 * HOUR, -17 * HOUR, -Math.floor(Date.now() / 1000), 130 * 365 * 24 * HOUR];

/** Each line of the log is whole, and says a time that a clock can show. */
function assertReadable(t: Test, log: string): void {
  const isLine = (line: string) => {
    const [, time] = /^time=(\S+) level=(?:info|warn) event=\w+(?: .*)?$/.exec(line) ?? [];
    return time !== undefined && new Date(time).toISOString() === time;
  };
  t.same(
    log.split('\n').filter((line) => line !== '' && !isLine(line)),
    [],
    'every line of the log can be read, and nothing is wrong',
  );
}

const times = (path: string) => {
  const { atimeNs, mtimeNs } = lstatSync(path, { bigint: true });
  return { atimeNs, mtimeNs };
};

await mountTest(
  t,
  'at each step of a copy-up',
  {
    ...base,
    faults: true,
    prepare: ({ lower: [lower] }) => {
      mkdirSync(`${lower}/d`);
      for (const point of COPY_UP) {
        const file = `${lower}/d/${point}`;
        writeFileSync(file, `old ${point}\n`);
        // Of the future, if the clock is right.
        sh('TZ=UTC touch -a -d "2001-02-03 04:05:06.123456789" "$1"; touch -m -d "+3 hours" "$1"', {
          args: [file],
        });
      }
      utimesSync(`${lower}/d`, 1, 2);
    },
  },
  async (t, m) => {
    const clock = new Clock(m.dir);
    for (const [i, point] of COPY_UP.entries()) {
      const file = `${m.mnt}/d/${point}`;
      const before = times(`${m.lower[0]}/d/${point}`);
      const stopped = m.faults.pause(point);
      const opening = new Hung('perl', '-e', 'open(my $f, "+<", $ARGV[0]) or exit 1', file);
      const there = await stopped();
      clock.jump(JUMPS[i % JUMPS.length] as number);
      there.go();
      t.equal(await opening.ended, '0', `${point}: opened, ${clock.ahead / HOUR} hours ahead`);
      t.equal(whereIs(m, `d/${point}`), 'upper');
      t.same(times(`${m.upper}/d/${point}`), before, 'its times are the source’s');
      t.same(times(file), before);
      t.equal(readFileSync(file, 'utf8'), `old ${point}\n`);
    }
    t.equal(lstatSync(`${m.mnt}/d`).mtimeMs, 2000, 'its directory’s time stays');
    t.same(list(`${m.upper}/.migratefs/work`), [], 'nothing unfinished is left');
    t.equal(recordsOf(m).length, COPY_UP.length);
    assertReadable(t, m.log());
  },
);

/** Where it is stopped in the middle of what, and the layers that have a name afterwards. */
const HIDING: [FaultPoint, string, Record<string, string>][] = [
  ['remove.hidden', 'unlink "f"', { f: '', g: 'upper lower' }],
  ['remove.removed', 'unlink "f"', { f: '', g: 'upper lower' }],
  ['rename.hidden', 'rename "f", "g"', { f: '', g: 'upper' }],
  ['rename.moved', 'rename "f", "g"', { f: '', g: 'upper' }],
  ['renamedir.intent', 'rename "D", "E"', { D: '', E: 'upper lower' }],
  ['renamedir.moved-1', 'rename "D", "E"', { D: '', E: 'upper lower' }],
  ['renamedir.done', 'rename "D", "E"', { D: '', E: 'upper lower' }],
];

await mountTest(
  t,
  'while names are removed and renamed that hide others',
  {
    ...base,
    faults: true,
    prepare: ({ upper, lower: [lower] }) => {
      for (const dir of [upper, lower].flatMap((layer) => HIDING.map(([point]) => `${layer}/${point}`))) {
        mkdirSync(`${dir}/D`, { recursive: true });
        for (const name of ['f', 'g']) writeFileSync(`${dir}/${name}`, `${name} of ${dir}\n`);
      }
    },
  },
  async (t, m) => {
    const clock = new Clock(m.dir);
    const look = (when: string) => {
      for (const [point, , places] of HIDING) {
        for (const [name, where] of Object.entries(places)) {
          t.equal(whereIs(m, `${point}/${name}`), where, `${when}: ${name} of ${point}`);
        }
        const names = Object.keys(places);
        const shown = list(`${m.mnt}/${point}`).filter((name) => names.includes(name));
        t.same(
          shown,
          names.filter((name) => places[name] !== ''),
        );
      }
    };
    for (const [i, [point, act]] of HIDING.entries()) {
      const stopped = m.faults.pause(point);
      const acting = new Hung('perl', '-e', `chdir $ARGV[0]; ${act} or exit 1`, `${m.mnt}/${point}`);
      const there = await stopped();
      clock.jump(JUMPS[i % JUMPS.length] as number);
      there.go();
      t.equal(await acting.ended, '0', `${act} at ${point}`);
    }
    look('done');
    await m.remount();
    look('mounted again');
    assertReadable(t, m.log());
  },
);

const NAME = 'n'.repeat(240);

await mountTest(
  t,
  'the journal: a record of everything, and new files of it',
  {
    ...base,
    options: 'journal-size=64K',
    prepare: ({ lower: [lower] }) => writeFileSync(`${lower}/${NAME}0`, 'old\n'),
  },
  async (t, m) => {
    const clock = new Clock(m.dir);
    const ahead: number[] = [];
    const rename = () => {
      const i = ahead.push(clock.ahead);
      renameSync(`${m.mnt}/${NAME}${i - 1}`, `${m.mnt}/${NAME}${i}`);
    };
    for (const jump of [...JUMPS, -17 * HOUR]) {
      const files = filesOf(m).length;
      for (let i = 0; i < 100; i++) rename();
      clock.jump(jump);
      await until('a new file', () => {
        rename();
        return filesOf(m).length > files;
      });
    }
    const records = recordsOf(m);
    const [current, ...numbered] = filesOf(m);
    t.ok(numbered.length >= JUMPS.length, `${numbered.length} files were put away`);
    const inOrder = [...numbered, current as string].flatMap((file) =>
      readFileSync(file, 'latin1').trimEnd().split('\n'),
    );
    t.same(
      inOrder.map((line) => JSON.parse(line).new_path),
      ahead.map((_, i) => `/${NAME}${i + 1}`),
      'each of them once, in the order in which they happened',
    );
    t.equal(records.length, ahead.length);
    const wrong = inOrder.filter((line, i) => {
      const shown = (Date.parse(JSON.parse(line).time) - Date.now()) / 1000;
      return Math.abs(shown - (ahead[i] as number)) > 110;
    });
    t.same(wrong, [], 'each says the time that the clock showed');
    assertReadable(t, m.log());
  },
);

await clusterTest(
  t,
  'locks: who waits goes on waiting, and has his lock when it is free',
  { ...base, prepare: ({ lower: [lower] }) => writeFileSync(`${lower}/f`, 'old\n') },
  async (t, m) => {
    const clock = new Clock(m.dir);
    const holder = await m.locker(`${m.other}/f`, 'r');
    const waiting = await m.locker(`${m.mnt}/f`, 'r');
    const opening = await m.locker();
    for (const jump of [5 * HOUR, -11 * HOUR]) {
      t.equal(await holder.ask('flock a ex'), 'ok');
      await waiting.blocked('flock a sh');
      clock.jump(jump);
      // Another one's answer has gone by since: the daemon has had the new time in hand.
      t.equal(await opening.ask(`open b r ${m.mnt}/f`), 'ok');
      t.equal(waiting.waits, true, 'it waits still');
      t.equal(await holder.ask('flock a un'), 'ok');
      t.equal(await waiting.answer(), 'ok');
      t.equal(await waiting.ask('flock a un'), 'ok');
    }
    // A copy-up waits for another host's lock for ten seconds, not for hours, and not for none.
    t.equal(await holder.ask('flock a sh'), 'ok');
    await opening.blocked(`open c rw ${m.mnt}/f`);
    clock.jump(7 * HOUR);
    t.equal(await waiting.ask(`open b r ${m.mnt}/f`), 'ok');
    t.equal(opening.waits, true, 'it waits still');
    t.equal(await holder.ask('flock a un'), 'ok');
    t.equal(await opening.answer(), 'ok');
  },
);

/** Each jump is seen by a beat of its own. */
async function jumpOften(m: Mounted, clocks: Clock[]): Promise<void> {
  const sign = list(`${m.upper}/.migratefs/alive`).find((name) => name.startsWith('elsewhere')) as string;
  const beats = () => Number(readFileSync(`${m.upper}/.migratefs/alive/${sign}`, 'latin1'));
  for (let i = 0; i < 15; i++) {
    const start = beats();
    for (const [k, clock] of clocks.entries()) clock.jump((i % 2 === k ? 13 : -13) * HOUR);
    await until('the next look', () => beats() > start);
  }
}

await mountTest(
  t,
  'signs of life: whose clock is wrong is not dead, and who is dead is found',
  {
    ...base,
    root: true,
    faults: true,
    options: 'cache=none',
    prepare: ({ upper, lower: [lower] }) => {
      for (const layer of [upper, lower]) mkdirSync(`${layer}/D`);
    },
  },
  async (t, m) => {
    const clocks = [new Clock(m.dir), new Clock(m.dir, 'clock-elsewhere')];
    clocks[0]?.jump(-5 * HOUR);
    const other = await mountOther(t, m, 'elsewhere', 'cache=none', {
      faults: new Faults(`${m.dir}/faults-elsewhere`),
      host: 'elsewhere',
      env: clocks[1]?.env as Record<string, string>,
    });
    const stopped = m.faults.pause('renamedir.moved-1');
    const moving = new Hung('perl', '-e', 'rename "$ARGV[0]/D", "$ARGV[0]/E" or exit 1', m.mnt);
    const there = await stopped();
    // A copy of the sign, on which the daemon has no lock: what it writes there has to do.
    const folder = `${m.upper}/.migratefs/alive`;
    const own = `${folder}/${list(folder).find((name) => !name.startsWith('elsewhere'))}`;
    copyFileSync(own, `${m.dir}/sign`);
    unlinkSync(own);
    copyFileSync(`${m.dir}/sign`, own);
    await jumpOften(m, clocks);
    t.equal(records(m).length, 1, 'its record stands');
    t.notMatch(other.log(), /daemon_gone/);
    there.go();
    t.equal(await moving.ended, '0');
    t.equal(whereIs(m, 'E'), 'upper lower');

    m.faults.kill('renamedir.moved-1');
    await new Hung('perl', '-e', 'rename "$ARGV[0]/E", "$ARGV[0]/F"', m.mnt).ended;
    await m.ended();
    await jumpOften(m, clocks.slice(1));
    await until('undone', () => records(m).length === 0);
    t.equal(whereIs(m, 'E'), 'upper lower');
    t.match(other.log(), /event=daemon_gone/);
    assertReadable(t, other.log());
    await m.remount();
  },
);
