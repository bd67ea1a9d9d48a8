// Rename and removal while one layer refuses: each ends as on a plain directory, or fails with the layer's errno and has changed nothing
// that users see, at once and after a remount. What it hides stays hidden.

import { existsSync, lstatSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import t, { type Test } from 'tap';
import { attempts, NOBODY } from './defects-support.ts';
import { type Mounted, mountTest, outcome, sh, treeDigest } from './support.ts';

/** Where an object is: letters of the layers that have it. */
const PLACES = ['u', 'a', 'b', 'ua', 'ub', 'ab', 'uab'];

/** Kinds of objects; a directory named `low` holds something in the lowest of its layers only. */
const MAKE: Record<string, (letter: string, isLowest: boolean) => string> = {
  file: (letter) => `echo ${letter} > "$1"`,
  link: (letter) => `ln -s ${letter} "$1"`,
  fifo: () => 'mkfifo "$1"',
  empty: () => 'mkdir "$1"',
  full: (letter) => `mkdir -p "$1/sub"; echo ${letter} > "$1/same"; echo > "$1/sub/${letter}"`,
  low: (_letter, isLowest) => `mkdir "$1"${isLowest ? '; echo > "$1/f"' : ''}`,
};

interface Case {
  name: string;
  source: [kind: string, places: string];
  target: [kind: string, places: string] | undefined;
}

/** Every kind of source in every place; each target kind beside it, whose place moves on from case to case so that all pairs are met. */
const CASES: Case[] = ['file', 'link', 'fifo', 'full', 'empty'].flatMap((kind, k) =>
  PLACES.flatMap((places, p) =>
    [undefined, 'file', 'fifo', 'empty', 'full', 'low'].flatMap((target, i) =>
      (target === undefined ? [''] : [PLACES[(k + p + 2 * i) % PLACES.length] as string]).map((at) => ({
        name: `${kind}-${places}-${target ?? 'none'}-${at}`,
        source: [kind, places] as [string, string],
        target: target === undefined ? undefined : ([target, at] as [string, string]),
      })),
    ),
  ),
);

function prepare({ upper, lower }: { upper: string; lower: string[] }): void {
  for (const [i, layer] of [upper, ...lower].entries()) {
    const letter = 'uab'[i] as string;
    const script = ['mkdir from into kept; echo > kept/k'];
    const put = (dir: string, name: string, object: Case['target']) => {
      if (!object?.[1].includes(letter)) return;
      script.push(`set -- ${dir}/${name}; ${MAKE[object[0]]?.(letter, object[1].endsWith(letter))}`);
    };
    for (const { name, source, target } of CASES) {
      put('from', name, source);
      put('into', name, target);
    }
    sh(script.join('\n'), { cwd: layer });
  }
}

const digest = (dir: string) => treeDigest(dir, { times: false });

/** Renames, then removes what is left, on the mount and on a plain copy of it. */
function compare(t: Test, m: Mounted, refusals: string[], what: string): void {
  const plain = `${m.dir}/plain`;
  const wrong: string[] = [];
  const count = { done: 0, refused: 0 };
  const both = (name: string, act: (dir: string) => void, paths: string[]) => {
    const seen = outcome(() => act(m.mnt));
    if (refusals.includes(seen)) {
      count.refused++;
      for (const path of paths) {
        const [there, before] = [m.mnt, plain].map(
          (dir) => lstatSync(`${dir}/${path}`, { throwIfNoEntry: false })?.mode,
        );
        if (there !== before) wrong.push(`${name}: refused with ${seen}, and ${path} has changed`);
      }
      return;
    }
    const expected = outcome(() => act(plain));
    if (seen !== expected) wrong.push(`${name}: ${seen}, not ${expected}`);
    else count.done++;
  };
  for (const { name, source } of CASES) {
    const [from, into] = [`from/${name}`, `into/${name}`];
    both(`rename ${name}`, (dir) => renameSync(`${dir}/${from}`, `${dir}/${into}`), [from, into]);
    both(
      `remove ${name}`,
      (dir) => (/full|empty/.test(source[0]) ? rmdirSync : unlinkSync)(`${dir}/${from}`),
      [from],
    );
  }
  t.same(wrong, [], `${what}: ${count.done} as on a plain file system, ${count.refused} refused`);
  t.ok(count.refused > 0 && count.done > 0);
}

const on = {
  root: true,
  backing: 'ext4' as const,
  size: '96M',
  lowers: 2,
  options: 'cache=none',
  needs: ['chattr'],
};

// biome-ignore format: a table
const WAYS: Record<string, [set: string, unset: string, errnos: string[]]> = {
  'a read-only file system': ['mount -o remount,ro .', 'mount -o remount,rw .', ['EROFS']],
  'immutable directories': ['chattr +i from into', 'chattr -i from into', ['EPERM']],
};

for (const [way, [set, unset, errnos]] of Object.entries(WAYS)) {
  for (const refusing of [0, 1, 2]) {
    if (refusing !== 1 && !set.startsWith('mount')) continue;
    const layerName = ['the new storage', 'the first old one', 'the second old one'][refusing];
    await mountTest(t, `${way}: ${layerName}`, { ...on, prepare }, async (t, m) => {
      const layers = [m.upper, ...m.lower];
      const layer = layers[refusing] as string;
      sh('cp -a "$1" "$2"', { args: [m.mnt, `${m.dir}/plain`] });
      t.same(digest(m.mnt), digest(`${m.dir}/plain`));
      const was = digest(layer);
      sh(set, { cwd: layer });
      try {
        compare(t, m, errnos, way);
        t.same(digest(m.mnt), digest(`${m.dir}/plain`), 'the trees are the same');
        if (set.startsWith('mount')) t.same(digest(layer), was, 'the layer that refuses is as it was');
        if (refusing > 0) {
          await m.remount();
          t.same(digest(m.mnt), digest(`${m.dir}/plain`), 'and after a remount');
        }
      } finally {
        sh(unset, { cwd: layer });
      }
      await m.remount();
      t.same(digest(m.mnt), digest(`${m.dir}/plain`), 'and when it no longer refuses');
      for (const { name } of CASES) {
        const [seen, expected] = [m.mnt, `${m.dir}/plain`].map((dir) =>
          outcome(() => renameSync(`${dir}/from/${name}`, `${dir}/into/${name}`)),
        );
        if (seen !== expected) t.fail(`${name}: ${seen}, not ${expected}`);
      }
      t.same(digest(m.mnt), digest(`${m.dir}/plain`), 'all that was refused is done now');
      sh('rm -rf from into', { cwd: m.mnt });
      for (const each of layers)
        t.notOk(existsSync(`${each}/from`) || existsSync(`${each}/into`), 'nothing appears');
    });
  }
}

await mountTest(
  t,
  'who may not, in directories of others and sticky ones',
  { root: true, lowers: 2, options: 'cache=none', needs: ['setpriv'], prepare },
  (t, m) => {
    const layers = [m.upper, ...m.lower];
    for (const mode of ['755', '1777']) {
      for (const layer of layers) sh('chmod $1 from into', { cwd: layer, args: [mode] });
      const before = layers.map(digest);
      const acts = Object.fromEntries(
        CASES.flatMap(({ name }) => [
          [`rename ${name}`, `fs.renameSync(m + '/from/${name}', m + '/into/${name}')`],
          [`unlink ${name}`, `fs.unlinkSync(m + '/from/${name}')`],
          [`rmdir ${name}`, `fs.rmdirSync(m + '/from/${name}')`],
        ]),
      );
      const answers = Object.values(attempts(NOBODY, m.mnt, acts));
      t.notOk(answers.includes('ok'), `mode ${mode}`);
      t.same(layers.map(digest), before, 'no layer has changed');
    }
  },
);
