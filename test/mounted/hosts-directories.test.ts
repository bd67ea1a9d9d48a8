// One host renames a directory that the old storage alone has, while another makes something in it for the first time, which gives it a side
// on the new one. Each is stopped on the way while the other works. Nothing is left under the old name, and nothing is lost: what has
// succeeded is in the directory under its new name, what has not was told that the name is gone.

import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import type { FaultPoint } from '../../src/layers/faultpoint.ts';
import { type Hosts, hostsTest, list } from './hosts.ts';
import { EXCHANGE, treeDigest, until, whereIs } from './support.ts';

/** D with files in it, all on the old storage, and deeper than its root: the parent has no side on the new one either. */
function makeDirectory({ upper, lower: [lower] }: { upper: string; lower: string[] }): void {
  for (const layer of [upper, lower]) rmSync(`${layer}/p`, { recursive: true, force: true });
  mkdirSync(`${lower}/p/D/sub`, { recursive: true });
  for (const name of ['f', 'g', 'sub/h']) writeFileSync(`${lower}/p/D/${name}`, `${name}\n`);
}

const FILES: Readonly<Record<string, string>> = { f: 'f\n', g: 'g\n', 'sub/h': 'sub/h\n' };

/** What is done in the directory, and what it holds then. */
const ACTS: Record<string, [script: string, holds: Readonly<Record<string, string>>]> = {
  create: ['echo new >new', { ...FILES, new: 'new\n' }],
  'create below': ['echo new >sub/new', { ...FILES, 'sub/new': 'new\n' }],
  'copy up': ['[ -s f ]; echo more >>f', { ...FILES, f: 'f\nmore\n' }],
  'copy up below': ['[ -s sub/h ]; echo more >>sub/h', { ...FILES, 'sub/h': 'sub/h\nmore\n' }],
  mkdir: ['mkdir made; echo new >made/new', { ...FILES, 'made/new': 'new\n' }],
  remove: ['rm f', { g: 'g\n', 'sub/h': 'sub/h\n' }],
  rename: ['mv f sub/f', { g: 'g\n', 'sub/h': 'sub/h\n', 'sub/f': 'f\n' }],
  replace: ['echo new >../n; mv ../n f', { ...FILES, f: 'new\n' }],
};

function holds(dir: string): Record<string, string> {
  const found: Record<string, string> = {};
  const walk = (below: string) => {
    for (const name of list(`${dir}${below}`)) {
      const path = `${below}/${name}`;
      if (existsSync(`${dir}${path}/.`)) walk(path);
      else found[path.slice(1)] = readFileSync(`${dir}${path}`, 'utf8');
    }
  };
  walk('');
  return found;
}

/** What a program is told that comes too late. */
const TOO_LATE = /^(?:ok|No such file or directory|Stale file handle)$/;

function check(
  t: Test,
  m: Hosts,
  answer: string,
  expected: Readonly<Record<string, string>>,
  what: string,
  otherwise = FILES,
): void {
  t.match(answer, TOO_LATE, what);
  t.equal(whereIs(m, 'p/D'), '', `${what}: nothing has the old name`);
  t.same(holds(`${m.mnt}/p/E`), answer === 'ok' ? expected : otherwise, `${what}: ${answer}`);
  t.same(treeDigest(`${m.b.mnt}/p`), treeDigest(`${m.mnt}/p`), 'both see the same');
}

const RENAMING: FaultPoint[] = ['rename.found', 'renamedir.announced', 'renamedir.moved-1', 'renamedir.done'];
// As root alone: an ordinary user's daemon takes the same steps, and this takes its time.
const all = { root: true, prepare: makeDirectory, timeout: 300_000 };

await hostsTest(t, 'while a rename is stopped', all, async (t, m) => {
  for (const point of RENAMING) {
    for (const [name, [script, expected]] of Object.entries(ACTS)) {
      const stopped = m.a.faults.pause(point);
      const mover = m.a.run('mv -T p/D p/E');
      const there = await stopped();
      const answer = await m.b.run(`cd p/D; ${script}`);
      there.go();
      t.equal(await mover, 'ok');
      check(t, m, answer, expected, `${point}, ${name}`);
      makeDirectory(m);
    }
  }
});

await hostsTest(t, 'while a rename is stopped, by who stands in the directory', all, async (t, m) => {
  const gate = `${m.dir}/gate`;
  const standing = `cd p/D; stat . f sub; touch ${gate}.in; until [ -e ${gate} ]; do sleep 0.01; done;`;
  for (const point of RENAMING) {
    for (const [name, [script, expected]] of Object.entries(ACTS)) {
      const inside = m.b.run(`${standing} ${script}`);
      await until('he stands there', () => existsSync(`${gate}.in`));
      const stopped = m.a.faults.pause(point);
      const mover = m.a.run('mv -T p/D p/E');
      const there = await stopped();
      writeFileSync(gate, '');
      const answer = await inside;
      there.go();
      t.equal(await mover, 'ok');
      check(t, m, answer, expected, `${point}, ${name}`);
      for (const end of ['', '.in']) rmSync(`${gate}${end}`);
      makeDirectory(m);
    }
  }
});

const COPYING: FaultPoint[] = [
  'copyup.temporary',
  'copyup.data',
  'copyup.ready',
  'copyup.published',
  'copyup.durable',
  'source.checked',
  'source.aside',
];

await hostsTest(t, 'a rename, while something is made in the directory', all, async (t, m) => {
  for (const [name, [script, expected]] of Object.entries(ACTS)) {
    if (name === 'remove' || name === 'rename') continue; // these make nothing on the new storage
    for (const point of ['mirror.made', ...(name.startsWith('copy up') ? COPYING : [])] as FaultPoint[]) {
      const stopped = m.b.faults.pause(point);
      const worker = m.b.run(`cd p/D; ${script}`);
      const there = await stopped();
      t.equal(await m.a.run('mv -T p/D p/E'), 'ok');
      there.go();
      check(t, m, await worker, expected, `${point}, ${name}`);
      makeDirectory(m);
    }
  }
});

await hostsTest(t, 'a rename, while a side is being made that somebody uses already', all, async (t, m) => {
  mkdirSync(`${m.upper}/p`);
  const renaming = m.a.faults.pause('renamedir.announced');
  const mover = m.a.run('mv -T p/D p/E');
  const rename = await renaming();
  const making = m.b.faults.pause('mirror.made');
  const first = m.b.run('echo one >p/D/one');
  const side = await making();
  writeFileSync(`${m.upper}/p/D/two`, 'two\n'); // a third host
  rename.go();
  t.equal(await mover, 'ok');
  side.go();
  check(t, m, await first, { ...FILES, one: 'one\n', two: 'two\n' }, 'the first one', {
    ...FILES,
    two: 'two\n',
  });
});

await hostsTest(
  t,
  'a side that is made under the old name after a rename, and used at once',
  all,
  async (t, m) => {
    mkdirSync(`${m.upper}/p`);
    const ready = m.a.faults.pause('mirror.ready');
    const maker = m.a.run('echo one >p/D/one');
    const making = await ready();
    t.equal(await m.b.run('mv -T p/D p/E'), 'ok');
    const made = m.a.faults.pause('mirror.made');
    making.go();
    const side = await made();
    writeFileSync(`${m.upper}/p/D/two`, 'two\n'); // a third host
    side.go();
    const told = await maker;
    t.match(told, TOO_LATE);
    t.same(holds(`${m.mnt}/p/E`), FILES);
    // With something in it, it is a directory of its own, which the maker may find.
    t.same(holds(`${m.mnt}/p/D`), { two: 'two\n', ...(told === 'ok' && { one: 'one\n' }) });
    t.match(m.log(), /level=warn event=renamed_directory_kept name=D error=ENOTEMPTY/);
  },
);

await hostsTest(t, 'a rename after a daemon has died that was making a side', all, async (t, m) => {
  mkdirSync(`${m.upper}/p`);
  m.b.faults.kill('mirror.made');
  t.not(await m.b.run('echo new >p/D/new'), 'ok');
  rmdirSync(`${m.upper}/p/D`); // as if it had died a step before
  t.equal(await m.a.run('mv -T p/D p/E'), 'ok', 'it does not stand in the way');
  t.equal(whereIs(m, 'p/D'), '');
  t.same(holds(`${m.mnt}/p/E`), FILES);
  t.ok(existsSync(`${m.upper}/p/E`), 'with a side on the new storage nobody can be in its way');
});

await hostsTest(t, 'something made under the new name, while the rename is stopped', all, async (t, m) => {
  for (const point of ['renamedir.moved-1', 'renamedir.done'] as FaultPoint[]) {
    const stopped = m.a.faults.pause(point);
    const mover = m.a.run('mv -T p/D p/E');
    const there = await stopped();
    t.equal(await m.b.run('echo new >p/E/new'), 'ok');
    there.go();
    t.equal(await mover, 'ok');
    check(t, m, 'ok', { ...FILES, new: 'new\n' }, point);
    makeDirectory(m);
  }
});

await hostsTest(
  t,
  'a directory of the new storage that gets a side in the old one while it is renamed',
  { prepare: ({ lower: [lower] }) => writeFileSync(`${lower}/x`, 'x\n'), timeout: 300_000 },
  async (t, m) => {
    mkdirSync(`${m.upper}/D`);
    for (const stop of ['renamedir.announced', 'renamedir.intent', 'renamedir.moved-0'] as FaultPoint[]) {
      writeFileSync(`${m.lower[0]}/x`, 'x\n');
      const stopped = m.a.faults.pause(stop);
      const mover = m.a.run('mv -T D E');
      const there = await stopped();
      const answer = await m.b.run('mv x D/x');
      there.go();
      t.equal(await mover, 'ok');
      t.match(answer, TOO_LATE);
      t.equal(whereIs(m, 'D'), '', stop);
      t.same(holds(`${m.mnt}/E`), answer === 'ok' ? { x: 'x\n' } : {});
      t.equal(await m.b.run('rm -rf E; mkdir D'), 'ok');
    }
  },
);

await hostsTest(t, 'an exchange of two directories of the old storage', all, async (t, m) => {
  for (const point of ['exchange.announced', 'exchange.moved-1'] as FaultPoint[]) {
    mkdirSync(`${m.lower[0]}/p/X`);
    writeFileSync(`${m.lower[0]}/p/X/x`, 'x\n');
    const stopped = m.a.faults.pause(point);
    const swapper = m.a.run(`${EXCHANGE} p/D p/X`);
    const there = await stopped();
    t.equal(await m.b.run('echo new >p/D/new'), 'ok');
    there.go();
    t.equal(await swapper, 'ok');
    const before = point === 'exchange.announced';
    t.same(holds(`${m.mnt}/p/X`), { ...FILES, ...(before && { new: 'new\n' }) }, point);
    t.same(holds(`${m.mnt}/p/D`), { x: 'x\n', ...(!before && { new: 'new\n' }) });
    makeDirectory(m);
  }
});

await hostsTest(t, 'an exchange with a directory that goes', { ...all, needs: ['perl'] }, async (t, m) => {
  mkdirSync(`${m.upper}/p`);
  for (const layer of [m.upper, ...m.lower]) mkdirSync(`${layer}/p/both`);
  mkdirSync(`${m.upper}/p/gone`);
  const stopped = m.a.faults.pause('exchange.announced');
  const exchange = m.a.run(`${EXCHANGE} p/both p/gone`);
  const there = await stopped();
  t.equal(await m.b.run('rmdir p/gone'), 'ok');
  there.go();
  t.match(await exchange, TOO_LATE);
  t.equal(whereIs(m, 'p/both'), 'upper lower');
  t.notMatch(m.log(), /worker_died/);
});

await hostsTest(
  t,
  'a rename onto a directory whose parent goes',
  { ...all, needs: ['perl'] },
  async (t, m) => {
    mkdirSync(`${m.upper}/p`);
    for (const layer of [m.upper, ...m.lower]) mkdirSync(`${layer}/p/to/E`, { recursive: true });
    mkdirSync(`${m.upper}/p/D`);
    const stopped = m.a.faults.pause('renamedir.cleared');
    const mover = m.a.run(`perl -e 'rename "p/D", "p/to/E" or die "$!\\n"'`);
    const there = await stopped();
    t.equal(await m.b.run('rmdir p/to'), 'ok', 'what it replaces is out of the way, and it is empty');
    there.go();
    t.not(await mover, 'ok');
    t.same(holds(`${m.mnt}/p/D`), FILES, 'it is where it was');
    t.notMatch(m.log(), / level=error /);
  },
);
