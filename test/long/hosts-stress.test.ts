// Hosts that do anything at all in one tree at the same time, from several processes of different users: what each was told it has done is what is there in
// the end, all hosts see the same, and nothing is left half-way. It goes in rounds, each in a tree that begins on the old storage. In the second
// test the daemon of one host is killed in each round. MIGRATEFS_HOSTS_STRESS_SECONDS says how long each takes.

import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { list } from '../mounted/hosts.ts';
import { mountOther, type OtherHost } from '../mounted/second.ts';
import { type Mounted, type MountTestOptions, mountTest, treeDigest } from '../mounted/support.ts';
import { compiled, seedOf } from './exerciser.ts';
import { Answers, faultsOfOwn, faultsOfShared, strangers } from './hosts-model.ts';
import { exercise, layOwn } from './hosts-process.ts';
import { resident, scaled } from './support.ts';
import { mergedDigest } from './tree.ts';

const { MIGRATEFS_HOSTS_STRESS_SECONDS: seconds } = process.env;
const ROUND = 5;
const ROUNDS = Math.max(1, Math.round(Number(seconds ?? scaled(60)) / ROUND));

const HOSTS = 3;
const PROCESSES = 2;
const IDS = Array.from({ length: HOSTS * PROCESSES }, (_, i) => `${i}`);

/** Files that were removed, and are there still or aside, since hosts have met (docs/semantics.md). Anything else in a log is wrong. */
const MEETINGS = /event=(?:copy_set_aside|deleted_file_in_use)/;

/** Lays one tree: shared directories on either storage or on both, and in them the shared names and each process's own; open to all users. */
function lay(program: string, layers: string[], round: string): void {
  const [upper = '', lower = ''] = layers.map((layer) => `${layer}/${round}`);
  for (const i of [0, 1, 2, 3]) {
    for (const layer of i === 2 ? [lower, upper] : [lower]) {
      mkdirSync(`${layer}/d${i}`, { recursive: true });
      chmodSync(`${layer}/d${i}`, 0o777);
    }
    for (let name = 0; name < 6; name++) {
      if (name === i) continue;
      writeFileSync(`${lower}/d${i}/s${name}`, `F laid.${i}.${name}\n`);
      chmodSync(`${lower}/d${i}/s${name}`, 0o666);
    }
  }
  for (const id of IDS) layOwn(program, lower, id);
}

/** What is there of shared files before anybody begins. */
function laid(): Answers {
  const answers = new Answers();
  for (let i = 0; i < 4; i++) {
    for (let name = 0; name < 6; name++) if (name !== i) answers.add(`C laid.${i}.${name}`);
  }
  return answers;
}

const rounds = Array.from({ length: ROUNDS }, (_, round) => `r${round}`);

const options: MountTestOptions = {
  root: true,
  backing: 'ext4',
  needs: ['gcc'],
  options: 'cache=none',
  timeout: ROUNDS * ROUND * 4000 + 240_000,
  prepare: ({ upper, lower }) => {
    const program = compiled('hosts-exerciser', `${upper}/..`);
    for (const round of rounds) lay(program, [upper, ...lower], round);
  },
};

interface Kept {
  kilobytes: number;
  descriptors: number;
}

const kept = (pid: number): Kept => ({
  kilobytes: resident(pid),
  descriptors: readdirSync(`/proc/${pid}/fd`).length,
});

/** What must be true of a round's tree. @param back lines of the logs that tell of removed files which are there still */
function checkRound(
  t: Test,
  hosts: string[],
  layers: string[],
  answers: Answers,
  died: ReadonlySet<string>,
  back: number,
): void {
  const faults = hosts.map((root) => [
    ...faultsOfOwn(root, answers),
    ...strangers(root, answers, died),
    ...faultsOfShared(root, answers, back),
  ]);
  t.same(
    faults,
    hosts.map(() => []),
    'all hosts have what was answered',
  );
  const [first = '', ...others] = hosts;
  const seen = treeDigest(first);
  for (const root of others) t.same(treeDigest(root), seen, 'they show the same');
  const { '.': _, ...shown } = seen;
  const unlinked = Object.entries(shown).map(([name, each]) => [name, { ...each, links: undefined }]);
  t.same(Object.fromEntries(unlinked), mergedDigest(layers), 'and it is what the layers hold');
}

const reported = (logs: string[]): string[] =>
  logs.flatMap((log) => log.split('\n').filter((line) => / level=(?:warn|error) /.test(line)));

function checkEnd(t: Test, m: Mounted, others: OtherHost[]): void {
  const logs = reported([m.log(), ...others.map((other) => other.log())]);
  t.same(
    logs.filter((line) => !MEETINGS.test(line)),
    [],
    'nothing wrong in the logs',
  );
  for (const layer of [m.upper, ...m.lower]) {
    t.same(list(`${layer}/.migratefs/work`), [], 'nothing is left in work');
    t.same(list(`${layer}/.migratefs/intents`), [], 'nothing is left in intents');
    const slots = `${layer}/.migratefs/slots`;
    // A living daemon has one for each worker: empty when nothing is under way.
    const isSettled = (name: string) => readFileSync(`${slots}/${name}`, 'latin1').startsWith('\n');
    t.same(
      list(slots).filter((name) => !isSettled(name)),
      [],
      'every slot is settled',
    );
  }
}

/** Removes a round's tree from one host: nothing may be left of it, on any. */
function removeRound(t: Test, hosts: string[], layers: string[], by: number): void {
  rmSync(hosts[by] as string, { recursive: true });
  t.same([...hosts, ...layers].filter(existsSync), [], 'nothing is left of a tree that was removed');
}

/** A soak does not swell a daemon: what it had after a third of the rounds, or little more, is what it has in the end. */
function checkKept(t: Test, pids: number[], before: Kept[]): void {
  for (const [i, was] of before.entries()) {
    const { kilobytes, descriptors } = kept(pids[i] as number);
    t.ok(kilobytes < was.kilobytes + 100_000, `${was.kilobytes} kB, then ${kilobytes} kB`);
    t.ok(descriptors < was.descriptors + 20, `${was.descriptors} descriptors, then ${descriptors}`);
  }
}

async function mountOthers(t: Test, m: Mounted): Promise<OtherHost[]> {
  const others: OtherHost[] = [];
  for (let host = 1; host < HOSTS; host++) {
    others.push(await mountOther(t, m, `host${host}`, options.options as string));
  }
  return others;
}

let seed = seedOf();

/** Starts a host's processes in a tree. */
const start = (m: Mounted, host: number, root: string) =>
  IDS.slice(host * PROCESSES, (host + 1) * PROCESSES).map((id) =>
    exercise({ program: `${m.dir}/hosts-exerciser`, root, id, seed: seed++, seconds: ROUND }),
  );

await mountTest(t, 'hosts in one tree', options, async (t, m) => {
  const others = await mountOthers(t, m);
  const hosts = [m.mnt, ...others.map(({ mnt }) => mnt)];
  const pids = [m.daemonPid, ...others.map(({ pid }) => pid)];
  let before: Kept[] = [];
  for (const [i, round] of rounds.entries()) {
    if (i === Math.ceil(ROUNDS / 3)) before = pids.map(kept);
    const answers = laid();
    const roots = hosts.map((mnt) => `${mnt}/${round}`);
    for (const { status, output, said } of await Promise.all(roots.flatMap((root, i) => start(m, i, root)))) {
      t.equal(status, 0, said);
      answers.add(output);
    }
    const back = reported([m.log(), ...others.map((other) => other.log())]).length;
    const layers = [m.upper, ...m.lower].map((layer) => `${layer}/${round}`);
    checkRound(t, roots, layers, answers, new Set(), back);
    t.ok(answers.removed > 0, `${answers.files.size} shared files, ${answers.removed} removed`);
    removeRound(t, roots, layers, i % HOSTS);
  }
  checkKept(t, pids, before);
  checkEnd(t, m, others);
});

await mountTest(t, 'a host whose daemon is killed in each round', options, async (t, m) => {
  const others = await mountOthers(t, m);
  const pids = others.map(({ pid }) => pid);
  let before: Kept[] = [];
  for (const [i, round] of rounds.entries()) {
    if (i === Math.ceil(ROUNDS / 3)) before = pids.map(kept);
    const answers = laid();
    const roots = [m.mnt, ...others.map(({ mnt }) => mnt)].map((mnt) => `${mnt}/${round}`);
    const [victims = [], ...rest] = roots.map((root, i) => start(m, i, root));
    await sleep(500 + Math.random() * (ROUND - 2) * 1000);
    await m.kill9();
    for (const { status, output, said } of await Promise.all(victims)) {
      t.equal(status, 3, said);
      answers.add(output);
    }
    await m.remount();
    for (const { status, output, said } of await Promise.all(rest.flat())) {
      t.equal(status, 0, said);
      answers.add(output);
    }
    const back = reported([m.log(), ...others.map((other) => other.log())]).length;
    const layers = [m.upper, ...m.lower].map((layer) => `${layer}/${round}`);
    checkRound(t, roots, layers, answers, new Set(IDS.slice(0, PROCESSES)), back);
    removeRound(t, roots, layers, i % HOSTS);
  }
  checkKept(t, pids, before);
  checkEnd(t, m, others);
});

await mountTest(
  t,
  'the exerciser is right about the storage itself, and sees what is wrong',
  { root: true, backing: 'ext4', needs: ['gcc'] },
  async (t, m) => {
    const program = compiled('hosts-exerciser', m.dir);
    lay(program, [m.upper, m.upper], 'r');
    const root = `${m.upper}/r`;
    const answers = laid();
    for (const { status, output, said } of await Promise.all(
      IDS.slice(0, 3).map((id) => exercise({ program, root, id, seed: seed++, seconds: ROUND })),
    )) {
      t.equal(status, 0, said);
      answers.add(output);
    }
    t.same([...faultsOfOwn(root, answers), ...faultsOfShared(root, answers, 0)], []);
    const [own = ''] = [...answers.own].find(([, each]) => each !== 'directory') ?? [];
    unlinkSync(`${root}/${own}`);
    writeFileSync(`${root}/${own}`, 'another');
    t.not(faultsOfOwn(root, answers).length, 0, 'another content');
    for (const wrong of ['A laid.new x.1', 'C new.1', 'U\nU']) {
      const more = laid();
      more.add(wrong);
      t.not(faultsOfShared(root, more, 0).length, 0, wrong);
    }
  },
);
