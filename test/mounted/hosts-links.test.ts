// A file with several names in the old storage, between two hosts: names that one deletes or renames while the other gives them to the copy.

import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { type Hosts, hostsTest, list } from './hosts.ts';
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

/** One file with two names. */
const layPair = ({ lower: [lower] }: { lower: string[] }) => {
  writeFileSync(`${lower}/f`, 'old\n');
  linkSync(`${lower}/f`, `${lower}/f-b`);
};

/** The host's copy of `f` has its name, and the old storage has it still, until `there.go()`. */
async function published({ a }: Hosts) {
  const durable = a.faults.pause('copyup.durable');
  const writer = a.run('echo more >>f');
  return { there: await durable(), writer };
}

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

await hostsTest(
  t,
  'two hosts take the last two names of one file away at once',
  { prepare: layPair },
  async (t, m) => {
    const { there, writer } = await published(m);
    const dropped = m.b.faults.pause('link.dropped');
    const looker = m.b.run('stat f-b');
    const gone = await dropped();
    const opened = m.a.faults.pause('links.opened');
    there.go();
    const ending = await opened();
    gone.go();
    t.equal(await looker, 'ok');
    ending.go();
    t.equal(await writer, 'ok');
    for (const { mnt } of [m.a, m.b]) {
      t.same([statSync(`${mnt}/f`).nlink, statSync(`${mnt}/f-b`).nlink], [2, 2]);
      t.equal(readFileSync(`${mnt}/f-b`, 'utf8'), 'old\nmore\n');
    }
    for (const layer of [m.upper, ...m.lower])
      t.same(list(`${layer}/.migratefs/links`), [], 'the index has ended');
    t.equal(await m.a.run('rm f f-b'), 'ok');
  },
);

await hostsTest(
  t,
  'the last name leaves the old storage while another host, which has just kept the file there, is about to take its own away',
  { prepare: layPair },
  async (t, m) => {
    const { there, writer } = await published(m);
    const kept = m.b.faults.pause('link.kept');
    const looker = m.b.run('stat f-b');
    const first = await kept();
    there.go();
    t.equal(await writer, 'ok');
    first.go();
    t.equal(await looker, 'ok');
    for (const { mnt } of [m.a, m.b]) {
      t.same(list(mnt).sort(), ['f', 'f-b']);
      t.same([statSync(`${mnt}/f`).nlink, statSync(`${mnt}/f-b`).nlink], [2, 2]);
      t.equal(readFileSync(`${mnt}/f-b`, 'utf8'), 'old\nmore\n');
    }
    for (const layer of [m.upper, ...m.lower]) t.same(list(`${layer}/.migratefs/links`), []);
    t.equal(await m.a.run('rm f f-b'), 'ok');
  },
);

await hostsTest(
  t,
  'a name that stays hidden in the old storage, since the daemon died over it',
  { prepare },
  async (t, m) => {
    m.a.faults.kill('copyup.durable');
    t.not(await m.a.run('echo more >>one/a'), 'ok');
    for (const name of names) {
      t.equal(readFileSync(`${m.b.mnt}/one/${name}`, 'utf8'), 'old\n');
      t.equal(statSync(`${m.b.mnt}/one/${name}`).ino, statSync(`${m.b.mnt}/one/a`).ino, 'one file');
    }
    t.equal(await m.b.run('echo more >>one/d; [ "$(cat one/a one/b)" = "$(cat one/c one/d)" ]'), 'ok');
    t.equal(await m.b.run('rm -r one two'), 'ok');
    t.equal(whereIs(m, 'one'), '');
  },
);

await hostsTest(
  t,
  'the last name is renamed in the old storage itself while it is given to the copy, and removed on the new one',
  {
    prepare: ({ lower: [lower] }) => {
      for (const point of ['link.found', 'link.taken']) {
        writeFileSync(`${lower}/${point}`, 'old\n');
        linkSync(`${lower}/${point}`, `${lower}/${point}-b`);
      }
    },
  },
  async (t, m) => {
    for (const point of ['link.found', 'link.taken'] as const) {
      t.equal(await m.a.run(`echo more >>${point}`), 'ok');
      const stopped = m.a.faults.pause(point);
      const looker = m.a.run(`stat ${point}-b`);
      const there = await stopped();
      renameSync(`${m.lower[0]}/${point}-b`, `${m.lower[0]}/${point}-z`);
      if (point === 'link.taken') unlinkSync(`${m.upper}/${point}-b`);
      there.go();
      t.match(await looker, /^(?:ok|No such file or directory)$/);
      for (const { mnt } of [m.b, m.a]) {
        t.equal(readFileSync(`${mnt}/${point}-z`, 'utf8'), 'old\nmore\n', `${point}: the copy is found`);
        t.equal(statSync(`${mnt}/${point}`).ino, statSync(`${mnt}/${point}-z`).ino, 'one file');
        t.equal(statSync(`${mnt}/${point}`).nlink, 2);
      }
    }
    t.equal(await m.b.run('rm link.*'), 'ok');
  },
);

// The other host's look is of the time before there was a copy; it does its work when there is one.
await hostsTest(
  t,
  'a name that was found before its file came up, by a host that goes on after that',
  {
    prepare: ({ lower: [lower] }) => {
      for (const name of ['linked', 'renamed', 'removed']) {
        writeFileSync(`${lower}/${name}`, 'old\n');
        linkSync(`${lower}/${name}`, `${lower}/${name}-b`);
      }
    },
  },
  async (t, m) => {
    const meanwhile = async (name: string, script: string) => {
      const stopped = m.b.faults.pause('link.seen');
      const looker = m.b.run(`stat ${name}-b`);
      const there = await stopped();
      t.equal(await m.a.run(`${script}; echo more >>${name}`), 'ok', script);
      return { there, looker };
    };
    const assertNames = (name: string, ...others: string[]) => {
      for (const { mnt } of [m.a, m.b]) {
        const all = [name, ...others.map((other) => `${name}${other}`)];
        t.same(
          list(mnt)
            .filter((each) => each.startsWith(name))
            .sort(),
          all.sort(),
          'these names, and no others',
        );
        for (const each of all) {
          t.equal(readFileSync(`${mnt}/${each}`, 'utf8'), 'old\nmore\n', each);
          t.equal(statSync(`${mnt}/${each}`).nlink, all.length);
        }
      }
    };

    // One name more than it knows of.
    const stopped = m.a.faults.pause('copyup.durable');
    const linked = m.b.faults.pause('link.seen');
    const looker = m.b.run('stat linked-b');
    const seen = await linked();
    const writer = m.a.run('ln linked linked-c; echo more >>linked');
    const durable = await stopped();
    seen.go();
    t.equal(await looker, 'ok');
    durable.go();
    t.equal(await writer, 'ok');
    assertNames('linked', '-b', '-c');

    const renamed = await meanwhile('renamed', 'mv renamed-b renamed-z');
    renamed.there.go();
    t.equal(await renamed.looker, 'No such file or directory');
    t.notOk(existsSync(`${m.upper}/renamed-b`), 'it has not come back');
    assertNames('renamed', '-z');

    const removed = await meanwhile('removed', 'rm removed-b');
    removed.there.go();
    t.equal(await removed.looker, 'No such file or directory');
    assertNames('removed');
    t.equal(await m.a.run('rm linked* renamed* removed*'), 'ok');
  },
);

await hostsTest(
  t,
  'another file is renamed over a name that the other host has just given to the copy',
  { prepare: layPair },
  async (t, m) => {
    const reader = openSync(`${m.b.mnt}/f-b`, 'r');
    t.equal(await m.a.run('echo more >>f; echo new >new'), 'ok');
    const stopped = m.b.faults.pause('link.taken');
    const looker = m.b.run('stat f-b');
    const there = await stopped();
    t.equal(await m.a.run('mv -T new f-b'), 'ok');
    there.go();
    t.equal(await looker, 'ok');
    t.match(readFileSync(reader, 'utf8'), /^old\n(?:more\n)?$/, 'who has opened the old file reads that');
    closeSync(reader);
    for (const { mnt } of [m.a, m.b]) {
      t.equal(readFileSync(`${mnt}/f-b`, 'utf8'), 'new\n');
      t.equal(readFileSync(`${mnt}/f`, 'utf8'), 'old\nmore\n');
      t.same([statSync(`${mnt}/f`).nlink, statSync(`${mnt}/f-b`).nlink], [1, 1]);
    }
    t.equal(await m.a.run('rm f f-b'), 'ok');
  },
);
