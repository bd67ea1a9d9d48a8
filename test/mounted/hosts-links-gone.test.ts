// A file with several names in the old storage, one of which a host has found there, to remove or replace it, before another host brings the file up
// by a second one: what goes is a name of the copy by then, and the count of the others is right. Also where the other host dies.

import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import t, { type Test } from 'tap';
import { type Hosts, hostsTest, list } from './hosts.ts';
import { until, whereIs } from './support.ts';

/** One file with a name in each of two directories, another file, and one more directory. */
const prepare = ({ lower: [lower] }: { lower: string[] }) => {
  for (const name of ['a', 'b', 'c']) mkdirSync(`${lower}/${name}`);
  writeFileSync(`${lower}/a/f`, 'old\n', { mode: 0o644 });
  linkSync(`${lower}/a/f`, `${lower}/b/f`);
  writeFileSync(`${lower}/b/x`, 'x\n');
};

const options = { prepare, timeout: 60_000 };

const APPEND = 'echo more >>a/f';

/** The file's only name is `a/f`, and the index has forgotten it. @param mnt of a host that lives */
function checkAlone(t: Test, m: Hosts, mnt: string): void {
  t.equal(readFileSync(`${mnt}/a/f`, 'utf8'), 'old\nmore\n');
  t.equal(statSync(`${mnt}/a/f`).nlink, 1);
  t.equal(whereIs(m, 'a/f'), 'upper');
  for (const layer of [m.upper, m.lower[0]]) t.same(list(`${layer}/.migratefs/links`), []);
}

await hostsTest(t, 'removed, when the copy-up has ended', options, async (t, m) => {
  const found = m.b.faults.pause('remove.found');
  const remover = m.b.run('rm b/f');
  const there = await found();
  t.equal(await m.a.run(APPEND), 'ok');
  there.go();
  t.equal(await remover, 'ok');
  checkAlone(t, m, m.mnt);
  t.same(list(`${m.mnt}/b`), ['x']);
});

await hostsTest(t, 'replaced, when the copy-up has ended', options, async (t, m) => {
  const found = m.b.faults.pause('rename.found');
  const mover = m.b.run('mv b/x b/f');
  const there = await found();
  t.equal(await m.a.run(APPEND), 'ok');
  there.go();
  t.equal(await mover, 'ok');
  checkAlone(t, m, m.mnt);
  t.same(list(`${m.mnt}/b`), ['f']);
  t.equal(readFileSync(`${m.mnt}/b/f`, 'utf8'), 'x\n');
});

await hostsTest(t, 'removed, and the index cannot forget the file', options, async (t, m) => {
  const found = m.b.faults.pause('remove.found');
  const remover = m.b.run('rm b/f');
  const there = await found();
  t.equal(await m.a.run(APPEND), 'ok');
  const links = `${m.upper}/.migratefs/links`;
  const [key = ''] = list(links);
  writeFileSync(`${links}/${key}/stray`, '');
  there.go();
  t.equal(await remover, 'ok', 'the name is gone');
  t.same(list(`${m.mnt}/b`), ['x']);
  rmSync(`${links}/${key}`, { recursive: true });
  rmSync(`${m.lower[0]}/.migratefs/links/${key}`);
  checkAlone(t, m, m.mnt);
});

for (const what of ['removed', 'replaced'] as const) {
  const name = `${what}, when another host has given the name to the copy, and dies`;
  await hostsTest(t, name, { ...options, root: true }, async (t, m) => {
    const found = m.b.faults.pause(what === 'removed' ? 'remove.found' : 'rename.found');
    const worker = m.b.run(what === 'removed' ? 'rm b/f' : 'mv b/x b/f');
    const there = await found();
    t.equal(await m.a.run(APPEND), 'ok');
    const given = m.a.faults.pause('link.durable');
    const looker = m.a.run('stat b/f');
    await given();
    t.equal(whereIs(m, 'b/f'), 'upper lower');
    there.go();
    t.equal(await worker, 'ok');
    await m.kill9();
    await looker;
    m.a.faults.clear();
    checkAlone(t, m, m.b.mnt);
    t.same(list(`${m.b.mnt}/b`), what === 'removed' ? ['x'] : ['f'], 'it has not come back');
    if (what === 'replaced') t.equal(readFileSync(`${m.b.mnt}/b/f`, 'utf8'), 'x\n');
    await m.remount();
    checkAlone(t, m, m.mnt);
  });
}

await hostsTest(
  t,
  'a chmod by the other name, and the host that copies dies before it looks at that',
  { ...options, root: true },
  async (t, m) => {
    const ready = m.a.faults.pause('copyup.ready');
    const writer = m.a.run(APPEND);
    const copied = await ready();
    m.a.faults.kill('copyup.published');
    const changer = m.b.run('chmod 600 b/f');
    await until('the change of the source', () => (statSync(`${m.lower[0]}/b/f`).mode & 0o777) === 0o600);
    copied.go();
    t.equal(await changer, 'ok');
    await m.ended();
    await writer;
    m.a.faults.clear();
    for (const name of ['a/f', 'b/f']) t.equal(statSync(`${m.b.mnt}/${name}`).mode & 0o777, 0o600, name);
    await m.remount();
    for (const name of ['b/f', 'a/f']) t.equal(statSync(`${m.mnt}/${name}`).mode & 0o777, 0o600, name);
    t.equal(await m.b.run('rm a/f b/f'), 'ok');
  },
);

await hostsTest(t, 'a link by the other name, before the copy has its name', options, async (t, m) => {
  const ready = m.a.faults.pause('copyup.ready');
  const writer = m.a.run(APPEND);
  const copied = await ready();
  const linker = m.b.run('ln b/f c/f');
  await until('the link of the source', () => existsSync(`${m.lower[0]}/c/f`));
  copied.go();
  t.equal(await linker, 'ok');
  t.equal(await writer, 'ok');
  for (const name of ['a/f', 'b/f', 'c/f']) {
    t.equal(statSync(`${m.mnt}/${name}`).nlink, 3, name);
    t.equal(readFileSync(`${m.mnt}/${name}`, 'utf8'), 'old\nmore\n', name);
  }
});

await hostsTest(
  t,
  'another file in the place of a hidden name, which is kept for the index at that moment',
  {
    ...options,
    prepare: (m) => {
      prepare(m);
      mkdirSync(`${m.upper}/b`);
      writeFileSync(`${m.upper}/b/f`, 'new\n');
    },
  },
  async (t, m) => {
    const durable = m.a.faults.pause('copyup.durable');
    const writer = m.a.run(APPEND);
    const copied = await durable();
    const keeping = m.b.faults.pause('link.keeping');
    const remover = m.b.run('rm b/f');
    const found = await keeping();
    renameSync(`${m.lower[0]}/b/x`, `${m.lower[0]}/b/f`);
    found.go();
    t.equal(await remover, 'ok');
    t.equal(whereIs(m, 'b/f'), '', 'nothing that was hidden appears');
    copied.go();
    t.equal(await writer, 'ok');
    checkAlone(t, m, m.mnt);
  },
);
