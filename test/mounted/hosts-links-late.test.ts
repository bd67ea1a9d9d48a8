// A file with several names in the old storage, which one host brings up by one of them, while another has found a second one and changes the
// file there, or gives it a third. What was answered is true of the copy.

import { linkSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import type { FaultPoint } from '../../src/layers/faultpoint.ts';
import { type Hosts, hostsTest, list } from './hosts.ts';
import { whereIs } from './support.ts';

/** One file with a name in each of two directories, and one more directory. */
const prepare = ({ lower: [lower] }: { lower: string[] }) => {
  for (const name of ['a', 'b', 'c']) mkdirSync(`${lower}/${name}`);
  writeFileSync(`${lower}/a/f`, 'old\n', { mode: 0o644 });
  linkSync(`${lower}/a/f`, `${lower}/b/f`);
};

/** Both hosts see one file by these names, with what was appended, and the index has forgotten it. */
function check(t: Test, m: Hosts, names: string[]): void {
  for (const { mnt } of [m.a, m.b]) {
    const stats = names.map((name) => statSync(`${mnt}/${name}`));
    t.same(
      stats.map(({ nlink }) => nlink),
      names.map(() => names.length),
    );
    t.equal(new Set(stats.map(({ ino }) => ino)).size, 1, 'one file');
    for (const name of names) t.equal(readFileSync(`${mnt}/${name}`, 'utf8'), 'old\nmore\n', name);
  }
  for (const name of names) t.equal(whereIs(m, name), 'upper', name);
  for (const layer of [m.upper, m.lower[0]]) t.same(list(`${layer}/.migratefs/links`), []);
}

const options = { prepare, timeout: 30_000 };

const APPEND = 'echo more >>a/f';

for (const point of [undefined, 'copyup.durable'] as (FaultPoint | undefined)[]) {
  const when = point ?? 'has ended';
  await hostsTest(t, `a link, while the copy-up ${when} under the other name`, options, async (t, m) => {
    const opened = m.b.faults.pause('link.opened');
    const linker = m.b.run('ln b/f c/f');
    const there = await opened();
    const copied = point ? m.a.faults.pause(point) : undefined;
    const writer = m.a.run(APPEND);
    const copying = copied ? await copied() : void t.equal(await writer, 'ok');
    there.go();
    t.equal(await linker, 'ok');
    copying?.go();
    t.equal(await writer, 'ok');
    check(t, m, ['a/f', 'b/f', 'c/f']);
  });

  await hostsTest(t, `a chmod, while the copy-up ${when} under the other name`, options, async (t, m) => {
    const opened = m.b.faults.pause('metadata.opened');
    const changer = m.b.run('chmod 640 b/f');
    const there = await opened();
    const copied = point ? m.a.faults.pause(point) : undefined;
    const writer = m.a.run(APPEND);
    const copying = copied ? await copied() : void t.equal(await writer, 'ok');
    there.go();
    t.equal(await changer, 'ok');
    copying?.go();
    t.equal(await writer, 'ok');
    check(t, m, ['a/f', 'b/f']);
    t.equal(statSync(`${m.mnt}/a/f`).mode & 0o777, 0o640);
  });
}

for (const point of ['copyup.ready', 'copyup.published', 'copyup.durable', 'link.kept'] as FaultPoint[]) {
  await hostsTest(
    t,
    `the other name is removed, which was found before, at ${point}`,
    options,
    async (t, m) => {
      const found = m.b.faults.pause('remove.found');
      const remover = m.b.run('rm b/f');
      const there = await found();
      const copied = m.a.faults.pause(point);
      const writer = m.a.run(APPEND);
      const copying = await copied();
      there.go();
      t.equal(await remover, 'ok');
      copying.go();
      t.equal(await writer, 'ok');
      check(t, m, ['a/f']);
    },
  );
}

/** Makes no file where there is none. */
const EXISTING = 'echo more | dd of=a/f oflag=append conv=notrunc,nocreat status=none';

/** What its maker was told, and what is true of the file that another host has given another name meanwhile. */
function checkMoved(t: Test, m: Hosts, told: string): void {
  t.match(told, /^(?:ok|No such file or directory)$/);
  for (const { mnt } of [m.a, m.b]) {
    t.same(list(`${mnt}/a`), ['g'], 'it has not got its old name again');
    t.equal(readFileSync(`${mnt}/a/g`, 'utf8'), told === 'ok' ? 'old\nmore\n' : 'old\n');
    t.equal(statSync(`${mnt}/a/g`).ino, statSync(`${mnt}/b/f`).ino);
    t.equal(statSync(`${mnt}/b/f`).nlink, 2);
  }
}

await hostsTest(
  t,
  'renamed by another host, before it has its name of a maker that hangs',
  options,
  async (t, m) => {
    const entered = m.a.faults.pause('link.entered');
    const writer = m.a.run(EXISTING);
    const copied = await entered();
    t.equal(await m.b.run('mv a/f a/g'), 'ok', 'which waits for the maker, but not for ever');
    const published = m.a.faults.pause('copyup.published');
    copied.go();
    const named = await published();
    t.equal(await m.b.run('stat b/f'), 'ok', 'which changes the times of the copy, as its users do');
    named.go();
    checkMoved(t, m, await writer);
  },
);

await hostsTest(
  t,
  'removed by another host, before it has its name of a maker that hangs',
  options,
  async (t, m) => {
    const entered = m.a.faults.pause('link.entered');
    const writer = m.a.run(EXISTING);
    const copied = await entered();
    t.equal(await m.b.run('rm a/f'), 'ok');
    const published = m.a.faults.pause('copyup.published');
    copied.go();
    const named = await published();
    t.equal(await m.b.run('stat b/f'), 'ok');
    named.go();
    t.match(await writer, /^(?:ok|No such file or directory)$/);
    for (const { mnt } of [m.a, m.b]) t.same(list(`${mnt}/a`), [], 'it has not come back');
    t.equal(statSync(`${m.mnt}/b/f`).nlink, 1);
  },
);

await hostsTest(t, 'looked up by another host, before it has its name', options, async (t, m) => {
  const seen = m.b.faults.pause('link.seen');
  const mover = m.b.run('mv a/f a/g');
  const entered = m.a.faults.pause('link.entered');
  const writer = m.a.run(EXISTING);
  const copied = await entered();
  const there = await seen();
  there.go();
  copied.go();
  const told = await writer;
  t.equal(await mover, 'ok');
  checkMoved(t, m, told);
});

await hostsTest(
  t,
  'the other name, given to the copy by another host before its maker shows it',
  options,
  async (t, m) => {
    const published = m.a.faults.pause('copyup.published');
    const writer = m.a.run(APPEND);
    const copied = await published();
    t.equal(await m.b.run('stat b/f'), 'ok');
    t.equal(whereIs(m, 'b/f'), 'upper');
    t.equal(await m.a.run('stat b/f'), 'ok');
    copied.go();
    t.equal(await writer, 'ok');
    check(t, m, ['a/f', 'b/f']);
  },
);

await hostsTest(t, 'a link to a name that is given to the copy, and renamed', options, async (t, m) => {
  const opened = m.b.faults.pause('link.opened');
  const linker = m.b.run('ln b/f c/f');
  const unlinked = await opened();
  t.equal(await m.a.run(APPEND), 'ok');
  const found = m.a.faults.pause('link.found');
  const looker = m.a.run('stat b/f');
  const counted = await found();
  const made = m.b.faults.pause('link.made');
  unlinked.go();
  const linked = await made();
  counted.go();
  t.equal(await looker, 'ok');
  t.equal(await m.a.run('mv b/f b/g'), 'ok');
  linked.go();
  const answer = await linker;
  t.match(answer, /^(?:ok|No such file or directory)$/);
  check(t, m, answer === 'ok' ? ['a/f', 'b/g', 'c/f'] : ['a/f', 'b/g']);
});

await hostsTest(t, 'a link to a name that is renamed in the old storage', options, async (t, m) => {
  const made = m.b.faults.pause('link.made');
  const linker = m.b.run('ln b/f c/f');
  const linked = await made();
  t.equal(await m.a.run('mv b/f b/g'), 'ok');
  linked.go();
  t.equal(await linker, 'ok', 'it is the same file');
  t.equal(await m.a.run(APPEND), 'ok');
  check(t, m, ['a/f', 'b/g', 'c/f']);
});

for (const layer of ['lower', 'upper'] as const) {
  await hostsTest(
    t,
    `a link that another host removes at once, on the ${layer} layer`,
    options,
    async (t, m) => {
      if (layer === 'upper') t.equal(await m.a.run(APPEND), 'ok');
      const made = m.a.faults.pause('link.made');
      const linker = m.a.run('ln a/f c/f');
      const linked = await made();
      t.equal(await m.b.run('rm c/f'), 'ok');
      linked.go();
      t.equal(await linker, 'ok', 'it was there');
      t.equal(whereIs(m, 'c/f'), '');
      t.same(list(`${m.mnt}/c`), []);
      t.equal(await m.a.run('stat a/f'), 'ok');
      t.equal(await m.a.run('ln a/f c/f; stat b/f'), 'ok', 'and comes again');
    },
  );
}

for (const first of ['lower', 'upper'] as const) {
  const name = `two links of one name at the same moment, that of the ${first} layer first`;
  await hostsTest(t, name, options, async (t, m) => {
    writeFileSync(`${m.mnt}/a/new`, 'new\n');
    const [one, other] = first === 'lower' ? ([m.b, m.a] as const) : ([m.a, m.b] as const);
    const slower = other.faults.pause('link.opened');
    const second = other.run(other === m.a ? 'ln a/new c/f' : 'ln a/f c/f');
    const there = await slower();
    const ended = await one.run(one === m.a ? 'ln a/new c/f' : 'ln a/f c/f');
    t.equal(ended, 'ok');
    there.go();
    t.equal(await second, 'File exists');
    t.equal(readFileSync(`${m.mnt}/c/f`, 'utf8'), first === 'lower' ? 'old\n' : 'new\n');
    t.equal(whereIs(m, 'c/f'), first);
    for (const path of ['a/f', 'a/new']) {
      const links = path === 'a/new' ? (first === 'upper' ? 2 : 1) : first === 'lower' ? 3 : 2;
      t.equal(statSync(`${m.b.mnt}/${path}`).nlink, links, path);
    }
  });
}
