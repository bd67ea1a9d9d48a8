// One host copies a file up, and is stopped on the way, while another host does something with the same file. Whoever comes second sees what
// the first has done; nothing is lost, and nothing that was deleted or renamed is there again. Defect 8: a late copier replaced a file that the
// winner had changed, or brought one back that had been deleted.

import { mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import t from 'tap';
import type { FaultPoint } from '../../src/layers/faultpoint.ts';
import { UNPUBLISHED } from './faults.ts';
import { hostsTest, list } from './hosts.ts';
import { type Mounted, whereIs } from './support.ts';

const file = ({ lower: [lower] }: { lower: string[] }) => writeFileSync(`${lower}/x`, 'old\n');
const read = (m: Mounted, name: string) => readFileSync(`${m.mnt}/${name}`, 'utf8');
const aside = (m: Mounted) =>
  list(`${m.upper}/.migratefs/aside`).map((name) =>
    readFileSync(`${m.upper}/.migratefs/aside/${name}`, 'utf8'),
  );

await hostsTest(
  t,
  'a host that is stopped in a copy-up goes on when another has finished the same file and written to it',
  {
    prepare: ({ lower: [lower] }) => {
      for (const point of UNPUBLISHED) writeFileSync(`${lower}/${point}`, 'old\n');
    },
  },
  async (t, m) => {
    for (const point of UNPUBLISHED) {
      const stopped = m.a.faults.pause(point);
      const first = m.a.run(`echo a >>${point}`);
      const there = await stopped();
      t.equal(await m.b.run(`echo b >>${point}`), 'ok');
      there.go();
      t.equal(await first, 'ok');
      t.equal(read(m, point), 'old\nb\na\n', point);
      t.equal(whereIs(m, point), 'upper');
    }
    t.same(aside(m), []);
  },
);

await hostsTest(
  t,
  'what another host brings up before the caller was asked for is opened and cut all the same',
  {
    prepare: ({ lower: [lower] }) => {
      for (const name of ['x', 'y']) writeFileSync(`${lower}/${name}`, 'old\n');
    },
  },
  async (t, m) => {
    for (const [name, act, expected] of [
      ['x', 'echo a >>x', 'old\nb\na\n'],
      ['y', 'truncate -c -s 2 y', 'ol'],
    ] as const) {
      const asked = m.a.faults.pause('permission.asked');
      const first = m.a.run(act);
      const there = await asked();
      t.equal(await m.b.run(`echo b >>${name}`), 'ok');
      there.go();
      t.equal(await first, 'ok');
      t.equal(read(m, name), expected);
      t.equal(whereIs(m, name), 'upper');
    }
  },
);

for (const point of [...UNPUBLISHED, 'copyup.published', 'copyup.durable'] as FaultPoint[]) {
  const published = !UNPUBLISHED.includes(point);
  await hostsTest(t, `stopped at ${point}, while another host works`, { prepare: file }, async (t, m) => {
    const [lower = ''] = m.lower;
    // Renamed.
    let stopped = m.a.faults.pause(point);
    let first = m.a.run('[ -s x ]; echo a >>x');
    let there = await stopped();
    t.equal(await m.b.run('mv x y'), 'ok', 'renamed');
    there.go();
    t.equal(await first, 'ok');
    t.equal(read(m, 'y'), 'old\n');
    t.equal(read(m, 'x'), 'a\n', 'who opens a name that is gone makes another file');
    t.equal(whereIs(m, 'y'), published ? 'upper' : 'lower');
    t.same(aside(m), []);

    // Deleted.
    writeFileSync(`${lower}/z`, 'old\n');
    stopped = m.a.faults.pause(point);
    first = m.a.run('[ -s z ]; echo a >>z');
    there = await stopped();
    t.equal(await m.b.run('rm z'), 'ok', 'deleted');
    there.go();
    t.equal(await first, 'ok');
    t.equal(read(m, 'z'), 'a\n');
    // Nobody can tell it from one that hid its source and was being renamed.
    t.same(aside(m), point === 'copyup.ready' ? ['old\n'] : []);
    rmSync(`${m.upper}/.migratefs/aside`, { recursive: true, force: true });

    // Replaced.
    writeFileSync(`${lower}/r`, 'old\n');
    stopped = m.a.faults.pause(point);
    first = m.a.run('[ -s r ]; echo a >>r');
    there = await stopped();
    t.equal(await m.b.run('echo new >n; mv n r'), 'ok', 'replaced');
    there.go();
    t.equal(await first, 'ok');
    t.match(read(m, 'r'), /^new\n(?:a\n)?$/, 'the new content is there');
    t.equal(whereIs(m, 'r'), 'upper');
    t.match(aside(m).join(), /^(?:old\n)?$/);
  });
}

await hostsTest(
  t,
  'who deletes or renames a published copy has taken its source out of the way, when its maker looks for that',
  { prepare: file },
  async (t, m) => {
    const [lower = ''] = m.lower;
    let published = m.a.faults.pause('copyup.durable');
    let writer = m.a.run('echo a >>x');
    let maker = await published();
    let hidden = m.b.faults.pause('rename.hidden');
    const mover = m.b.run('mv x y');
    let changer = await hidden();
    maker.go();
    t.equal(await writer, 'ok', 'he has opened what is still there');
    changer.go();
    t.equal(await mover, 'ok');
    t.equal(read(m, 'y'), 'old\na\n');
    t.same([whereIs(m, 'x'), whereIs(m, 'y')], ['', 'upper']);
    t.same(aside(m), []);

    writeFileSync(`${lower}/z`, 'old\n');
    published = m.a.faults.pause('copyup.durable');
    writer = m.a.run('echo a >>z');
    maker = await published();
    hidden = m.b.faults.pause('remove.hidden');
    const remover = m.b.run('rm z');
    changer = await hidden();
    maker.go();
    t.equal(await writer, 'ok');
    changer.go();
    t.equal(await remover, 'ok');
    t.equal(whereIs(m, 'z'), '');
    t.same(aside(m), []);
  },
);

await hostsTest(
  t,
  'what was found in the old storage, and comes up before it is deleted or renamed, is found again',
  { prepare: file },
  async (t, m) => {
    const [lower = ''] = m.lower;
    let found = m.b.faults.pause('remove.found');
    const remover = m.b.run('rm x');
    let there = await found();
    t.equal(await m.a.run('echo a >>x'), 'ok');
    there.go();
    t.equal(await remover, 'ok');
    t.equal(whereIs(m, 'x'), '');

    writeFileSync(`${lower}/y`, 'old\n');
    found = m.b.faults.pause('rename.found');
    const mover = m.b.run('mv y z');
    there = await found();
    t.equal(await m.a.run('echo a >>y'), 'ok');
    there.go();
    t.equal(await mover, 'ok');
    t.same([whereIs(m, 'y'), whereIs(m, 'z')], ['', 'upper']);
    t.equal(read(m, 'z'), 'old\na\n');
  },
);

await hostsTest(
  t,
  'a rename in the old storage is not hidden by what another host has put on the new one meanwhile',
  {
    prepare: ({ lower: [lower] }) => {
      for (const name of ['from', 'from2', 'to']) writeFileSync(`${lower}/${name}`, `${name}\n`);
    },
  },
  async (t, m) => {
    let found = m.b.faults.pause('rename.found');
    let mover = m.b.run('mv -T from to');
    let there = await found();
    t.equal(await m.a.run('echo more >>to'), 'ok', 'the target comes up');
    there.go();
    t.equal(await mover, 'ok');
    t.equal(read(m, 'to'), 'from\n');
    t.same([whereIs(m, 'from'), whereIs(m, 'to')], ['', 'upper']);

    found = m.b.faults.pause('rename.found');
    mover = m.b.run('mv -T from2 new');
    there = await found();
    t.equal(await m.a.run('echo made >new'), 'ok', 'something gets the new name');
    there.go();
    t.equal(await mover, 'ok');
    t.equal(read(m, 'new'), 'from2\n');
    t.same([whereIs(m, 'from2'), whereIs(m, 'new')], ['', 'upper']);
  },
);

await hostsTest(
  t,
  'a copy is never unlinked when its source has gone natively, nor is what has taken the name of the source',
  { prepare: file },
  async (t, m) => {
    const [lower = ''] = m.lower;
    let stopped = m.a.faults.pause('copyup.published');
    let writer = m.a.run('[ -s x ]; echo more >>x');
    let there = await stopped();
    unlinkSync(`${lower}/x`);
    there.go();
    t.equal(await writer, 'ok', 'the writer makes the file anew');
    t.equal(read(m, 'x'), 'more\n');
    t.same(aside(m), ['old\n']);
    t.match(m.log(), /level=warn event=copy_set_aside name=x /);

    writeFileSync(`${lower}/y`, 'first\n');
    stopped = m.a.faults.pause('source.checked');
    writer = m.a.run('echo more >>y');
    there = await stopped();
    writeFileSync(`${lower}/other`, 'second\n');
    renameSync(`${lower}/other`, `${lower}/y`);
    there.go();
    t.equal(await writer, 'ok');
    t.equal(read(m, 'y'), 'second\nmore\n', 'the other file is what has the name');
    t.same(aside(m).sort(), ['first\n', 'old\n']);
  },
);

await hostsTest(
  t,
  'a copy that was being taken back when the daemon died is kept: it may be the only one',
  { prepare: file },
  async (t, m) => {
    const work = `${m.upper}/.migratefs/work`;
    const published = m.a.faults.pause('copyup.durable');
    m.a.faults.kill('takeback.aside');
    const writer = m.a.run('[ -s x ]; echo more >>x');
    const there = await published();
    unlinkSync(`${m.lower[0]}/x`);
    there.go();
    t.not(await writer, 'ok');
    await m.ended();
    m.a.faults.clear();
    for (const time of ['first', 'second']) {
      await m.remount();
      const [kept = '', ...more] = list(work);
      t.same(more, [], `the ${time} mount`);
      t.equal(readFileSync(`${work}/${kept}`, 'utf8'), 'old\n');
      t.equal(whereIs(m, 'x'), '');
      t.match(m.log(), new RegExp(`level=error event=strange_file_kept layer=.* name=${kept} `));
    }
    renameSync(`${work}/${list(work)[0]}`, `${m.upper}/x`);
    t.equal(read(m, 'x'), 'old\n', 'moved back as the log says');
  },
);

for (const backing of ['dir', 'ext4'] as const) {
  await hostsTest(
    t,
    'its directory goes from the new storage in the middle',
    {
      root: true,
      backing,
      prepare: ({ upper, lower: [lower] }) => {
        for (const layer of [upper, lower]) mkdirSync(`${layer}/d`);
        writeFileSync(`${lower}/d/x`, 'old\n');
      },
    },
    async (t, m) => {
      const asked = m.a.faults.pause('permission.asked');
      const first = m.a.run('[ -s d/x ]; echo a >>d/x');
      const there = await asked();
      rmdirSync(`${m.upper}/d`);
      there.go();
      t.equal(await first, 'ok');
      t.equal(whereIs(m, 'd/x'), 'upper');
      t.equal(read(m, 'd/x'), 'old\na\n');
    },
  );
}
