// One host takes back what it has done, since another was first in another layer. Nothing that a third has done meanwhile, and nothing that was there before,
// is lost with it: also if the host dies then, or cannot do it again.

import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import t from 'tap';
import type { Paused } from './faults.ts';
import { BACKING, type Hosts, hostsTest, list } from './hosts.ts';
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

  // Where renameat2 has no flags, the new name is missing for a moment.
  for (const point of BACKING === 'dir'
    ? (['rename.exchanged', 'rename.back'] as const)
    : ['rename.back' as const])
    await hostsTest(
      t,
      `a host that dies when it has taken a rename back for a copy of ${name}, at ${point}`,
      options,
      async (t, m) => {
        const { mover, renamed, writer, published } = await meet(m, name);
        m.a.faults.kill(point);
        renamed.go();
        t.not(await mover, 'ok');
        published.go();
        t.equal(await writer, 'ok');
        for (const each of ['x', 'F'])
          t.equal(read(m, each), name === each ? `old ${each}\nb\n` : `old ${each}\n`);
        await m.remount();
        for (const each of ['x', 'F']) {
          t.equal(read(m, each), name === each ? `old ${each}\nb\n` : `old ${each}\n`);
          t.equal(statSync(`${m.mnt}/${each}`).nlink, 1);
        }
      },
    );
}

for (const name of ['x', 'F']) {
  await hostsTest(
    t,
    `a host that dies when the renamed file has both names, for a copy of ${name}`,
    options,
    async (t, m) => {
      const { mover, renamed, writer, published } = await meet(m, name);
      m.a.faults.kill('rename.linked');
      renamed.go();
      t.not(await mover, 'ok');
      published.go();
      t.equal(await writer, 'ok');
      // To the other host, who goes on at once, it is a file with two names like any other (docs/semantics.md); what it replaced is gone, as was asked.
      const isOne = (mnt: string) => {
        for (const each of ['x', 'F']) {
          t.equal(readFileSync(`${mnt}/${each}`, 'utf8'), 'old x\nb\n', `${each}: nothing of it is lost`);
          t.equal(statSync(`${mnt}/${each}`).nlink, 2);
        }
        t.equal(statSync(`${mnt}/x`).ino, statSync(`${mnt}/F`).ino);
      };
      isOne(m.b.mnt);
      await m.remount();
      for (const { mnt } of [m.a, m.b]) isOne(mnt);
      t.equal(await m.a.run('rm x; echo more >>F'), 'ok');
      t.equal(read(m, 'F'), 'old x\nb\nmore\n');
      t.equal(statSync(`${m.b.mnt}/F`).nlink, 1);
      t.equal(await m.b.run('rm F'), 'ok');
      for (const each of ['x', 'F']) t.equal(whereIs(m, each), '', 'nothing comes back');
    },
  );
}

/** What lies in the storages, under users' names and out of the way. */
const allOf = (m: Hosts) =>
  [m.upper, ...m.lower]
    .flatMap((layer) => [layer, `${layer}/.migratefs/work`])
    .flatMap((dir) => list(dir).map((name) => `${dir}/${name}`))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, 'utf8'));

await hostsTest(t, 'what has its name back is deleted at once', options, async (t, m) => {
  const [lower = ''] = m.lower;
  const { mover, renamed, writer, published } = await meet(m, 'F');
  const exchanged = m.a.faults.pause('rename.exchanged');
  renamed.go();
  const there = await exchanged();
  // It has it a moment later where renameat2 has no flags.
  rmSync(`${lower}/F`, { force: BACKING !== 'dir' });
  writeFileSync(`${lower}/other`, 'third\n');
  try {
    linkSync(`${lower}/other`, `${lower}/x`);
  } catch {
    t.equal(readFileSync(`${lower}/x`, 'utf8'), 'old x\n', 'the renamed file has its old name already');
  }
  there.go();
  published.go();
  await Promise.all([writer, mover]);
  const left = allOf(m).join('');
  t.match(left, 'old x\n', 'the renamed file is there');
  t.match(left, 'third\n');
});

for (const then of ['deleted', 'replaced']) {
  await hostsTest(
    t,
    `the renamed file is replaced while it is taken back, and what comes in its place ${then}`,
    options,
    async (t, m) => {
      const [lower = ''] = m.lower;
      const { mover, renamed, writer, published } = await meet(m, 'F');
      const linked = m.a.faults.pause('rename.linked');
      const exchanged = m.a.faults.pause('rename.exchanged');
      renamed.go();
      const before = await linked();
      writeFileSync(`${lower}/other`, 'second\n');
      renameSync(`${lower}/other`, `${lower}/F`);
      before.go();
      const there = await exchanged();
      if (then === 'deleted') rmSync(`${lower}/F`, { force: true });
      else {
        writeFileSync(`${lower}/other`, 'third\n');
        renameSync(`${lower}/other`, `${lower}/F`);
      }
      there.go();
      published.go();
      await Promise.all([writer, mover]);
      t.equal(whereIs(m, 'x'), '', 'the old name is not there again');
      const work = `${lower}/.migratefs/work`;
      const left = list(work);
      if (then === 'replaced') {
        t.match(read(m, 'F'), /^third\n/);
        t.same(
          left.map((name) => readFileSync(`${work}/${name}`, 'utf8')),
          ['second\n'],
        );
        t.match(m.log(), / level=error event=name_not_given_back name=F .*error=EEXIST/);
        for (const name of left) rmSync(`${work}/${name}`);
      } else t.match(allOf(m).join(''), 'second\n', 'what nobody has seen is not deleted');
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
    // Who writes to F has opened it before it was replaced, or after.
    const isLater = name === 'x' || read(m, 'F') !== 'old x\n';
    t.equal(isLater ? readBoth(m) : read(m, 'F'), isLater ? 'old x\nb\n' : 'old x\n');
    for (const { mnt } of [m.a, m.b]) {
      t.equal(readFileSync(`${mnt}/other`, 'utf8'), isLater ? 'old F\n' : 'old F\nb\n');
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
