// A file with several names in the old storage, between two hosts: names that one deletes or renames while the other gives them to the copy.

import { linkSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { hostsTest } from './hosts.ts';
import { type Mounted, whereIs } from './support.ts';

const names = ['a', 'b', 'c', 'd'];

/** One file with four names in each of two directories. */
const prepare = ({ lower: [lower] }: { lower: string[] }) => {
  for (const dir of ['one', 'two'].map((name) => `${lower}/${name}`)) {
    mkdirSync(dir);
    writeFileSync(`${dir}/a`, 'old\n');
    for (const name of names.slice(1)) linkSync(`${dir}/a`, `${dir}/${name}`);
  }
};

/** What is wrong with the names that are to be there. */
function faults(m: Mounted, dir: string, these: string[], content: string): string[] {
  const wrong: string[] = [];
  const wanted = these.map((name) => `${dir}/${name}`);
  for (const name of new Set([...names.map((each) => `${dir}/${each}`), ...wanted])) {
    if (!wanted.includes(name)) {
      if (whereIs(m, name) !== '') wrong.push(`${name} is there`);
      continue;
    }
    const { nlink, ino } = statSync(`${m.mnt}/${name}`);
    if (readFileSync(`${m.mnt}/${name}`, 'utf8') !== content) wrong.push(`${name}: another content`);
    if (nlink !== wanted.length) wrong.push(`${name}: ${nlink} links`);
    if (ino !== statSync(`${m.mnt}/${wanted[0]}`).ino) wrong.push(`${name}: another file`);
  }
  return wrong;
}

for (const point of ['link.found', 'link.taken', 'link.durable'] as const) {
  await hostsTest(
    t,
    `a name that is deleted or renamed while another host, stopped at ${point}, gives it to the copy`,
    { prepare },
    async (t, m) => {
      t.equal(await m.a.run('echo more | tee -a one/a >>two/a'), 'ok');
      let stopped = m.a.faults.pause(point);
      let looker = m.a.run('stat one/b');
      let there = await stopped();
      t.equal(await m.b.run('rm one/b'), 'ok');
      there.go();
      t.match(await looker, /^(?:ok|No such file or directory)$/);
      t.same(faults(m, 'one', ['a', 'c', 'd'], 'old\nmore\n'), [], 'deleted');

      stopped = m.a.faults.pause(point);
      looker = m.a.run('stat two/c');
      there = await stopped();
      t.equal(await m.b.run('mv two/c two/e'), 'ok');
      there.go();
      t.match(await looker, /^(?:ok|No such file or directory)$/);
      t.same(faults(m, 'two', ['a', 'b', 'd', 'e'], 'old\nmore\n'), [], 'renamed');
      t.equal(await m.b.run('rm -r one two'), 'ok');
    },
  );
}

await hostsTest(t, 'two hosts bring up two names of one file at once', { prepare }, async (t, m) => {
  const stopped = m.a.faults.pause('copyup.ready');
  const first = m.a.run('echo more >>one/a');
  const there = await stopped();
  t.equal(await m.b.run('echo more >>one/b'), 'ok');
  there.go();
  t.equal(await first, 'ok');
  t.same(faults(m, 'one', names, 'old\nmore\nmore\n'), []);
  t.equal(await m.b.run('rm -r one two'), 'ok');
});
