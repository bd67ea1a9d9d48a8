// A file with several names in the old storage, of which one host brings it up by one, or gives the copy a further one, while others take that very
// name away, below or above, and may give it again. No name is lost that somebody was told he has, none is there that was taken away, and what
// is left is one file.

import { appendFileSync, linkSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import type { FaultPoint } from '../../src/layers/faultpoint.ts';
import { type Hosts, hostsTest, list } from './hosts.ts';
import { until, whereIs } from './support.ts';

/** One file with a name in each of two directories, and a directory of both storages with a new file. */
const prepare = ({ upper, lower: [lower] }: { upper: string; lower: string[] }) => {
  for (const name of ['a', 'b', 'c']) mkdirSync(`${lower}/${name}`);
  writeFileSync(`${lower}/a/f`, 'old\n', { mode: 0o644 });
  linkSync(`${lower}/a/f`, `${lower}/b/f`);
  mkdirSync(`${upper}/c`);
  writeFileSync(`${upper}/c/new`, 'new\n');
};

const options = { prepare, timeout: 60_000 };

/** Makes no file where there is none. */
const APPEND = 'echo more | dd of=a/f oflag=append conv=notrunc,nocreat status=none';

/** Both hosts see one file by these names and no others, and the index has forgotten it. @param more names of it in other directories than a and b */
function check(t: Test, m: Hosts, there: string[], content: string, more: string[] = []): void {
  const names = [...there, ...more];
  for (const { mnt } of [m.a, m.b]) {
    const found = ['a', 'b'].flatMap((dir) => list(`${mnt}/${dir}`).map((name) => `${dir}/${name}`));
    t.same(found, there);
    const stats = names.map((name) => statSync(`${mnt}/${name}`));
    for (const name of names) t.equal(readFileSync(`${mnt}/${name}`, 'utf8'), content, name);
    t.equal(new Set(stats.map(({ ino }) => ino)).size, Math.min(names.length, 1), 'one file');
  }
  for (const name of names) t.equal(statSync(`${m.mnt}/${name}`).nlink, names.length, name);
  for (const layer of [m.upper, m.lower[0]]) {
    t.same(list(`${layer}/.migratefs/links`), []);
    t.same(
      list(`${layer}/.migratefs/slots`).filter((name) => /ing-/.test(name)),
      [],
      'no mark is left',
    );
    t.same(list(`${layer}/.migratefs/aside`), []);
  }
}

const AGAIN = {
  'renamed away and back': (x: string) => `mv ${x} c/t; mv c/t ${x}`,
  'removed and given again': (x: string) => `rm ${x}; ln ${x === 'a/f' ? 'b/f' : 'a/f'} ${x}`,
  'renamed over and given again': (x: string) =>
    `mv c/new ${x}; rm ${x}; ln ${x === 'a/f' ? 'b/f' : 'a/f'} ${x}`,
};

for (const [what, script] of Object.entries(AGAIN)) {
  for (const point of ['copyup.published', 'copyup.durable', 'source.checked'] as FaultPoint[]) {
    await hostsTest(t, `the name it comes up by is ${what}, at ${point}`, options, async (t, m) => {
      const stopped = m.a.faults.pause(point);
      const writer = m.a.run(APPEND);
      const copying = await stopped();
      t.equal(await m.b.run(script('a/f')), 'ok');
      copying.go();
      t.equal(await writer, 'ok');
      check(t, m, ['a/f', 'b/f'], 'old\nmore\n');
    });
  }
  for (const point of ['link.taken', 'link.durable', 'link.kept'] as FaultPoint[]) {
    await hostsTest(t, `a further name is ${what}, at ${point}`, options, async (t, m) => {
      t.equal(await m.a.run(APPEND), 'ok');
      const stopped = m.a.faults.pause(point);
      const looker = m.a.run('stat b/f');
      const adopting = await stopped();
      t.equal(await m.b.run(script('b/f')), 'ok');
      adopting.go();
      t.equal(await looker, 'ok');
      check(t, m, ['a/f', 'b/f'], 'old\nmore\n');
    });
  }
}

await hostsTest(t, 'renamed by others just before it is given a second time', options, async (t, m) => {
  // Who has looked once asks again later without holding the directory, so that it can be renamed there meanwhile.
  t.equal(await m.b.run('stat a/f'), 'ok');
  const entered = m.a.faults.pause('link.entered');
  const writer = m.a.run(APPEND);
  const indexed = await entered();
  const found = m.b.faults.pause('link.found');
  const looker = m.b.run('stat a/f');
  const adopting = await found();
  const published = m.a.faults.pause('copyup.published');
  indexed.go();
  const named = await published();
  t.equal(await m.b.run('mv a/f c/t'), 'ok');
  adopting.go();
  t.match(await looker, /^(?:ok|No such file or directory)$/);
  named.go();
  const told = await writer;
  t.match(told, /^(?:ok|No such file or directory)$/);
  check(t, m, ['b/f'], told === 'ok' ? 'old\nmore\n' : 'old\n', ['c/t']);
});

await hostsTest(t, 'it is the last name of a file that has been written to', options, async (t, m) => {
  const stopped = m.a.faults.pause('copyup.durable');
  const writer = m.a.run(APPEND);
  const copying = await stopped();
  t.equal(await m.b.run('mv a/f a/t; mv a/t a/f; echo theirs >>a/f; rm b/f'), 'ok');
  copying.go();
  t.equal(await writer, 'ok');
  check(t, m, ['a/f'], 'old\ntheirs\nmore\n');
});

/** Removes names from the old storage, while a copy of the file is about to get one of them. */
async function removing(m: Hosts, names: string[]): Promise<{ told: string; removed: string }> {
  const ready = m.a.faults.pause('copyup.ready');
  const writer = m.a.run(APPEND);
  const copying = await ready();
  const remover = m.b.run(names.map((name) => `rm ${name}`).join('; '));
  await until('removal', () => whereIs(m, 'a/f') === '', 20_000);
  copying.go();
  return { told: await writer, removed: await remover };
}

for (const names of [['a/f'], ['b/f', 'a/f']]) {
  await hostsTest(t, `${names} removed below, just before the index has the file`, options, async (t, m) => {
    const { told, removed } = await removing(m, names);
    t.equal(removed, 'ok');
    t.match(told, /^(?:ok|No such file or directory)$/);
    check(t, m, names.length === 1 ? ['b/f'] : [], told === 'ok' ? 'old\nmore\n' : 'old\n');
  });
}

await hostsTest(t, 'removed below, and written to by who found the copy', options, async (t, m) => {
  const ready = m.a.faults.pause('copyup.ready');
  const writer = m.a.run(APPEND);
  const copying = await ready();
  const gone = m.b.faults.pause('remove.removed');
  const remover = m.b.run('rm a/f');
  const removal = await gone();
  const published = m.a.faults.pause('copyup.published');
  copying.go();
  const named = await published();
  appendFileSync(`${m.upper}/a/f`, 'theirs\n'); // a third host
  removal.go();
  t.equal(await remover, 'ok');
  named.go();
  t.match(await writer, /^(?:ok|No such file or directory)$/);
  check(t, m, ['b/f'], 'old\ntheirs\n');
});

await hostsTest(t, 'replaced by another file, just before the index has it', options, async (t, m) => {
  const ready = m.a.faults.pause('copyup.ready');
  const writer = m.a.run(APPEND);
  const copying = await ready();
  t.equal(await m.b.run('mv c/new a/f'), 'ok');
  copying.go();
  t.equal(await writer, 'ok');
  t.equal(readFileSync(`${m.mnt}/a/f`, 'utf8'), 'new\nmore\n');
  t.equal(await m.b.run('rm a/f; stat b/f'), 'ok');
  check(t, m, ['b/f'], 'old\n');
});
