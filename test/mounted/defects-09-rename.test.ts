// Defect 9: an old file renamed over a new one showed the new one's content afterwards; a merged directory moved into a directory of the
// new storage alone was torn in two; a directory renamed onto an old one that was not empty merged with it; with three layers it
// stopped at the first one that lacked the name.

import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import t from 'tap';
import { errnoOf, pathsIn } from './defects-support.ts';
import { mountTest } from './support.ts';

/** Paths that end in a slash are directories; a file holds where it is from. */
function lay(layer: string, name: string, paths: string[]): void {
  for (const path of paths) {
    mkdirSync(`${layer}/${path.endsWith('/') ? path : dirname(path)}`, { recursive: true });
    if (!path.endsWith('/')) writeFileSync(`${layer}/${path}`, `${name} ${path}`);
  }
}

/** Every file of the merged tree with its content, and every directory. */
function tree(dir: string): Record<string, string> {
  return Object.fromEntries(
    pathsIn(dir).map((path) => {
      const isDirectory = errnoOf(() => readdirSync(`${dir}/${path}`)) === 'ok';
      return [path, isDirectory ? 'dir' : readFileSync(`${dir}/${path}`, 'utf8')];
    }),
  );
}

const FILES = ['top', 'middle', 'bottom'];

await mountTest(
  t,
  '9: a file renamed over another, from every layer to every layer',
  {
    root: true,
    backing: 'tmpfs',
    lowers: 2,
    options: 'cache=none',
    prepare: ({ upper, lower }) => {
      const layers = [upper, ...lower];
      for (const from of FILES) {
        // 'all': the target is there in each layer; 'none': in none.
        for (const to of [...FILES, 'all', 'none']) {
          lay(layers[FILES.indexOf(from)] as string, from, [`${from}-${to}/source`]);
          for (const [i, each] of FILES.entries()) {
            if (to === each || to === 'all') lay(layers[i] as string, each, [`${from}-${to}/target`]);
            lay(layers[i] as string, each, [`${from}-${to}/`]);
          }
        }
      }
      // Hidden copies of the source and of the target below those that are seen.
      for (const [i, layer] of layers.entries())
        lay(layer, FILES[i] as string, ['stack/source', 'stack/target']);
    },
  },
  async (t, m) => {
    const dirs = FILES.flatMap((from) => [...FILES, 'all', 'none'].map((to) => [from, `${from}-${to}`]));
    dirs.push(['top', 'stack']);
    for (const [, dir] of dirs) renameSync(`${m.mnt}/${dir}/source`, `${m.mnt}/${dir}/target`);
    for (const round of ['at once', 'after a remount']) {
      for (const [from, dir] of dirs) {
        t.same(tree(`${m.mnt}/${dir}`), { target: `${from} ${dir}/source` }, `${dir}, ${round}`);
      }
      await m.remount();
    }
    for (const [, dir] of dirs) {
      unlinkSync(`${m.mnt}/${dir}/target`);
      for (const layer of [m.upper, ...m.lower]) {
        t.same(
          existsSync(`${layer}/${dir}`) ? pathsIn(`${layer}/${dir}`) : [],
          [],
          `${dir}: nothing comes back`,
        );
      }
    }
  },
);

await mountTest(
  t,
  '9: a directory moves in every layer that has it, or in none',
  {
    root: true,
    backing: 'tmpfs',
    lowers: 3,
    options: 'cache=none',
    prepare: ({ upper, lower: [a, b, c] }) => {
      // The layer in the middle lacks the name.
      lay(upper, 'upper', [
        'gap/new',
        'gap/both',
        'only/',
        'torn/new',
        'busy/new',
        'empty/',
        'filled/',
        'moved/x',
      ]);
      lay(a as string, 'a', ['gap/a', 'torn/a', 'unrelated/']);
      lay(b as string, 'b', ['unrelated/f']);
      lay(c as string, 'c', ['gap/c', 'gap/both', 'torn/c', 'torn/deep/c', 'full/f', 'hollow/', 'filled/f']);
    },
  },
  async (t, m) => {
    const { mnt, upper, lower } = m;
    const gap = { a: 'a gap/a', both: 'upper gap/both', c: 'c gap/c', new: 'upper gap/new' };
    const torn = {
      a: 'a torn/a',
      c: 'c torn/c',
      deep: 'dir',
      'deep/c': 'c torn/deep/c',
      new: 'upper torn/new',
    };
    t.same(tree(`${mnt}/gap`), gap);
    renameSync(`${mnt}/gap`, `${mnt}/gap2`);
    t.same(tree(`${mnt}/gap2`), gap, 'three layers, past the one that lacks it');
    renameSync(`${mnt}/torn`, `${mnt}/only/torn`);
    t.same(tree(`${mnt}/only/torn`), torn, 'into a directory of the new storage alone');
    for (const gone of ['gap', 'torn']) {
      t.equal(
        errnoOf(() => readdirSync(`${mnt}/${gone}`)),
        'ENOENT',
      );
      for (const layer of [upper, ...lower])
        t.notOk(existsSync(`${layer}/${gone}`), `${gone}: not in ${layer}`);
    }
    mkdirSync(`${mnt}/gap`);
    t.same(tree(`${mnt}/gap`), {}, 'a new directory of the old name is empty');

    // Onto others.
    for (const target of ['full', 'filled', 'unrelated', 'gap2']) {
      const before = tree(mnt);
      t.match(
        errnoOf(() => renameSync(`${mnt}/busy`, `${mnt}/${target}`)),
        /^(?:ENOTEMPTY|EEXIST)$/,
        `onto ${target}`,
      );
      t.same(tree(mnt), before, 'nothing has changed');
    }
    renameSync(`${mnt}/busy`, `${mnt}/hollow`);
    t.same(tree(`${mnt}/hollow`), { new: 'upper busy/new' }, 'onto an empty old one');
    renameSync(`${mnt}/full`, `${mnt}/empty`);
    t.same(tree(`${mnt}/empty`), { f: 'c full/f' }, 'an old one onto an empty new one');
    t.equal(
      errnoOf(() => renameSync(`${mnt}/only`, `${mnt}/only/torn/in`)),
      'EINVAL',
      'into itself',
    );

    // And it goes on as one directory.
    appendFileSync(`${mnt}/only/torn/deep/c`, '+');
    writeFileSync(`${mnt}/only/torn/fresh`, 'fresh');
    renameSync(`${mnt}/only/torn/a`, `${mnt}/gap2/new`);
    const want = tree(mnt);
    t.match(want, {
      'only/torn/deep/c': 'c torn/deep/c+',
      'only/torn/fresh': 'fresh',
      'gap2/new': 'a torn/a',
    });
    await m.remount();
    t.same(tree(mnt), want, 'the same after a remount');
    for (const name of Object.keys(tree(`${mnt}/gap2`))) unlinkSync(`${mnt}/gap2/${name}`);
    rmdirSync(`${mnt}/gap2`);
    for (const layer of [upper, ...lower]) t.notOk(existsSync(`${layer}/gap2`));
  },
);
