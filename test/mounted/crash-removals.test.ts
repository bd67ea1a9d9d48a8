// kill -9 of the daemon at each step of a removal that takes one in each of three layers: the name is there, or gone. What it has hidden shows at no time,
// nothing comes back, and nothing unfinished is left. A tree that nobody has asked to delete is whole, wherever it lies by then.

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import t from 'tap';
import type { FaultPoint } from '../../src/layers/faultpoint.ts';
import { killedAt, nothingLeft } from './crash-support.ts';
import { list } from './hosts.ts';
import { type Mounted, type MountTestOptions, mountTest, must, whereIs } from './support.ts';

/** Lowest layer first; after the last one the name is gone. */
const STEPS: FaultPoint[] = ['hidden.gone-2', 'hidden.gone-1', 'remove.removed'];

/** What has the name in each layer, the upper one first, in a directory for each point. */
type Has = (path: string) => void;

const nothing: Has = () => {};
const file: Has = (path) => writeFileSync(path, path);
const empty: Has = (path) => mkdirSync(path, { mode: 0o711 });
const tree: Has = (path) => {
  mkdirSync(`${path}/sub`, { recursive: true });
  writeFileSync(`${path}/sub/kept`, 'kept');
};

const options = (points: readonly FaultPoint[], has: readonly [Has, Has, Has]): MountTestOptions => ({
  root: true,
  faults: true,
  lowers: 2,
  timeout: 300_000,
  prepare: ({ upper, lower }) => {
    for (const point of points)
      for (const [i, layer] of [upper, ...lower].entries()) {
        mkdirSync(`${layer}/${point}`);
        (has[i] as Has)(`${layer}/${point}/x`);
      }
  },
});

/** The trees that are out of the way in a layer. */
const asideIn = (layer: string) => {
  const aside = `${layer}/.migratefs/aside`;
  return list(aside).map((name) => readFileSync(`${aside}/${name}/sub/kept`, 'utf8'));
};

interface Case {
  readonly name: string;
  readonly has: readonly [Has, Has, Has];
  readonly points?: readonly FaultPoint[];
}

const there = (m: Mounted, point: FaultPoint) => existsSync(`${m.mnt}/${point}/x`);

const DIRECTORIES: Case[] = [
  { name: 'that all have', has: [empty, empty, empty] },
  {
    name: 'that the old ones have',
    has: [nothing, empty, empty],
    points: ['hidden.gone-2', 'remove.removed'],
  },
  { name: 'that hides a file and a tree', has: [empty, file, tree] },
];

for (const { name, has, points = STEPS } of DIRECTORIES)
  await mountTest(t, `rmdir of a directory ${name}`, options(points, has), async (t, m) => {
    for (const [i, point] of points.entries()) {
      await killedAt(m, point, `rmdir ${point}/x`);
      nothingLeft(t, m, point);
      t.equal(there(m, point), point !== 'remove.removed', point);
      t.same(readdirSync(`${m.mnt}/${point}`), there(m, point) ? ['x'] : []);
      if (there(m, point)) {
        t.equal(statSync(`${m.mnt}/${point}/x`).mode & 0o7777, 0o711);
        t.same(readdirSync(`${m.mnt}/${point}/x`), [], 'it is empty');
        // It is one as any other: it takes names, and goes.
        must('bash', ['-c', 'echo new >x/new; mv x y; rm y/new; rmdir y'], { cwd: `${m.mnt}/${point}` });
      }
      t.equal(whereIs(m, `${point}/x`), '', 'no layer has it');
      t.same(
        asideIn(m.lower[1] as string),
        has.includes(tree) ? points.slice(0, i + 1).map(() => 'kept') : [],
      );
      t.same(asideIn(m.lower[0] as string), []);
    }
  });

const FILES: Case[] = [
  {
    name: 'that hides a file and a tree',
    has: [file, file, tree],
    points: ['hidden.gone-2', 'hidden.gone-1', 'remove.hidden', 'remove.removed'],
  },
  {
    name: 'that hides two files',
    has: [file, file, file],
    points: ['hidden.gone-2', 'hidden.gone-1', 'remove.hidden', 'remove.removed'],
  },
  {
    name: 'of the old storage that hides a tree',
    has: [nothing, file, tree],
    points: ['hidden.gone-2', 'remove.hidden', 'remove.removed'],
  },
];

for (const { name, has, points = STEPS } of FILES)
  await mountTest(t, `rm of a file ${name}`, options(points, has), async (t, m) => {
    const shown = has[0] === file ? m.upper : (m.lower[0] as string);
    for (const [i, point] of points.entries()) {
      await killedAt(m, point, `rm ${point}/x`);
      nothingLeft(t, m, point);
      t.equal(there(m, point), point !== 'remove.removed', point);
      if (there(m, point)) {
        t.equal(readFileSync(`${m.mnt}/${point}/x`, 'utf8'), `${shown}/${point}/x`, 'as it was');
        must('rm', [`${point}/x`], { cwd: m.mnt });
      }
      t.notOk(there(m, point), 'what was hidden does not show');
      t.same(readdirSync(`${m.mnt}/${point}`), []);
      t.equal(whereIs(m, `${point}/x`), '', 'no layer has it');
      t.same(
        asideIn(m.lower[1] as string),
        has.includes(tree) ? points.slice(0, i + 1).map(() => 'kept') : [],
      );
      t.same(asideIn(m.lower[0] as string), []);
    }
  });
