// One host takes back what it has done, since another was first in another layer. Nothing that a third has done meanwhile, and nothing that was there before,
// is lost with it: also if the host dies then, or cannot do it again.

import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import t from 'tap';
import type { Paused } from './faults.ts';
import { type Hosts, hostsTest, list } from './hosts.ts';
import { whereIs } from './support.ts';

const prepare = ({ upper, lower: [lower] }: { upper: string; lower: string[] }) => {
  for (const name of ['x', 'F', 'other']) {
    rmSync(`${upper}/${name}`, { force: true });
    rmSync(`${lower}/${name}`, { force: true });
  }
  for (const name of ['x', 'F']) writeFileSync(`${lower}/${name}`, `old ${name}\n`);
};

const options = { prepare, timeout: 300_000 };

const read = (m: Hosts, name: string) => readFileSync(`${m.b.mnt}/${name}`, 'utf8');

/** What `b` has appended to `x` is in the file that has been renamed, or in a new one: to him the rename came first, or not. */
const readBoth = (m: Hosts) => `${read(m, 'F')}${whereIs(m, 'x') === '' ? '' : read(m, 'x')}`;

/** The second host has published a copy of `name`, and the first, which has renamed `x` to `F` in the old storage, finds that. */
async function meet(
  m: Hosts,
  name: string,
): Promise<{ mover: Promise<string>; renamed: Paused; writer: Promise<string>; published: Paused }> {
  const ready = m.b.faults.pause('copyup.ready');
  const writer = m.b.run(`echo b >>${name}`);
  const maker = await ready();
  const moved = m.a.faults.pause('rename.renamed');
  const mover = m.a.run('mv -T x F');
  const renamed = await moved();
  const copied = m.b.faults.pause('copyup.published');
  maker.go();
  return { mover, renamed, writer, published: await copied() };
}

for (const name of ['x', 'F']) {
  await hostsTest(t, `a rename that is taken back for a copy of ${name}`, options, async (t, m) => {
    const { mover, renamed, writer, published } = await meet(m, name);
    const back = m.a.faults.pause('rename.back');
    renamed.go();
    const there = await back();
    for (const each of ['x', 'F'])
      t.equal(readFileSync(`${m.lower[0]}/${each}`, 'utf8'), `old ${each}\n`, `${each} is as it was`);
    there.go();
    published.go();
    t.equal(await writer, 'ok');
    t.equal(await mover, 'ok');
    if (name === 'x') t.equal(readBoth(m), 'old x\nb\n');
    else t.match(read(m, 'F'), /^old x\n(?:b\n)?$/);
  });

  await hostsTest(
    t,
    `a host that dies when it has taken a rename back for a copy of ${name}`,
    options,
    async (t, m) => {
      const { mover, renamed, writer, published } = await meet(m, name);
      m.a.faults.kill('rename.back');
      renamed.go();
      t.not(await mover, 'ok');
      published.go();
      t.equal(await writer, 'ok');
      for (const each of ['x', 'F'])
        t.equal(read(m, each), name === each ? `old ${each}\nb\n` : `old ${each}\n`);
      await m.remount();
    },
  );
}

await hostsTest(t, 'a host that dies with a file that was replaced', options, async (t, m) => {
  m.a.faults.kill('rename.renamed');
  t.not(await m.a.run('mv -T x F'), 'ok');
  t.equal(read(m, 'F'), 'old x\n');
  await m.remount();
  t.equal(read(m, 'F'), 'old x\n');
  t.equal(statSync(`${m.mnt}/F`).nlink, 1);
});

await hostsTest(t, 'a file that is replaced has other names', options, async (t, m) => {
  const [lower = ''] = m.lower;
  for (const name of ['x', 'F']) {
    linkSync(`${lower}/F`, `${lower}/other`);
    const { mover, renamed, writer, published } = await meet(m, name);
    const back = m.a.faults.pause('rename.back');
    renamed.go();
    const there = await back();
    t.equal(readFileSync(`${lower}/F`, 'utf8'), 'old F\n');
    there.go();
    published.go();
    t.equal(await writer, 'ok');
    t.equal(await mover, 'ok');
    if (name === 'x') t.equal(readBoth(m), 'old x\nb\n');
    else t.equal(read(m, 'F'), 'old x\n');
    for (const { mnt } of [m.a, m.b]) {
      t.equal(readFileSync(`${mnt}/other`, 'utf8'), name === 'x' ? 'old F\n' : 'old F\nb\n');
      t.equal(statSync(`${mnt}/other`).nlink, 1);
      t.equal(statSync(`${mnt}/F`).nlink, 1);
    }
    t.equal(await m.a.run('rm -f x F other'), 'ok');
    prepare(m);
  }
});

await hostsTest(t, 'a file that is replaced cannot be kept', options, async (t, m) => {
  // Something else has the place of the folder.
  const work = `${m.lower[0]}/.migratefs/work`;
  mkdirSync(`${m.lower[0]}/.migratefs`, { recursive: true, mode: 0o700 });
  rmSync(work, { recursive: true, force: true });
  writeFileSync(work, '');
  for (const name of ['x', 'F']) {
    const { mover, renamed, writer, published } = await meet(m, name);
    renamed.go();
    t.equal(await mover, 'ok');
    t.match(readFileSync(`${m.mnt}/F`, 'utf8'), /^old x\n/);
    published.go();
    t.equal(await writer, 'ok');
    t.equal(readBoth(m), 'old x\nb\n');
    prepare(m);
  }
  rmSync(work);
});

await hostsTest(
  t,
  'a new file that somebody has written to before it is taken back',
  options,
  async (t, m) => {
    const room = m.a.faults.pause('make.room');
    const maker = m.a.run('set -C; echo mine >new');
    const making = await room();
    t.equal(await m.b.run('mv -nT x new'), 'ok');
    const made = m.a.faults.pause('make.made');
    making.go();
    const there = await made();
    t.equal(await m.b.run('echo b >new; sync new'), 'ok');
    there.go();
    t.not(await maker, 'ok');
    t.equal(read(m, 'new'), 'old x\n');
    t.equal(whereIs(m, 'new'), 'lower');
    const aside = `${m.upper}/.migratefs/aside`;
    t.same(
      list(aside).map((name) => readFileSync(`${aside}/${name}`, 'utf8')),
      ['b\n'],
      'what was written is there',
    );
    t.match(m.log(), / event=new_file_set_aside .*name=new /);
  },
);
