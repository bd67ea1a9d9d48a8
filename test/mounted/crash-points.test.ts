// kill -9 of the daemon at each step of what takes several: the next mount shows the old name or the new one, the old file or its whole copy,
// and nothing unfinished is left. As root alone: an ordinary user's daemon takes the same steps, and this takes its time.

import { existsSync, linkSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import t from 'tap';
import type { FaultPoint } from '../../src/layers/faultpoint.ts';
import { AT_FDCWD, RENAME_EXCHANGE } from '../../src/sys/constants.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { renameat2 } from '../../src/sys/path.ts';
import { killedAt, nothingLeft } from './crash-support.ts';
import { COPY_UP } from './faults.ts';
import { list } from './hosts.ts';
import { type Mounted, mountTest, run, treeDigest, whereIs } from './support.ts';

const OLD = 'old\n'.repeat(3000);

/** From here on the copy has its name, and the next mount removes the source. */
const PUBLISHED = COPY_UP.slice(COPY_UP.indexOf('copyup.published'));

for (const names of [1, 2]) {
  const points: readonly FaultPoint[] = [...COPY_UP, 'copyup.said'];
  await mountTest(
    t,
    `copying up a file with ${names} names`,
    {
      root: true,
      faults: true,
      timeout: 300_000,
      prepare: ({ lower: [lower] }) => {
        for (const point of points) {
          writeFileSync(`${lower}/${point}`, OLD, { mode: 0o640 });
          for (let i = 1; i < names; i++) linkSync(`${lower}/${point}`, `${lower}/${point}-${i}`);
        }
      },
    },
    async (t, m) => {
      for (const point of points) {
        await killedAt(m, point, `echo more >>${point}`);
        nothingLeft(t, m, point);
        if (names === 1) t.equal(whereIs(m, point), PUBLISHED.includes(point) ? 'upper' : 'lower', point);
        const all = [point, ...Array.from({ length: names - 1 }, (_, i) => `${point}-${i + 1}`)];
        for (const name of all) t.equal(readFileSync(`${m.mnt}/${name}`, 'utf8'), OLD, name);
        t.equal(statSync(`${m.mnt}/${point}`).mode & 0o7777, 0o640);
        t.equal(run('bash', ['-c', `echo more >>${point}`], { cwd: m.mnt }).status, 0);
        for (const name of all) {
          t.equal(readFileSync(`${m.mnt}/${name}`, 'utf8'), `${OLD}more\n`, name);
          t.equal(statSync(`${m.mnt}/${name}`).ino, statSync(`${m.mnt}/${point}`).ino, 'one file');
        }
        run('rm', ['-f', ...all], { cwd: m.mnt });
        t.equal(whereIs(m, point), '');
      }
      t.same(list(`${m.upper}/.migratefs/links`), []);
      t.same(list(`${m.lower[0]}/.migratefs/links`), []);
    },
  );
}

const LINKS: FaultPoint[] = ['link.found', 'link.taken', 'link.durable', 'source.checked', 'source.aside'];

await mountTest(
  t,
  'giving further names to a copy',
  {
    root: true,
    faults: true,
    prepare: ({ lower: [lower] }) => {
      for (const dir of LINKS) {
        mkdirSync(`${lower}/${dir}`);
        writeFileSync(`${lower}/${dir}/a`, OLD);
        for (const name of ['b', 'c']) linkSync(`${lower}/${dir}/a`, `${lower}/${dir}/${name}`);
      }
    },
  },
  async (t, m) => {
    for (const point of LINKS) {
      run('bash', ['-c', `echo more >>${point}/a`], { cwd: m.mnt });
      await killedAt(m, point, `stat ${point}/b`);
      nothingLeft(t, m, point);
      for (const name of ['c', 'a', 'b']) {
        t.equal(readFileSync(`${m.mnt}/${point}/${name}`, 'utf8'), `${OLD}more\n`, `${point}: ${name}`);
        t.equal(statSync(`${m.mnt}/${point}/${name}`).ino, statSync(`${m.mnt}/${point}/a`).ino);
      }
      run('rm', ['-r', point], { cwd: m.mnt });
      t.notOk(existsSync(`${m.mnt}/${point}`));
    }
  },
);

await mountTest(
  t,
  'the last of two names has left the old storage',
  {
    root: true,
    faults: true,
    prepare: ({ lower: [lower] }) => {
      for (const name of ['written', 'looked-at']) {
        writeFileSync(`${lower}/${name}`, OLD);
        linkSync(`${lower}/${name}`, `${lower}/${name}-b`);
      }
    },
  },
  async (t, m) => {
    run('bash', ['-c', 'echo more >>looked-at'], { cwd: m.mnt });
    await killedAt(m, 'link.gone', 'stat looked-at-b');
    run('bash', ['-c', 'echo more >>written; stat written-b'], { cwd: m.mnt });
    for (const name of ['written', 'looked-at']) {
      for (const each of [name, `${name}-b`]) {
        t.equal(readFileSync(`${m.mnt}/${each}`, 'utf8'), `${OLD}more\n`);
        t.equal(statSync(`${m.mnt}/${each}`).nlink, 2, each);
      }
    }
    for (const layer of [m.upper, ...m.lower]) t.same(list(`${layer}/.migratefs/links`), []);
  },
);

await mountTest(
  t,
  'removing and renaming a file that hides another one',
  {
    root: true,
    faults: true,
    prepare: ({ upper, lower: [lower] }) => {
      for (const name of ['r1', 'r2', 'm1', 'm2', 'm3']) {
        writeFileSync(`${lower}/${name}`, 'hidden');
        writeFileSync(`${upper}/${name}`, 'shown');
      }
    },
  },
  async (t, m) => {
    await killedAt(m, 'remove.hidden', 'rm r1');
    nothingLeft(t, m, 'remove.hidden');
    t.equal(readFileSync(`${m.mnt}/r1`, 'utf8'), 'shown');
    await killedAt(m, 'remove.removed', 'rm r2');
    nothingLeft(t, m, 'remove.removed');
    t.notOk(existsSync(`${m.mnt}/r2`));
    await killedAt(m, 'rename.hidden', 'mv m1 n1');
    nothingLeft(t, m, 'rename.hidden');
    t.equal(readFileSync(`${m.mnt}/m1`, 'utf8'), 'shown');
    t.notOk(existsSync(`${m.mnt}/n1`));
    await killedAt(m, 'rename.renamed', 'mv m3 n3');
    nothingLeft(t, m, 'rename.renamed');
    t.equal(readFileSync(`${m.mnt}/n3`, 'utf8'), 'shown');
    t.equal(whereIs(m, 'm3'), '');
    await killedAt(m, 'rename.moved', 'mv m2 n2');
    nothingLeft(t, m, 'rename.moved');
    t.equal(readFileSync(`${m.mnt}/n2`, 'utf8'), 'shown');
    t.notOk(existsSync(`${m.mnt}/m2`));
  },
);

await mountTest(
  t,
  'renaming over, and linking, what lies in another layer',
  {
    root: true,
    faults: true,
    prepare: ({ upper, lower: [lower] }) => {
      for (const name of ['old', 'target']) writeFileSync(`${lower}/${name}`, name);
      for (const name of ['new', 'shown']) writeFileSync(`${upper}/${name}`, name);
      mkdirSync(`${upper}/dir`);
      writeFileSync(`${lower}/linked`, OLD);
    },
  },
  async (t, m) => {
    const read = (name: string) => readFileSync(`${m.mnt}/${name}`, 'utf8');
    await killedAt(m, 'rename.renamed', 'mv new target');
    nothingLeft(t, m, 'over a lower one');
    t.equal(read('target'), 'new');
    t.equal(whereIs(m, 'new'), '');
    await killedAt(m, 'rename.renamed', 'mv old shown');
    nothingLeft(t, m, 'over an upper one');
    t.equal(read('shown'), 'old');
    t.equal(whereIs(m, 'old'), '');
    await killedAt(m, 'link.opened', 'ln linked dir/other');
    nothingLeft(t, m, 'link.opened');
    t.equal(read('linked'), OLD);
    t.equal(whereIs(m, 'linked'), 'upper', 'it had come up for the link');
    t.equal(whereIs(m, 'dir/other'), '');
    run('rm', ['target', 'shown'], { cwd: m.mnt });
    for (const name of ['target', 'shown']) t.equal(whereIs(m, name), '', 'no old one comes back');
  },
);

const parent = 'p/q';

/** d, with a file in each layer, and e, which is empty, of a mode of its own, and in the upper and the lowest layer. */
const directories = ({ upper, lower }: { upper: string; lower: string[] }) => {
  for (const [i, layer] of [upper, ...lower].entries()) {
    mkdirSync(`${layer}/${parent}/d/sub`, { recursive: true });
    writeFileSync(`${layer}/${parent}/d/f${i}`, `${i}`);
    if (i !== 1) mkdirSync(`${layer}/${parent}/e`, { mode: 0o711 });
  }
  mkdirSync(`${upper}/${parent}/full`, { mode: 0o750 });
  writeFileSync(`${upper}/${parent}/full/here`, '');
};

/** What users see in it; not the names that it has. */
const look = (m: Mounted, dir: string) => treeDigest(`${m.mnt}/${dir}`, { times: false });

await mountTest(
  t,
  'renaming and exchanging directories of three layers',
  { root: true, faults: true, lowers: 2, prepare: directories },
  async (t, m) => {
    const d = look(m, `${parent}/d`);
    const e = look(m, `${parent}/e`);
    const full = look(m, `${parent}/full`);
    const at = (name: string) => `${parent}/${name}`;
    const moved: FaultPoint[] = ['renamedir.moved-2', 'renamedir.moved-1', 'renamedir.moved-0'];
    for (const point of ['renamedir.intent', ...moved, 'renamedir.done'] as FaultPoint[]) {
      const done = point === 'renamedir.moved-0' || point === 'renamedir.done';
      await killedAt(m, point, `mv -T ${at('d')} ${at('new')}`);
      nothingLeft(t, m, point);
      t.equal(existsSync(`${m.mnt}/${at('d')}`), !done, `${point}: the old name`);
      t.same(look(m, at(done ? 'new' : 'd')), d, `${point}: all of it is there`);
      t.equal(existsSync(`${m.mnt}/${at('new')}`), done);
      if (done) run('mv', ['-T', at('new'), at('d')], { cwd: m.mnt });
    }
    for (const point of ['renamedir.intent', 'renamedir.cleared', ...moved.slice(0, 2)] as FaultPoint[]) {
      await killedAt(m, point, `mv -T ${at('d')} ${at('e')}`);
      nothingLeft(t, m, `over an empty one, ${point}`);
      t.same(look(m, at('d')), d, `${point}: the old name`);
      t.same(look(m, at('e')), e, `${point}: the empty directory is there again`);
    }
    await killedAt(m, 'renamedir.moved-0', `mv -T ${at('d')} ${at('e')}`);
    nothingLeft(t, m, 'over an empty one, moved');
    t.same(look(m, at('e')), d);
    t.notOk(existsSync(`${m.mnt}/${at('d')}`));
    const path = (name: string) => cstring(`${m.mnt}/${at(name)}`);
    const swap = () => renameat2(AT_FDCWD, path('e'), AT_FDCWD, path('full'), RENAME_EXCHANGE);
    await killedAt(m, 'exchange.announced', swap);
    nothingLeft(t, m, 'exchange.announced');
    t.same([look(m, at('e')), look(m, at('full'))], [d, full], 'nothing has changed places');
    for (const layer of [2, 1, 0]) {
      await killedAt(m, `exchange.moved-${layer}`, swap);
      nothingLeft(t, m, `exchange ${layer}`);
      t.same(look(m, at('e')), layer === 0 ? full : d, `exchange, killed after layer ${layer}`);
      t.same(look(m, at('full')), layer === 0 ? d : full);
    }
    t.match(m.log(), /event=rename_undone .*\n.*/);
    t.match(m.log(), /event=rename_finished /);
  },
);

await mountTest(
  t,
  'renaming, and making something in, a directory of the old storage',
  {
    root: true,
    faults: true,
    prepare: ({ lower: [lower] }) => {
      mkdirSync(`${lower}/${parent}/d`, { recursive: true });
      writeFileSync(`${lower}/${parent}/d/f`, OLD);
    },
  },
  async (t, m) => {
    const [d, e] = [`${parent}/d`, `${parent}/e`];
    const whole = look(m, d);
    for (const point of ['renamedir.announced', 'renamedir.moved-1', 'renamedir.done'] as FaultPoint[]) {
      const done = point !== 'renamedir.announced';
      await killedAt(m, point, `mv -T ${d} ${e}`);
      nothingLeft(t, m, point);
      t.same(look(m, done ? e : d), whole, point);
      t.equal(whereIs(m, done ? d : e), '');
      if (done) run('mv', ['-T', e, d], { cwd: m.mnt });
    }
    t.notOk(existsSync(`${m.upper}/p`), 'the new storage has no side of it');
    for (const point of ['mirror.named', 'mirror.ready'] as FaultPoint[]) {
      await killedAt(m, point, `echo new >${d}/never`);
      nothingLeft(t, m, point);
      t.notOk(existsSync(`${m.upper}/p`), `${point}: nothing has its name yet`);
      t.same(look(m, d), whole, point);
    }
    for (const name of ['one', 'two', 'three']) {
      await killedAt(m, 'mirror.made', `echo new >${d}/${name}`);
      nothingLeft(t, m, `mirror.made, ${name}`);
      t.same(look(m, d), whole, 'a directory more is made each time, as it is below');
    }
    t.equal(run('bash', ['-c', `echo new >${d}/new; mv -T ${d} ${e}`], { cwd: m.mnt }).status, 0);
    t.equal(readFileSync(`${m.mnt}/${e}/f`, 'utf8'), OLD);
    t.equal(readFileSync(`${m.upper}/${e}/new`, 'utf8'), 'new\n');
    t.equal(whereIs(m, d), '');
  },
);
