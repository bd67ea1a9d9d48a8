// Two daemons of one machine and one host name, of which one is in a pid namespace of its own, as in a container: neither can ask about the other's
// process, whose number means nobody to it, or somebody else. What the one is in the middle of stays, whoever else comes and goes meanwhile.

import { spawn } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { unmountPath } from './backing.ts';
import { Faults } from './faults.ts';
import { list } from './hosts.ts';
import { mountOther, type OtherHost } from './second.ts';
import {
  cleanEnv,
  isAlive,
  type Mounted,
  type MountTestOptions,
  mountTest,
  treeDigest,
  until,
} from './support.ts';

const OPTIONS = 'cache=none,metadata=copyup,threads=8';

const options: MountTestOptions = {
  root: true,
  faults: true,
  needs: ['unshare'],
  options: OPTIONS,
  prepare: ({ upper, lower: [lower = ''] }) => {
    for (const dir of [`${upper}/D`, `${lower}/D`, `${upper}/E`, `${lower}/E`]) mkdirSync(dir);
    writeFileSync(`${lower}/D/x`, 'old\n');
    symlinkSync('where it leads', `${lower}/D/link`);
    writeFileSync(`${lower}/E/y`, 'old\n');
  },
};

/** A daemon in a pid namespace of its own, with a number that nobody has here. */
function mountInContainer(t: Test, m: Mounted, faults: Faults): Promise<OtherHost> {
  let number = Number(readFileSync('/proc/sys/kernel/pid_max', 'latin1')) - 100;
  while (isAlive(number)) number--;
  const script = `echo ${number - 1} >/proc/sys/kernel/ns_last_pid; "$@" & wait $!`;
  const by = ['unshare', '--pid', '--kill-child', 'sh', '-c', script, 'sh'];
  return mountOther(t, m, 'contained', OPTIONS, { faults, by });
}

const alive = (m: Mounted) => list(`${m.upper}/.migratefs/alive`);

/** What a daemon is in the middle of: temporaries, records of copies and of renames. */
const unfinished = (m: Mounted) =>
  [m.upper, ...m.lower].map((layer) =>
    ['work', 'slots', 'intents'].map((folder) => list(`${layer}/.migratefs/${folder}`)),
  );

/** What is done, and where it is stopped: a copy that has a name of its own, one that has been published, and a rename. */
const ACTS = [
  ['chown -h 4242 D/link', 'copyup.data'],
  ['echo more >>D/x', 'copyup.published'],
  ['mv -T E F', 'renamedir.moved-1'],
] as const;

/**
 * @param busy whose daemon is stopped. @param visit has another one come, and go when it has been waited for. @returns what that has logged
 */
async function play(
  t: Test,
  m: Mounted,
  busy: { mnt: string; faults: Faults },
  visit: (looked: () => Promise<void>) => Promise<string>,
): Promise<void> {
  const stopped = [];
  for (const [script, point] of ACTS) {
    const there = busy.faults.pause(point);
    const child = spawn('sh', ['-c', script], { cwd: busy.mnt, stdio: 'ignore', env: cleanEnv() });
    const ended = new Promise((done) => child.once('close', done));
    stopped.push({ ...(await there()), ended });
  }
  const before = unfinished(m);
  t.match(
    before,
    [
      [[String], Array, Array],
      [[], [], []],
    ],
    'one temporary',
  );
  t.equal(before[0]?.[2]?.filter((name) => !name.startsWith('moving-')).length, 1, 'one record of a rename');
  const signs = alive(m);
  const log = await visit(async () => {
    const sign = alive(m).find((name) => !signs.includes(name));
    const beats = () => Number(readFileSync(`${m.upper}/.migratefs/alive/${sign}`, 'latin1'));
    const start = beats();
    await until('looks', () => beats() > start + 12, 60_000);
    t.same(unfinished(m), before, 'nothing is swept, finished or undone');
  });
  t.same(unfinished(m), before, 'nor when the other has gone');
  t.same(alive(m), signs);
  t.equal(existsSync(`${m.lower[0]}/D/x`), true, 'a source stays until its copy is durable');
  t.equal(existsSync(`${m.lower[0]}/F/y`), true, 'half of a rename');
  t.notMatch(log, /event=(?:swept|daemon_gone|rename_|source_removed|hidden_source)/);
  for (const { go, ended } of stopped) {
    go();
    t.equal(await ended, 0);
  }
  t.equal(lstatSync(`${m.upper}/D/link`).uid, 4242);
  t.equal(readFileSync(`${m.upper}/D/x`, 'latin1'), 'old\nmore\n');
  t.equal(existsSync(`${m.lower[0]}/D/x`), false);
  t.same(list(`${busy.mnt}/F`), ['y']);
  t.same(list(`${busy.mnt}/E`), []);
  t.equal(unfinished(m)[0]?.[0]?.length, 0);
}

await mountTest(t, 'a container comes and goes while the host’s daemon works', options, async (t, m) => {
  await play(t, m, m, async (looked) => {
    const other = await mountInContainer(t, m, new Faults(`${m.dir}/faults-contained`));
    await looked();
    const fault = unmountPath(other.mnt);
    if (fault !== undefined) throw new Error(fault);
    await until('gone', () => !isAlive(other.pid));
    return other.log();
  });
});

await mountTest(
  t,
  'the host’s daemon comes and goes while one in a container works',
  options,
  async (t, m) => {
    const faults = new Faults(`${m.dir}/faults-contained`);
    const { mnt } = await mountInContainer(t, m, faults);
    await m.unmount();
    const said = m.log().length;
    await play(t, m, { mnt, faults }, async (looked) => {
      await m.remount();
      await looked();
      await m.unmount();
      return m.log().slice(said);
    });
    await m.remount();
    t.same(treeDigest(m.mnt), treeDigest(mnt));
  },
);
