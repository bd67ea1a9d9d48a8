// One host lists a directory while another works in it, or puts another directory in its place. What is there all the time is listed, and what is
// listed is of one directory: names of the old one and of the new one are never mixed, and none comes twice.

import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { ENOENT, ESTALE } from '../../protocol/errno.ts';
import { BACKING, type Hosts, hostsTest } from './hosts.ts';
import { namesOf, Reader } from './reader.ts';
import { EXCHANGE, sh, whereIs } from './support.ts';

interface Layers {
  upper: string;
  lower: string[];
}

/** Which storages have a directory. */
const LAYOUTS = ['lower', 'both', 'upper'] as const;
type Layout = (typeof LAYOUTS)[number];

/** More than one reading takes; in a network each of them costs. */
const COUNT = BACKING === 'dir' ? 600 : 240;
const namesWith = (prefix: string) => Array.from({ length: COUNT }, (_, i) => `${prefix}-${i + 1}`).sort();
const OLD = namesWith('old');

/** A directory of many names; one that both have has a half of them on each. */
function lay({ upper, lower: [lower = ''] }: Layers, layout: Layout, name: string, prefix: string): void {
  const fill = (layer: string, from: number, to: number) =>
    sh(`mkdir ${name}; cd ${name}; seq -f ${prefix}-%.0f ${from} ${to} | xargs touch`, { cwd: layer });
  if (layout !== 'both') return void fill(layout === 'upper' ? upper : lower, 1, COUNT);
  fill(upper, 1, COUNT / 2);
  fill(lower, COUNT / 2 + 1, COUNT);
}

/** What lies where D does not, so that sides which are wrongly joined show. */
const ELSEWHERE: Readonly<Record<Layout, Layout>> = { lower: 'upper', both: 'both', upper: 'lower' };

/** How D gets replaced. Is the old directory kept, all of it must be listed; else it is emptied as it is on any file system. */
const WAYS: readonly [act: string, kept: boolean][] = [
  ['rm -r D; mkdir D; touch D/new-1', false],
  ['find D -mindepth 1 -delete; mv -T other D', false],
  ['mv -T D kept; mv -T other D', true],
  ...(BACKING === 'dir' ? [[`${EXCHANGE} D other`, true] as [string, boolean]] : []),
];

const isGone = (error: unknown) =>
  [ENOENT, ESTALE].some((errno) => (error as Error).message === `getdents: ${-errno}`);

/** @returns the names that follow; undefined where the directory is not there any more */
function rest(reader: Reader): string[] | undefined {
  try {
    return namesOf(reader.read(2 * COUNT));
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Nothing but names of the old directory, none twice, and all of them if `whole`. */
function checkOld(t: Test, names: readonly string[], whole: boolean, what: string): void {
  t.same(
    names.filter((name) => !name.startsWith('old-')),
    [],
    `${what}: of one directory`,
  );
  t.equal(new Set(names).size, names.length, `${what}: none twice`);
  if (whole) t.same([...names].sort(), OLD, `${what}: whole`);
}

function checkNew(t: Test, m: Hosts, what: string): void {
  for (const { mnt } of [m.a, m.b]) {
    const names = readdirSync(`${mnt}/D`);
    t.ok(names.length === 1 || names.length === COUNT, `${what}: ${names.length} names`);
    t.ok(
      names.every((name) => name.startsWith('new-')),
      `${what}: the new directory`,
    );
  }
}

function clear(m: Hosts): void {
  for (const layer of [m.upper, ...m.lower])
    for (const name of ['D', 'other', 'kept']) rmSync(`${layer}/${name}`, { recursive: true, force: true });
}

const options = { root: true, needs: ['perl'], timeout: 300_000 };

await hostsTest(t, 'a directory that is replaced when half of it has been read', options, async (t, m) => {
  for (const layout of LAYOUTS) {
    for (const [act, kept] of WAYS) {
      const what = `${layout}, ${act.replace(EXCHANGE, 'exchange')}`;
      lay(m, layout, 'D', 'old');
      lay(m, ELSEWHERE[layout], 'other', 'new');
      const reader = new Reader(`${m.b.mnt}/D`, 1 << 12);
      const first = namesOf(reader.read(COUNT / 3));
      t.ok(first.length < COUNT, `${first.length} names were read before`);
      t.equal(await m.a.run(act), 'ok', what);
      const more = rest(reader);
      // The new storage's own directory is read there: it ends where it has been emptied, as there.
      checkOld(t, [...first, ...(more ?? [])], kept || (layout !== 'upper' && more !== undefined), what);
      t.not(kept && more === undefined, true, `${what}: it is there, under another name`);
      checkNew(t, m, what);
      reader.seek(0);
      const again = rest(reader);
      if (again !== undefined) checkOld(t, again, kept, `${what}: rewound`);
      reader.close();
      clear(m);
    }
  }
});

/** What b lists in D, stopped before or after it has read one of its sides, while a does something. @returns b's answer and what it has listed */
async function listAround(
  t: Test,
  m: Hosts,
  act: string,
  point: 'listing.begun' | 'listing.read',
): Promise<{ answer: string; names: string[] }> {
  const out = `${m.dir}/listed`;
  const stopped = m.b.faults.pause(point);
  const lister = m.b.run(`ls -U D >${out}`);
  const there = await stopped();
  t.equal(await m.a.run(act), 'ok', act);
  there.go();
  return { answer: await lister, names: readFileSync(out, 'utf8').split('\n').filter(Boolean) };
}

const STOPS = (['lower', 'both'] as const).flatMap((layout) =>
  (['listing.begun', 'listing.read'] as const).map((point) => [layout, point] as const),
);

await hostsTest(t, 'a directory that is replaced between the steps of a listing', options, async (t, m) => {
  for (const [layout, point] of STOPS) {
    for (const [act, kept] of WAYS) {
      const what = `${layout}, ${point}, ${act.replace(EXCHANGE, 'exchange')}`;
      lay(m, layout, 'D', 'old');
      lay(m, ELSEWHERE[layout], 'other', 'new');
      const { answer, names } = await listAround(t, m, act, point);
      t.match(answer, /^(?:ok|Stale file handle|No such file or directory)$/, what);
      checkOld(t, names, kept && answer === 'ok', `${what}: ${answer}`);
      checkNew(t, m, what);
      clear(m);
    }
  }
});

/** What moves a file of the old storage to the new one, and leaves its name. */
const MOVES: Readonly<Record<string, string>> = {
  'copied up': '[ -s D/f ]; echo more >>D/f',
  replaced: 'echo new >n; mv -T n D/f',
  'renamed over by one of the old storage': 'mv -T D/g D/f',
};

await hostsTest(t, 'a file that is there all the time is listed, wherever it lies', options, async (t, m) => {
  for (const [how, act] of Object.entries(MOVES)) {
    for (const [layout, point] of STOPS) {
      for (const layer of layout === 'both' ? [m.upper, ...m.lower] : m.lower) mkdirSync(`${layer}/D`);
      for (const name of ['e', 'f', 'g']) writeFileSync(`${m.lower[0]}/D/${name}`, `${name}\n`);
      const { answer, names } = await listAround(t, m, act, point);
      t.equal(answer, 'ok');
      t.equal(names.filter((name) => name === 'f').length, 1, `${layout}, ${point}, ${how}`);
      t.equal(new Set(names).size, names.length, 'none twice');
      t.ok(names.includes('e'));
      if (how !== 'renamed over by one of the old storage') t.equal(whereIs(m, 'D/f'), 'upper');
      clear(m);
    }
  }
});

await hostsTest(
  t,
  'a name that two storages have is listed as what the new one has',
  options,
  async (t, m) => {
    for (const layer of [m.upper, ...m.lower]) mkdirSync(`${layer}/D`);
    writeFileSync(`${m.lower[0]}/D/x`, 'old\n');
    mkdirSync(`${m.upper}/D/x`);
    for (const { mnt } of [m.a, m.b]) {
      const [entry, ...others] = readdirSync(`${mnt}/D`, { withFileTypes: true });
      t.same(others, []);
      t.ok(entry?.isDirectory(), 'a directory');
      const listed = sh('ls -iU D', { cwd: mnt }).trim();
      t.equal(listed, `${BigInt.asUintN(64, statSync(`${mnt}/D/x`, { bigint: true }).ino)} x`);
    }
  },
);
