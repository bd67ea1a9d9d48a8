// kill -9 of the daemon when it has just given a name, or is about to: the name is there or not, its object is whole, and the next mount leaves nothing
// unfinished. What a host gives and takes back again is in hosts-taken-back.

import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { killedAt, nothingLeft } from './crash-support.ts';
import { list } from './hosts.ts';
import { mountTest, must, treeDigest, whereIs } from './support.ts';

/** What makes each, and whether it is that. */
const MAKES: Record<string, { act: string; is: (found: Stats) => boolean }> = {
  'own/file': { act: ': >own/file', is: (found) => found.isFile() },
  'both/file': { act: ': >both/file', is: (found) => found.isFile() },
  'both/directory': { act: 'mkdir both/directory', is: (found) => found.isDirectory() },
  'below/directory': { act: 'mkdir below/directory', is: (found) => found.isDirectory() },
  'below/symlink': { act: 'ln -s there below/symlink', is: (found) => found.isSymbolicLink() },
  'below/fifo': { act: 'mkfifo below/fifo', is: (found) => found.isFIFO() },
};

await mountTest(
  t,
  'making something',
  {
    root: true,
    faults: true,
    timeout: 300_000,
    prepare: ({ upper, lower: [lower] }) => {
      for (const dir of [`${upper}/own`, `${upper}/both`, `${lower}/both`, `${lower}/below`]) mkdirSync(dir);
    },
  },
  async (t, m) => {
    for (const [name, { act, is }] of Object.entries(MAKES)) {
      await killedAt(m, 'make.made', act);
      nothingLeft(t, m, name);
      t.equal(whereIs(m, name), 'upper', `${name}: it has been made`);
      t.ok(is(lstatSync(`${m.mnt}/${name}`)), name);
      must('rm', ['-d', name], { cwd: m.mnt });
      t.equal(whereIs(m, name), '', 'and goes');
    }
  },
);

/** A file of one layer, in a directory where the link is made in that layer. */
await mountTest(
  t,
  'link(2) within a layer',
  {
    root: true,
    faults: true,
    prepare: ({ upper, lower: [lower] }) => {
      for (const layer of [upper, lower]) mkdirSync(`${layer}/both`);
      writeFileSync(`${lower}/old`, 'old\n');
      writeFileSync(`${lower}/several`, 'several\n');
      linkSync(`${lower}/several`, `${lower}/other`);
      writeFileSync(`${upper}/new`, 'new\n');
    },
  },
  async (t, m) => {
    for (const [name, layer, names] of [
      ['old', 'lower', ['old', 'both/link']],
      ['several', 'lower', ['several', 'other', 'both/link']],
      ['new', 'upper', ['new', 'both/link']],
    ] as const) {
      await killedAt(m, 'link.made', `ln ${name} both/link`);
      nothingLeft(t, m, name);
      t.equal(whereIs(m, 'both/link'), layer, `${name}: the link is there`);
      // One file, also when it comes up.
      must('bash', ['-c', 'echo more >>both/link'], { cwd: m.mnt });
      for (const each of names) {
        t.equal(readFileSync(`${m.mnt}/${each}`, 'utf8'), `${name}\nmore\n`, each);
        t.equal(statSync(`${m.mnt}/${each}`).ino, statSync(`${m.mnt}/both/link`).ino);
      }
      for (const each of names) {
        t.equal(statSync(`${m.mnt}/${each}`).nlink, names.length, `${each}: names`);
        t.equal(whereIs(m, each), 'upper');
      }
      must('rm', [...names], { cwd: m.mnt });
      for (const each of names) t.equal(whereIs(m, each), '', 'nothing comes back');
      for (const each of [m.upper, ...m.lower]) t.same(list(`${each}/.migratefs/links`), [], 'nothing waits');
    }
  },
);

await mountTest(
  t,
  'link(2) for which the file has come up',
  {
    root: true,
    faults: true,
    prepare: ({ upper, lower: [lower] }) => {
      mkdirSync(`${upper}/own`);
      writeFileSync(`${lower}/old`, 'old\n');
    },
  },
  async (t, m) => {
    await killedAt(m, 'link.made', 'ln old own/link');
    nothingLeft(t, m, 'link.made');
    for (const name of ['old', 'own/link']) {
      t.equal(whereIs(m, name), 'upper', name);
      t.equal(readFileSync(`${m.mnt}/${name}`, 'utf8'), 'old\n');
      t.equal(statSync(`${m.mnt}/${name}`).nlink, 2);
    }
    t.equal(statSync(`${m.mnt}/old`).ino, statSync(`${m.mnt}/own/link`).ino);
  },
);

/** Where renameat2 has no flags (NFS, GlusterFS) a directory gets its name in two steps. */
await mountTest(
  t,
  'a directory whose name was found free, on a storage that has no flags of renameat2',
  {
    root: true,
    faults: true,
    sick: 'upper',
    prepare: ({ lower: [lower] }) => {
      mkdirSync(`${lower}/p/q`, { recursive: true, mode: 0o750 });
      writeFileSync(`${lower}/p/q/f`, 'old\n');
    },
  },
  async (t, m) => {
    const whole = treeDigest(`${m.mnt}/p`, { times: false });
    await m.sick.fail('EINVAL', { operations: ['RENAME2'] });
    await killedAt(m, 'directory.free', ': >p/q/never');
    nothingLeft(t, m, 'directory.free');
    t.notOk(existsSync(`${m.upper}/p`), 'nothing has its name yet');
    t.same(treeDigest(`${m.mnt}/p`, { times: false }), whole);
    must('bash', ['-c', 'echo new >p/q/new'], { cwd: m.mnt });
    t.same(list(`${m.mnt}/p/q`), ['f', 'new']);
    t.equal(statSync(`${m.upper}/p/q`).mode & 0o7777, statSync(`${m.lower[0]}/p/q`).mode & 0o7777);
    await m.sick.release();
  },
);
