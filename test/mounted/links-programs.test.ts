// What programs do with files that have several names: copies that keep them, git's object stores, link farms; and names that
// come up by several at once while the file is being copied.

import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import t, { type Test } from 'tap';
import { type Mounted, mountTest, must, sh } from './support.ts';

/** Which paths of a tree are one file, in order: what `cp -a` and `rsync -H` must keep. */
const families = (dir: string): string =>
  sh(
    `find . -type f -links +1 -printf '%i %n %P\\n' | sort -k3 | awk '{ n[$1] = n[$1] " " $3; c[$1] = $2 } END { for (i in n) print c[i] n[i] }' | sort`,
    { cwd: dir },
  );

function nothingLeft(t: Test, m: Mounted): void {
  for (const layer of [m.upper, ...m.lower]) {
    const path = `${layer}/.migratefs/links`;
    t.same(existsSync(path) ? readdirSync(path) : [], [], path);
  }
}

/** Files with one, two and many names over three directories, and such ones of another kind. */
function prepare({ lower: [lower] }: { lower: string[] }): void {
  sh(
    `mkdir -p a b c/d
    for i in 1 2 3 4 5 6; do echo "content $i" >a/$i; done
    ln a/1 b/1; ln a/2 c/d/2; ln a/2 b/2; ln a/3 a/three; for i in $(seq 20); do ln a/4 c/four$i; done
    ln -s 5 a/symlink; ln -P a/symlink b/symlink`,
    { cwd: lower as string },
  );
}

await mountTest(
  t,
  'cp -a and rsync -aH keep what is one file, before, in the midst of and after its move',
  { prepare, needs: ['rsync'], options: 'cache=none' },
  (t, { mnt, lower: [lower] }) => {
    const before = families(lower as string);
    const moments: [string, string][] = [
      ['below', 'true'],
      ['some have come up', 'echo x >>b/2; echo x >>c/four7; chmod 600 a/three'],
      ['again', 'echo x >>a/1; rm -f a/6'],
    ];
    for (const [what, act] of moments) {
      sh(act, { cwd: mnt });
      t.equal(families(mnt), before, what);
      for (const copy of ['cp -a "$1/." "$2"', 'rsync -aH "$1/" "$2"']) {
        sh(`mkdir "$2"; ${copy}`, { args: [mnt, `${mnt}-copy`] });
        t.equal(families(`${mnt}-copy`), before, `${what}: ${copy}`);
        must('diff', ['-r', '--no-dereference', mnt, `${mnt}-copy`]);
        sh('rm -r "$1"', { args: [`${mnt}-copy`] });
      }
    }
  },
);

await mountTest(
  t,
  'rsync -aH and cp -a into the mount, over what lies below',
  { prepare, needs: ['rsync'], options: 'cache=shared' },
  (t, { mnt, dir, lower: [lower], ...m }) => {
    sh(
      'cp -a "$1/." "$2"; cd "$2"; rm -rf .migratefs; echo more >>a/2; ln a/5 b/5; rm b/1; ln -f a/6 c/four3',
      {
        args: [lower as string, `${dir}/source`],
      },
    );
    for (const copy of ['rsync -aH --delete', 'rsync -aH --delete --inplace', 'cp -af']) {
      const contents = copy.startsWith('cp') ? '/.' : '/';
      sh(`${copy} "$1${contents}" "$2"`, { args: [`${dir}/source`, mnt] });
      t.equal(families(mnt), families(`${dir}/source`), copy);
      must('diff', ['-r', '--no-dereference', mnt, `${dir}/source`]);
    }
    sh('rm -r -- *', { cwd: mnt });
    nothingLeft(t, { mnt, dir, lower: [lower as string], ...m });
  },
);

await mountTest(
  t,
  'git: a clone with shared objects, new commits, gc and fsck',
  {
    needs: ['git'],
    options: 'cache=shared',
    timeout: 300_000,
    prepare: ({ lower: [lower] }) => {
      sh(
        `git init -q one && cd one && git config user.email a@b && git config user.name a
      for i in $(seq 30); do echo $i >f$i; git add f$i; git commit -qm $i; done`,
        { cwd: lower as string },
      );
      sh('git clone -ql one two', { cwd: lower as string });
    },
  },
  (t, { mnt }) => {
    const objects = families(`${mnt}/one/.git/objects`);
    t.not(objects, '', 'the clone shares objects');
    sh(
      `git clone -ql two three
      for each in one two three; do (cd $each; git config user.email a@b; git config user.name a
        echo new >>f1; git commit -qam new; git gc -q; git fsck --strict; git status --porcelain); done`,
      { cwd: mnt, timeout: 240_000 },
    );
    for (const each of ['one', 'two', 'three']) {
      t.equal(sh('git log --oneline | wc -l', { cwd: `${mnt}/${each}` }), '31', each);
    }
    const loose = '[0-9a-f][0-9a-f]/*';
    sh(`chmod -R u+w . && find . -type f -path './*/.git/objects/${loose}' -print -quit`, { cwd: mnt });
  },
);

const NAMES = 5000;
const DIRECTORIES = 50;

await mountTest(
  t,
  'a link farm: thousands of names of one file over many directories, half of them below',
  {
    options: 'cache=shared,threads=8',
    backing: 'tmpfs',
    root: true,
    timeout: 300_000,
    prepare: ({ lower: [lower] }) => {
      mkdirSync(`${lower}/d`);
      writeFileSync(`${lower}/d/first`, 'base\n');
      for (let d = 0; d < DIRECTORIES; d++) mkdirSync(`${lower}/d/${d}`);
      for (let i = 1; i < NAMES / 2; i++)
        linkSync(`${lower}/d/first`, `${lower}/d/${i % DIRECTORIES}/below${i}`);
    },
  },
  (t, { mnt, ...m }) => {
    const { ino } = lstatSync(`${mnt}/d/0/below50`, { bigint: true });
    writeFileSync(`${mnt}/d/0/below50`, 'new\n');
    const some =
      'for ($i = $ARGV[0]; $i < $ARGV[1]; $i += 4) { link "d/first", "d/" . $i % $ARGV[2] . "/above$i" or die $! }';
    sh('for k in 0 1 2 3; do perl -e "$1" $k $2 $3 & done; wait', {
      cwd: mnt,
      args: [some, `${NAMES / 2}`, `${DIRECTORIES}`],
      timeout: 240_000,
    });
    const seen = sh("find d -type f -printf '%i %n\\n' | sort | uniq -c", { cwd: mnt }).trim();
    t.equal(seen, `${NAMES} ${ino} ${NAMES}`, 'all are one file, and it has that many names');
    t.equal(readFileSync(`${mnt}/d/7/below7`, 'utf8'), 'new\n');
    sh(`ls d/*/* | xargs -P4 -n100 rm`, { cwd: mnt, timeout: 240_000 });
    t.equal(lstatSync(`${mnt}/d/first`).nlink, 1);
    sh('rm -r d', { cwd: mnt });
    nothingLeft(t, { mnt, ...m });
    t.same(readdirSync(m.lower[0] as string), ['.migratefs']);
  },
);

await mountTest(
  t,
  'everything at once: written, linked, renamed, removed and looked at by several names while it comes up',
  {
    options: 'cache=none,threads=8',
    timeout: 300_000,
    prepare: ({ lower: [lower] }) => {
      sh(
        `for f in $(seq 20); do mkdir -p $f/x; head -c 300000 /dev/zero >$f/keep
        for n in $(seq 8); do ln $f/keep $f/x/$n; done; done`,
        { cwd: lower as string },
      );
    },
  },
  (t, { mnt, ...m }) => {
    for (let f = 1; f <= 20; f++) {
      sh(
        `(echo 1 >>x/1) & (echo 2 >>x/2) & (ln x/3 x/new) & (mv x/4 x/moved) & (rm x/5) &
        (stat x/6 >/dev/null) & (mv -f x/7 x/8 || true) & (cat keep >/dev/null) & (ls -l x >/dev/null || true) & wait`,
        { cwd: `${mnt}/${f}` },
      );
      // mv refuses to put one name of a file in the place of another.
      const expected = ['1', '2', '3', '6', '7', '8', 'moved', 'new'];
      t.same(readdirSync(`${mnt}/${f}/x`).sort(), expected, `${f}`);
      const names = ['keep', ...expected.map((name) => `x/${name}`)];
      const stats = names.map((name) => lstatSync(`${mnt}/${f}/${name}`));
      for (const stat of stats) {
        t.same([stat.nlink, stat.ino, stat.size], [names.length, stats[0]?.ino, 300_004], `${f}`);
      }
    }
    sh('rm -r -- *', { cwd: mnt });
    nothingLeft(t, { mnt, ...m });
  },
);
