// One host is about to publish a copy when another renames, removes or replaces the file in the old storage, and a third is at work with the copy
// before the first has seen that: what has been written to it is in the file under its new name, and nothing is there twice.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { type Hosts, hostsTest, list } from './hosts.ts';
import { mountOther } from './second.ts';
import { run, until, whereIs } from './support.ts';

const prepare = ({ lower: [lower] }: { lower: string[] }) => {
  for (const name of ['x', 'y', 'z', 'from', 'to']) writeFileSync(`${lower}/${name}`, `old ${name}\n`);
};

const read = (m: Hosts, name: string) => readFileSync(`${m.mnt}/${name}`, 'utf8');

function nothingLeft(t: Test, m: Hosts): void {
  for (const folder of ['work', 'aside', 'intents'])
    t.same(list(`${m.upper}/.migratefs/${folder}`), [], `nothing in ${folder}`);
}

const options = { root: true, prepare, timeout: 300_000 };

/** @param act of the second host, on `name`, which takes it away in the old storage */
async function meet(
  t: Test,
  m: Hosts,
  {
    name,
    act,
    point,
    third,
  }: { name: string; act: string; point: 'rename.renamed' | 'remove.removed'; third: string },
): Promise<void> {
  const ready = m.a.faults.pause('copyup.ready');
  const writer = m.a.run(`[ -s ${name} ]; echo a >>${name}`);
  const maker = await ready();
  const changed = m.b.faults.pause(point);
  const changer = m.b.run(act);
  const there = await changed();
  // The copy is published and in use, before who publishes it looks for the source, and before who took that away looks for the copy.
  const published = m.a.faults.pause('copyup.published');
  maker.go();
  const finishing = await published();
  const wrote = run('bash', ['-c', `echo third >>${name}`], { cwd: third });
  t.equal(`${wrote.status} ${wrote.stderr}`, '0 ');
  finishing.go();
  t.equal(await writer, 'ok');
  there.go();
  t.equal(await changer, 'ok');
}

await hostsTest(t, 'a copy that is in use follows its source', options, async (t, m) => {
  const { mnt: third } = await mountOther(t, m, 'third', 'cache=none', { host: 'third' });
  await meet(t, m, { name: 'x', act: 'mv x new', point: 'rename.renamed', third });
  t.equal(read(m, 'new'), 'old x\nthird\na\n');
  t.same([whereIs(m, 'x'), whereIs(m, 'new')], ['', 'upper']);

  await meet(t, m, { name: 'y', act: 'rm y', point: 'remove.removed', third });
  t.equal(whereIs(m, 'y'), '', 'what was removed stays removed');

  await meet(t, m, { name: 'to', act: 'mv -T from to', point: 'rename.renamed', third });
  t.equal(read(m, 'to'), 'old from\n');
  t.same([whereIs(m, 'from'), whereIs(m, 'to')], ['', 'upper']);
  nothingLeft(t, m);
});

await hostsTest(t, 'a copy that nobody uses yet follows its source too', options, async (t, m) => {
  for (const [name, act, gone] of [
    ['x', 'mv x new', 'x'],
    ['y', 'rm y', 'y'],
    ['to', 'mv -T from to', 'from'],
  ] as const) {
    const ready = m.a.faults.pause('copyup.ready');
    const writer = m.a.run(`[ -s ${name} ]; echo a >>${name}`);
    const maker = await ready();
    const changer = m.b.run(act);
    await until('the old storage has changed', () => !existsSync(`${m.lower[0]}/${gone}`));
    maker.go();
    t.equal(await changer, 'ok');
    t.equal(await writer, 'ok');
    // The writer was first, or made a file of that name anew, or has appended to what was renamed to there.
    if (name === 'x')
      t.match(`${read(m, 'new')}${list(m.mnt).includes('x') ? read(m, 'x') : ''}`, /^old x\n(?:a\n)?$/);
    if (name === 'y') t.match(list(m.mnt).includes('y') ? read(m, 'y') : '', /^(?:a\n)?$/);
    if (name === 'to') t.match(read(m, 'to'), /^old from\n(?:a\n)?$/);
    t.not(whereIs(m, name === 'x' ? 'new' : 'z'), '');
  }
});

await hostsTest(t, 'two hosts that have copied one file: one waits for the other', options, async (t, m) => {
  const ready = m.a.faults.pause('copyup.ready');
  const first = m.a.run('echo a >>z');
  const maker = await ready();
  const second = m.b.run('echo b >>z');
  maker.go();
  t.same(await Promise.all([first, second]), ['ok', 'ok']);
  t.same(read(m, 'z').split('\n').sort(), ['', 'a', 'b', 'old z']);
  t.equal(whereIs(m, 'z'), 'upper');
  t.same(
    list(`${m.upper}/.migratefs/slots`).filter((name) => name.startsWith('publishing-')),
    [],
  );
  nothingLeft(t, m);
});

await hostsTest(
  t,
  'what hides a file is removed while a rename that fails has it out of the way',
  options,
  async (t, m) => {
    const [lower = ''] = m.lower;
    t.equal(await m.a.run('echo a >>x'), 'ok');
    writeFileSync(`${lower}/x`, 'hidden\n');
    const hidden = m.b.faults.pause('rename.hidden');
    const mover = m.b.run('mv -nT x n');
    const there = await hidden();
    t.equal(await m.a.run('echo n >n'), 'ok', 'the new name is taken');
    const before = m.b.faults.pause('rename.renamed');
    there.go();
    const failed = await before();
    t.equal(await m.a.run('rm x'), 'ok');
    failed.go();
    await mover;
    t.equal(read(m, 'n'), 'n\n');
    t.equal(whereIs(m, 'x'), '', 'what it hid does not come back');
    nothingLeft(t, m);
  },
);
