// A worker that ends, or meets a bug, at each step of what takes several: who asked gets EIO, the others go on, the file is the old one or the
// whole new one and can be used again at once, and nothing unfinished outlives the daemon.

import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import t, { type Test } from 'tap';
import type { FaultPoint } from '../../src/layers/faultpoint.ts';
import { errnoOf } from './defects-support.ts';
import { COPY_UP } from './faults.ts';
import { list } from './hosts.ts';
import { type Mounted, mountTest, until } from './support.ts';

const OLD = 'old\n'.repeat(3000);
const ORDERS = ['throw', 'exit'] as const;

const append = (m: Mounted, name: string) => () => appendFileSync(`${m.mnt}/${name}`, 'more\n');
// Other than mv, which tries other ways when it fails.
const rename = (m: Mounted, from: string, to: string) => () =>
  renameSync(`${m.mnt}/${from}`, `${m.mnt}/${to}`);

async function failsAt(
  t: Test,
  m: Mounted,
  order: 'throw' | 'exit',
  point: FaultPoint,
  act: () => unknown,
): Promise<void> {
  const said = order === 'throw' ? 'event=bug ' : 'event=worker_died ';
  const before = m.log().split(said).length;
  m.faults.order(order, point);
  t.equal(errnoOf(act), 'EIO', `${point}: who asked`);
  m.faults.clear();
  await until(`a word about ${order} at ${point}`, () => m.log().split(said).length === before + 1);
}

async function nothingLeft(t: Test, m: Mounted): Promise<void> {
  await m.remount();
  for (const layer of [m.upper, ...m.lower]) {
    t.same(list(`${layer}/.migratefs/work`), [], 'nothing unfinished');
    for (const folder of ['intents', 'slots']) {
      t.same(list(`${layer}/.migratefs/${folder}`), [], 'nothing to finish');
    }
  }
}

for (const order of ORDERS) {
  await mountTest(
    t,
    `copying up: ${order}`,
    {
      root: true,
      faults: true,
      options: 'cache=none',
      prepare: ({ lower: [lower] }) => {
        for (const point of COPY_UP) writeFileSync(`${lower}/${point}`, OLD, { mode: 0o640 });
      },
    },
    async (t, m) => {
      for (const point of COPY_UP) {
        await failsAt(t, m, order, point, append(m, point));
        t.equal(readFileSync(`${m.mnt}/${point}`, 'utf8'), OLD, point);
        append(m, point)();
        t.equal(readFileSync(`${m.mnt}/${point}`, 'utf8'), `${OLD}more\n`);
        t.equal(statSync(`${m.mnt}/${point}`).mode & 0o7777, 0o640);
      }
      await nothingLeft(t, m);
      for (const point of COPY_UP) {
        t.equal(readFileSync(`${m.mnt}/${point}`, 'utf8'), `${OLD}more\n`, point);
        rmSync(`${m.mnt}/${point}`);
      }
      for (const root of [m.mnt, ...m.lower])
        t.same(
          list(root).filter((name) => name !== '.migratefs'),
          [],
          'what was hidden went with the name',
        );
    },
  );

  await mountTest(
    t,
    `removing and renaming what hides something: ${order}`,
    {
      root: true,
      faults: true,
      options: 'cache=none',
      prepare: ({ upper, lower: [lower] }) => {
        for (const name of ['r1', 'r2', 'm1', 'm2']) {
          writeFileSync(`${lower}/${name}`, 'hidden');
          writeFileSync(`${upper}/${name}`, 'shown');
        }
      },
    },
    async (t, m) => {
      await failsAt(t, m, order, 'remove.hidden', () => rmSync(`${m.mnt}/r1`));
      t.equal(readFileSync(`${m.mnt}/r1`, 'utf8'), 'shown');
      await failsAt(t, m, order, 'remove.removed', () => rmSync(`${m.mnt}/r2`));
      t.notOk(existsSync(`${m.mnt}/r2`));
      await failsAt(t, m, order, 'rename.hidden', rename(m, 'm1', 'n1'));
      t.equal(readFileSync(`${m.mnt}/m1`, 'utf8'), 'shown');
      await failsAt(t, m, order, 'rename.moved', rename(m, 'm2', 'n2'));
      t.equal(readFileSync(`${m.mnt}/n2`, 'utf8'), 'shown');
      t.notOk(existsSync(`${m.mnt}/m2`));
      await nothingLeft(t, m);
      rename(m, 'm1', 'n1')();
      for (const name of ['r1', 'n1', 'n2']) rmSync(`${m.mnt}/${name}`);
      t.same(list(m.mnt), []);
    },
  );

  await mountTest(
    t,
    `renaming a directory: ${order}`,
    {
      root: true,
      faults: true,
      options: 'cache=none',
      lowers: 2,
      prepare: ({ upper, lower }) => {
        for (const [i, layer] of [upper, ...lower].entries()) {
          mkdirSync(`${layer}/d/sub`, { recursive: true });
          writeFileSync(`${layer}/d/f${i}`, `${i}`);
        }
      },
    },
    async (t, m) => {
      for (const point of ['renamedir.intent', 'renamedir.moved-2', 'renamedir.moved-1'] as FaultPoint[]) {
        await failsAt(t, m, order, point, rename(m, 'd', 'new'));
        await nothingLeft(t, m);
        t.same(list(`${m.mnt}/d`), ['f0', 'f1', 'f2', 'sub'], point);
      }
      await failsAt(t, m, order, 'renamedir.done', rename(m, 'd', 'new'));
      await nothingLeft(t, m);
      t.same(list(`${m.mnt}/new`), ['f0', 'f1', 'f2', 'sub']);
      t.same(list(m.mnt), ['new']);
    },
  );
}
