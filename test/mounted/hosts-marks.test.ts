// Marks of hosts that publish copies (src/layers/copyslot.ts): one that cannot be set, and one that two would have. A file that was removed before its
// copy had its name does not come back, and what users have done with the copy's name stays done.

import { chmodSync, existsSync, linkSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { sumOf } from '../../src/layers/copyslot.ts';
import type { FaultPoint } from '../../src/layers/faultpoint.ts';
import { type Hosts, hostsTest, list } from './hosts.ts';
import { mountOther } from './second.ts';
import { until, whereIs } from './support.ts';

/** One file with a name in each of three directories, and one that has no other. */
const prepare = ({ lower: [lower] }: { lower: string[] }) => {
  for (const name of ['a', 'b', 'c']) mkdirSync(`${lower}/${name}`);
  writeFileSync(`${lower}/a/f`, 'old\n', { mode: 0o644 });
  for (const name of ['b', 'c']) linkSync(`${lower}/a/f`, `${lower}/${name}/f`);
  writeFileSync(`${lower}/one`, 'one\n', { mode: 0o644 });
};

const options = { prepare, timeout: 60_000 };

/** Makes no file where there is none. */
const append = (name: string) => `echo more | dd of=${name} oflag=append conv=notrunc,nocreat status=none`;

const slots = (m: Hosts) => `${m.upper}/.migratefs/slots`;

/** Somebody has the mark of a file, and never lets it go, as a host that hangs. @param prefix of the mark's name */
function occupy(m: Hosts, prefix: string, name: string): () => void {
  const inode = (path: string) => statSync(`${m.lower[0]}/${path}`).ino.toString(16).padStart(16, '0');
  const place = prefix === 'publishing' ? '' : `-${sumOf(`${inode(dirname(name))}/${basename(name)}`)}`;
  const [record, mark] = [`${slots(m)}/stray`, `${slots(m)}/${prefix}-1-${inode(name)}${place}`];
  mkdirSync(slots(m), { recursive: true, mode: 0o700 });
  writeFileSync(record, '');
  linkSync(record, mark);
  return () => {
    for (const path of [record, mark]) rmSync(path, { force: true });
  };
}

for (const name of ['one', 'a/f']) {
  await hostsTest(t, `${name} is removed, and no mark told of its copy`, options, async (t, m) => {
    const free = occupy(m, 'publishing', name);
    const ready = m.a.faults.pause('copyup.ready');
    const writer = m.a.run(append(name));
    const copying = await ready();
    t.equal(await m.b.run(`rm ${name}`), 'ok');
    copying.go();
    t.match(await writer, /^(?:ok|No such file or directory)$/);
    free();
    t.equal(whereIs(m, name), '', 'it has not come back');
    if (name === 'a/f') {
      for (const other of ['b/f', 'c/f']) t.equal(statSync(`${m.mnt}/${other}`).nlink, 2, other);
    }
    // It may be the only copy, for all that its maker knows.
    t.equal(list(`${m.upper}/.migratefs/aside`).length, name === 'one' ? 1 : 0);
  });

  for (const point of ['copyup.published', 'copyup.durable', 'source.checked'] as FaultPoint[]) {
    const what = `${name} is renamed away and back at ${point}, and no mark told of its copy`;
    await hostsTest(t, what, options, async (t, m) => {
      const free = occupy(m, 'publishing', name);
      const stopped = m.a.faults.pause(point);
      const writer = m.a.run(append(name));
      const copying = await stopped();
      t.equal(await m.b.run(`mv ${name} t; mv t ${name}`), 'ok');
      copying.go();
      t.equal(await writer, 'ok');
      free();
      t.equal(whereIs(m, name), 'upper', 'it is there');
      if (name === 'a/f')
        for (const it of ['a/f', 'b/f', 'c/f']) t.equal(statSync(`${m.mnt}/${it}`).nlink, 3, it);
    });
  }
}

await hostsTest(t, 'a further name is removed, and no mark told that it was given', options, async (t, m) => {
  const found = m.b.faults.pause('remove.found');
  const remover = m.b.run('rm b/f');
  const there = await found();
  t.equal(await m.a.run(append('a/f')), 'ok');
  const free = occupy(m, 'adopting', 'b/f');
  const counted = m.a.faults.pause('link.found');
  const looker = m.a.run('stat b/f');
  const adopting = await counted();
  there.go();
  t.equal(await remover, 'ok');
  adopting.go();
  await looker;
  free();
  t.equal(whereIs(m, 'b/f'), '', 'it has not come back');
  for (const name of ['a/f', 'c/f']) t.equal(statSync(`${m.mnt}/${name}`).nlink, 2, name);
});

await hostsTest(
  t,
  'a further name is given again, and no mark told that it was given',
  options,
  async (t, m) => {
    t.equal(await m.a.run(append('a/f')), 'ok');
    const free = occupy(m, 'adopting', 'b/f');
    const taken = m.a.faults.pause('link.taken');
    const looker = m.a.run('stat b/f');
    const adopting = await taken();
    t.equal(await m.b.run('rm b/f; ln a/f b/f'), 'ok');
    adopting.go();
    t.equal(await looker, 'ok');
    free();
    for (const name of ['a/f', 'b/f', 'c/f']) t.equal(statSync(`${m.mnt}/${name}`).nlink, 3, name);
  },
);

await hostsTest(
  t,
  'a mark of who has seen that its source has changed',
  { ...options, root: true },
  async (t, m) => {
    const { mnt: third } = await mountOther(t, m, 'third', 'cache=none', { host: 'third' });
    const said = m.a.faults.pause('copyup.said');
    const first = m.a.run(append('one'));
    const maker = await said();
    chmodSync(`${m.lower[0]}/one`, 0o600);
    const ready = m.b.faults.pause('copyup.ready');
    const second = m.b.run(append('one'));
    // It waits for the other's mark; or comes to publish at once, if it did not.
    await sleep(700);
    const again = m.a.faults.pause('copyup.temporary');
    maker.go();
    const beginning = await again();
    const copying = await ready();
    const remover = m.b.run(`rm ${third}/one`);
    await until('removal below', () => !existsSync(`${m.lower[0]}/one`), 20_000);
    copying.go();
    beginning.go();
    t.equal(await remover, 'ok');
    for (const told of await Promise.all([first, second]))
      t.match(told, /^(?:ok|No such file or directory)$/);
    t.equal(whereIs(m, 'one'), '', 'it has not come back');
  },
);

const AGAIN = (other: string) => `mv a d; rm d/f; ln ${other} d/f`;

await hostsTest(t, 'a further name is given again in a directory that was renamed', options, async (t, m) => {
  t.equal(await m.a.run(append('b/f')), 'ok');
  const durable = m.a.faults.pause('link.durable');
  const looker = m.a.run('stat a/f');
  const adopting = await durable();
  t.equal(await m.b.run(AGAIN('c/f')), 'ok');
  adopting.go();
  await looker;
  for (const name of ['b/f', 'c/f', 'd/f']) t.equal(statSync(`${m.mnt}/${name}`).nlink, 3, name);
});

await hostsTest(t, 'the name it comes up by, in a directory that was renamed', options, async (t, m) => {
  const durable = m.a.faults.pause('copyup.durable');
  const writer = m.a.run(append('a/f'));
  const copying = await durable();
  t.equal(await m.b.run(AGAIN('b/f')), 'ok');
  copying.go();
  await writer;
  for (const name of ['b/f', 'c/f', 'd/f']) t.equal(statSync(`${m.mnt}/${name}`).nlink, 3, name);
});

await hostsTest(
  t,
  'removed in a directory that was renamed, just before the copy has its name',
  options,
  async (t, m) => {
    rmSync(`${m.lower[0]}/b/f`);
    rmSync(`${m.lower[0]}/c/f`);
    const ready = m.a.faults.pause('copyup.ready');
    const writer = m.a.run(append('a/f'));
    const copying = await ready();
    t.equal(await m.b.run('mv a d'), 'ok');
    const remover = m.b.run('rm d/f');
    await until('removal below', () => !existsSync(`${m.lower[0]}/d/f`), 20_000);
    await sleep(300);
    copying.go();
    t.equal(await remover, 'ok');
    await writer;
    t.equal(whereIs(m, 'd/f'), '', 'it has not come back');
    t.same(list(`${m.upper}/.migratefs/aside`), [], 'and is not left to anybody');
  },
);
