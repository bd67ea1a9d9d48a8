// Two old storages, one above the other: what hides what, and that nothing hidden appears.

import {
  appendFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { mountTest, outcome, sh, treeDigest, whereIs } from './support.ts';

/** Each name is made of the layers that have it, as a file and as a directory: `u`, `a` (upper of the two), `b`. */
const build = (into: string, letter: string) =>
  sh(
    `for n in u a b ua ub ab uab; do case $n in *$1*)
       echo "from $1" >file-$n; mkdir dir-$n dir-$n/sub; echo "from $1" >dir-$n/same; echo "from $1" >dir-$n/only-$1
       echo "from $1" >dir-$n/sub/$1; esac; done`,
    { cwd: into, args: [letter] },
  );

const prepare = ({ upper, lower: [a, b] }: { upper: string; lower: string[] }) => {
  build(upper, 'u');
  build(a as string, 'a');
  build(b as string, 'b');
};

const NAMES = ['u', 'a', 'b', 'ua', 'ub', 'ab', 'uab'];
const top = (name: string) => `from ${name[0]}\n`;

await mountTest(t, 'the topmost wins, directories are merged', { lowers: 2, prepare }, (t, m) => {
  const all = NAMES.flatMap((name) => [`dir-${name}`, `file-${name}`]);
  t.same(readdirSync(m.mnt).sort(), all.sort());
  for (const name of NAMES) {
    t.equal(readFileSync(`${m.mnt}/file-${name}`, 'utf8'), top(name));
    t.equal(readFileSync(`${m.mnt}/dir-${name}/same`, 'utf8'), top(name));
    const union = [...name].map((letter) => `only-${letter}`);
    t.same(readdirSync(`${m.mnt}/dir-${name}`).sort(), [...union, 'same', 'sub'].sort());
    t.same(readdirSync(`${m.mnt}/dir-${name}/sub`).sort(), [...name].sort());
    for (const letter of name) {
      t.equal(readFileSync(`${m.mnt}/dir-${name}/sub/${letter}`, 'utf8'), `from ${letter}\n`);
    }
  }
  const inodes = sh('find . -printf "%i\\n" | sort | uniq -d', { cwd: m.mnt });
  t.equal(inodes, '', 'no number twice');
});

await mountTest(t, 'unlink, rename and copy-up never show a hidden copy', { lowers: 2, prepare }, (t, m) => {
  for (const name of NAMES) {
    const file = `file-${name}`;
    const { ino } = statSync(`${m.mnt}/${file}`);
    appendFileSync(`${m.mnt}/${file}`, 'more\n');
    t.equal(readFileSync(`${m.mnt}/${file}`, 'utf8'), `${top(name)}more\n`);
    t.equal(readFileSync(`${m.upper}/${file}`, 'utf8'), `${top(name)}more\n`);
    t.equal(statSync(`${m.mnt}/${file}`).ino, ino);
    renameSync(`${m.mnt}/${file}`, `${m.mnt}/moved`);
    t.equal(
      outcome(() => statSync(`${m.mnt}/${file}`)),
      'ENOENT',
      `${file}: renamed away`,
    );
    t.equal(whereIs(m, file), '', `${file}: nothing is left of the name`);
    unlinkSync(`${m.mnt}/moved`);
    t.equal(
      outcome(() => statSync(`${m.mnt}/moved`)),
      'ENOENT',
    );
    t.equal(whereIs(m, 'moved'), '');

    const same = `dir-${name}/same`;
    unlinkSync(`${m.mnt}/${same}`);
    t.equal(whereIs(m, same), '', `${same}: unlinked everywhere`);
    t.notOk(readdirSync(`${m.mnt}/dir-${name}`).includes('same'));
    writeFileSync(`${m.mnt}/${same}`, 'new');
    t.equal(whereIs(m, same), 'upper');
  }
});

await mountTest(
  t,
  'a lower file renamed in its layer leaves nothing below',
  { lowers: 2, prepare },
  (t, m) => {
    const layer = { a: 'lower1', b: 'lower2', u: 'upper' } as Record<string, string>;
    for (const name of NAMES) {
      renameSync(`${m.mnt}/file-${name}`, `${m.mnt}/dir-u/new-${name}`);
      t.equal(whereIs(m, `file-${name}`), '');
      t.equal(whereIs(m, `dir-u/new-${name}`), layer[name[0] as string], 'it moved in its own layer');
      t.equal(readFileSync(`${m.mnt}/dir-u/new-${name}`, 'utf8'), top(name));
    }
  },
);

await mountTest(
  t,
  'a merged directory: rmdir refused, emptied, gone from all layers',
  { lowers: 2, prepare },
  (t, m) => {
    for (const name of NAMES) {
      const dir = `${m.mnt}/dir-${name}`;
      t.equal(
        outcome(() => rmdirSync(dir)),
        'ENOTEMPTY',
        dir,
      );
      for (const entry of readdirSync(`${dir}/sub`)) {
        t.equal(
          outcome(() => rmdirSync(`${dir}/sub`)),
          'ENOTEMPTY',
          `${entry} holds it`,
        );
        unlinkSync(`${dir}/sub/${entry}`);
      }
      rmdirSync(`${dir}/sub`);
      t.equal(whereIs(m, `dir-${name}/sub`), '');
      rmSync(dir, { recursive: true });
      t.equal(whereIs(m, `dir-${name}`), '');
    }
    sh('rm -rf -- *', { cwd: m.mnt });
    for (const layer of [m.upper, ...m.lower]) t.same(Object.keys(treeDigest(layer)), ['.'], 'empty');
  },
);

await mountTest(
  t,
  'a file hides a directory of its name below, and the reverse',
  {
    lowers: 2,
    prepare: ({ upper, lower: [a = '', b = ''] }) => {
      sh('echo file >x; mkdir y; echo in >y/upper', { cwd: upper });
      sh('mkdir x; echo lost >x/in; echo file >y; mkdir z; echo a >z/a', { cwd: a });
      sh('mkdir y z; echo below >y/below; echo b >z/b; echo b >x', { cwd: b });
    },
  },
  (t, m) => {
    t.equal(readFileSync(`${m.mnt}/x`, 'utf8'), 'file\n');
    t.same(readdirSync(`${m.mnt}/y`), ['upper'], 'what lies below a non-directory is hidden');
    t.same(readdirSync(`${m.mnt}/z`).sort(), ['a', 'b']);
    t.equal(
      outcome(() => readFileSync(`${m.mnt}/y/below`)),
      'ENOENT',
    );
    unlinkSync(`${m.mnt}/x`);
    t.equal(
      outcome(() => statSync(`${m.mnt}/x`)),
      'ENOENT',
      'the hidden tree does not appear',
    );
    t.equal(sh('find . -name in -exec cat {} +', { cwd: m.lower[0] as string }), 'lost', 'nor is it lost');
    unlinkSync(`${m.mnt}/y/upper`);
    rmdirSync(`${m.mnt}/y`);
    t.equal(
      outcome(() => statSync(`${m.mnt}/y`)),
      'ENOENT',
    );
    t.equal(sh('find . -name below -exec cat {} +', { cwd: m.lower[1] as string }), 'below');
    t.same(readdirSync(m.mnt), ['z']);
  },
);
