// Hosts that do anything at all in one tree at the same time, from several processes of different users: what each was told it has done is what is there in
// the end, all hosts see the same, and nothing is left half-way. It goes in rounds, each in a tree that begins on the old storage. In the second
// test the daemon of one host is killed in each round. MIGRATEFS_HOSTS_STRESS_SECONDS says how long each takes, MIGRATEFS_HOSTS_BACKING on what if not ext4,
// MIGRATEFS_HOSTS_STRESS_DOES what alone they do (hosts-exerciser.c).

import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { BACKING, list } from '../mounted/hosts.ts';
import { mountOther, type OtherHost } from '../mounted/second.ts';
import { type Mounted, type MountTestOptions, mountTest, treeDigest } from '../mounted/support.ts';
import { compiled, seedOf } from './exerciser.ts';
import { layMetadata } from './hosts-metadata.ts';
import { faultsOfOwn, faultsOfShared } from './hosts-model.ts';
import { exercise, layOwn } from './hosts-process.ts';
import { laid, Round } from './hosts-round.ts';
import { checkKept, type Kept, kept } from './kept.ts';
import { scaled } from './support.ts';
import { mergedDigest } from './tree.ts';

const { MIGRATEFS_HOSTS_STRESS_SECONDS: seconds, MIGRATEFS_HOSTS_STRESS_DOES: does = 'run' } = process.env;
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
  layMetadata(lower);
  for (const id of IDS) layOwn(program, lower, id);
}

const rounds = Array.from({ length: ROUNDS }, (_, round) => `r${round}`);

const options: MountTestOptions = {
  root: true,
  backing: BACKING === 'dir' ? 'ext4' : BACKING,
  needs: ['gcc'],
  options: 'cache=none',
  timeout: ROUNDS * ROUND * 10_000 + 300_000,
  prepare: ({ upper, lower }) => {
    const program = compiled('long/hosts-exerciser', `${upper}/..`);
    for (const round of rounds) lay(program, [upper, ...lower], round);
  },
};

/** What tells how it came: what lies in the layers, what waits in the link index, and what the journals say. @param layers of a round */
function evidence(layers: string[]): string[] {
  const [upper = ''] = layers;
  const kept = layers.flatMap((layer) =>
    (readdirSync(layer, { recursive: true, encoding: 'utf8' }) as string[])
      .filter((name) => /^d\d\/(?:s\d|m\d+\.\d|p.*)$/.test(name) && statSync(`${layer}/${name}`).isFile())
      .map((name) => {
        const { ino, nlink, ctimeMs } = statSync(`${layer}/${name}`);
        const content = readFileSync(`${layer}/${name}`, 'latin1');
        return `${layer}/${name} inode ${ino} links ${nlink} changed ${ctimeMs}: ${JSON.stringify(content.slice(0, 60))}`;
      }),
  );
  const journal = `${dirname(upper)}/.migratefs/journal`;
  const round = `"/${basename(upper)}/`;
  const records = list(journal).flatMap((name) =>
    readFileSync(`${journal}/${name}`, 'latin1')
      .split('\n')
      .filter((line) => line.includes(round) && /\/d\d\/[sm][\d.]+"/.test(line)),
  );
  const waiting = layers.flatMap((layer) => {
    const links = `${dirname(layer)}/.migratefs/links`;
    const names = existsSync(links) ? readdirSync(links, { recursive: true, encoding: 'utf8' }) : [];
    return names.map((name) => `${links}/${name} inode ${statSync(`${links}/${name}`).ino}`);
  });
  return [...kept, ...waiting, ...records.sort()];
}

/** What must be true of a round's tree. @param told lines of the logs, which tell of removed files that are there still */
function checkRound(
  t: Test,
  hosts: string[],
  layers: string[],
  all: Round,
  died: ReadonlySet<string>,
  told: readonly string[],
): void {
  const faults = all.faults(hosts, died, told.length);
  const right = t.same(
    faults,
    hosts.map(() => []),
    faults.flat()[0] ?? 'all hosts have what was answered',
  );
  if (!right) for (const line of [...evidence(layers), ...told]) t.comment(line);
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
  const inUse = logs.filter((line) => line.includes('event=deleted_file_in_use')).length;
  for (const layer of [m.upper, ...m.lower]) {
    t.same(list(`${layer}/.migratefs/work`), [], 'nothing is left in work');
    t.same(list(`${layer}/.migratefs/intents`), [], 'nothing is left in intents');
    const slots = `${layer}/.migratefs/slots`;
    // A living daemon has one for each worker: without a record when nothing is under way.
    const isSettled = (name: string) => /^(?:\n|$)/.test(readFileSync(`${slots}/${name}`, 'latin1'));
    const unsettled = list(slots).filter((name) => !isSettled(name) && !name.startsWith('publishing-'));
    t.ok(unsettled.length <= inUse, `every slot is settled, but for copies in use (${inUse}): ${unsettled}`);
  }
}

/** Removes a round's tree from one host: nothing may be left of it, on any. */
function removeRound(t: Test, hosts: string[], layers: string[], by: number): void {
  rmSync(hosts[by] as string, { recursive: true });
  t.same([...hosts, ...layers].filter(existsSync), [], 'nothing is left of a tree that was removed');
}

async function mountOthers(t: Test, m: Mounted): Promise<OtherHost[]> {
  const others: OtherHost[] = [];
  for (let host = 1; host < HOSTS; host++) {
    const name = `host${host}`;
    others.push(await mountOther(t, m, name, options.options as string, { host: name }));
  }
  return others;
}

let seed = seedOf();

/** Starts a host's processes in a tree. */
const start = (m: Mounted, host: number, root: string) =>
  IDS.slice(host * PROCESSES, (host + 1) * PROCESSES).map((id) =>
    exercise({
      program: `${m.dir}/hosts-exerciser`,
      root,
      id,
      seed: seed++,
      seconds: ROUND,
      does: does as 'run',
    }),
  );

await mountTest(t, 'hosts in one tree', options, async (t, m) => {
  const others = await mountOthers(t, m);
  const hosts = [m.mnt, ...others.map(({ mnt }) => mnt)];
  const pids = [m.daemonPid, ...others.map(({ pid }) => pid)];
  let before: Kept[] = [];
  let removed = 0;
  for (const [i, round] of rounds.entries()) {
    if (i === Math.ceil(ROUNDS / 3)) before = pids.map(kept);
    const layers = [m.upper, ...m.lower].map((layer) => `${layer}/${round}`);
    const all = new Round(layers[1] as string);
    const roots = hosts.map((mnt) => `${mnt}/${round}`);
    for (const { status, output, said } of await Promise.all(roots.flatMap((root, i) => start(m, i, root)))) {
      t.equal(status, 0, said);
      all.add(output);
    }
    const told = reported([m.log(), ...others.map((other) => other.log())]);
    checkRound(t, roots, layers, all, new Set(), told);
    const { answers, metadata } = all;
    t.comment(
      `${answers.files.size} shared files, ${answers.removed} removed; ${metadata.calls} calls for metadata`,
    );
    removed += answers.removed;
    removeRound(t, roots, layers, i % HOSTS);
  }
  t.ok(removed > 0 || does !== 'run', 'shared files were removed');
  await checkKept(t, pids, hosts, before);
  checkEnd(t, m, others);
  for (const layer of [m.upper, ...m.lower]) {
    t.same(list(`${layer}/.migratefs/links`), [], 'nothing waits for names that are gone');
  }
});

await mountTest(t, 'a host whose daemon is killed in each round', options, async (t, m) => {
  const others = await mountOthers(t, m);
  const pids = others.map(({ pid }) => pid);
  let before: Kept[] = [];
  for (const [i, round] of rounds.entries()) {
    if (i === Math.ceil(ROUNDS / 3)) before = pids.map(kept);
    const layers = [m.upper, ...m.lower].map((layer) => `${layer}/${round}`);
    const all = new Round(layers[1] as string);
    const roots = [m.mnt, ...others.map(({ mnt }) => mnt)].map((mnt) => `${mnt}/${round}`);
    const [victims = [], ...rest] = roots.map((root, i) => start(m, i, root));
    await sleep(500 + Math.random() * (ROUND - 2) * 1000);
    await m.kill9();
    for (const { status, output, said } of await Promise.all(victims)) {
      t.ok(status === 3 || status === 0, said); // on a slow machine it may be over before that
      all.add(output);
    }
    await m.remount();
    for (const { status, output, said } of await Promise.all(rest.flat())) {
      t.equal(status, 0, said);
      all.add(output);
    }
    const told = reported([m.log(), ...others.map((other) => other.log())]);
    checkRound(t, roots, layers, all, new Set(IDS.slice(0, PROCESSES)), told);
    removeRound(t, roots, layers, i % HOSTS);
  }
  await checkKept(t, pids, [m.mnt, ...others.map(({ mnt }) => mnt)], before);
  checkEnd(t, m, others);
});

await mountTest(
  t,
  'the exerciser is right about the storage itself, and sees what is wrong',
  { root: true, backing: 'ext4', needs: ['gcc'] },
  async (t, m) => {
    const program = compiled('long/hosts-exerciser', m.dir);
    lay(program, [m.upper, m.upper], 'r');
    const root = `${m.upper}/r`;
    const all = new Round(root);
    for (const { status, output, said } of await Promise.all(
      IDS.map((id) => exercise({ program, root, id, seed: seed++, seconds: ROUND })),
    )) {
      t.equal(status, 0, said);
      all.add(output);
    }
    t.same([...all.metadata.faultsOfSeen(), ...all.faults([root], new Set(), 0)], [[]]);
    const { answers, metadata } = all;
    t.comment(`${metadata.calls} calls for metadata`);
    for (const lost of ['mode=0', 'uid=1', 'gid=1', 'atime=1', 'mtime=1', 'user.a=lost', 'user.b=lost']) {
      all.metadata.add(`W 5 9e15 9e15 ${lost}`);
      t.match(metadata.faultsOfTree(root).join(), lost.split('=')[0] as string, `a lost ${lost}`);
    }
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
