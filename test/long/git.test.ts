// git on a repository of the old storage: a long history, several processes at once that want the same locks, and all that
// rewrites a repository; sound after each step, and the same on a plain directory.

import t from 'tap';
import { type Backing, mountTest, sh, whereIs } from '../mounted/support.ts';
import { assertHealthy, limit, scaled } from './support.ts';

const CONFIG = `git config --global user.name Test; git config --global user.email test@example.org
  git config --global gc.auto 0; git config --global init.defaultBranch main; git config --global safe.directory '*'
  git config --global advice.detachedHead false; git config --global core.fsync all`;

/** `$1` commits over `$1` / 4 files in some directories. */
const MAKE = `${CONFIG}; git init -q "$2"; cd "$2"
  for i in $(seq $(($1 / 4))); do mkdir -p d$((i % 9))/e$((i % 5)); seq $i $((i * 3)) >d$((i % 9))/e$((i % 5))/f$i; done
  git add .; git commit -q -m 0; git branch early
  for i in $(seq "$1"); do f=$(((i * 7) % ($1 / 4) + 1)); echo "change $i" >>d$((f % 9))/e$((f % 5))/f$f; git commit -q -a -m "change $i"; done
  git tag -a -m tag v1`;

/** What rewrites a repository. Its output is that of any file system. */
const REWRITE = `git checkout -q -b work early; for i in 1 2 3 4 5; do echo $i >>d1/new$i; git add d1; git commit -q -m new$i; done
  git rebase -q main; git log -3 --format=%s; git merge-base --is-ancestor main work
  echo dirty >>d1/new1; git stash push -q; git status --porcelain; git stash pop -q; git diff --stat; git checkout -q -- .
  git mv d2 moved; git commit -q -m moved; git revert --no-edit HEAD >/dev/null; git cherry-pick v1~3 2>/dev/null || git cherry-pick --skip
  git worktree add -q ../tree main; (cd ../tree; echo x >x; git add x; git commit -q --no-verify -m x); git worktree list | wc -l
  git pack-refs --all; git repack -q -a -d -f; git prune; git commit-graph write --reachable; git multi-pack-index write
  git fsck --full --strict; git gc -q --aggressive --prune=now; git fsck --full --strict; git reflog expire --expire=now --all; git gc -q --prune=now
  git worktree remove --force ../tree; git clean -qfdx; git reset -q --hard v1; git status --porcelain; git rev-list --all --count
  git bundle create -q ../bundle --all; git clone -q ../bundle ../bundled; git -C ../bundled fsck --full
  git clone -q . ../clone; git -C ../clone fsck --full; git -C ../clone pull -q; rm -rf ../clone ../bundled ../bundle; git count-objects`;

/** Several processes add to one index and move one branch on; the locks let one through at a time, so each tries until it has done its share. */
const COMPETE = `git checkout -q main; base=$(git rev-parse main); for p in 1 2 3 4; do (
    for i in $(seq "$1"); do
      echo "$p" >new$p-$i; until git add new$p-$i 2>/dev/null; do :; done
      while :; do
        old=$(git rev-parse main); new=$(git commit-tree -p "$old" -m "$p $i" "$old^{tree}")
        git update-ref refs/heads/main "$new" "$old" 2>/dev/null && break
      done
    done ) & done; wait
  git log --format=%s $base..main | sort | uniq -c | awk '$1 != 1'; git rev-list --count $base..main
  git commit -q -m added; git ls-files 'new*' | wc -l; git fsck --full --strict --no-dangling; find .git -name '*.lock'`;

const cases: { backing: Backing; threads: number }[] = [
  { backing: 'ext4', threads: 8 },
  { backing: 'xfs', threads: 1 },
];

for (const { backing, threads } of cases) {
  await mountTest(
    t,
    `git on ${backing}, ${threads} workers`,
    {
      backing,
      size: '2G',
      options: `threads=${threads}`,
      needs: ['git'],
      timeout: limit(400_000),
      prepare: ({ lower: [a = ''] }) => {
        const env = { GIT_CONFIG_GLOBAL: `${a}/../gitconfig` };
        sh(MAKE, { args: [`${scaled(300)}`, `${a}/repository`], env, timeout: limit(120_000) });
      },
    },
    async (t, m) => {
      const git = (script: string, dir: string, ...args: string[]) =>
        sh(script, {
          cwd: dir,
          args,
          env: {
            GIT_CONFIG_GLOBAL: `${m.dir}/gitconfig`,
            GIT_AUTHOR_DATE: '@9 +0000',
            GIT_COMMITTER_DATE: '@9 +0000',
          },
          timeout: limit(200_000),
        });
      const merged = `${m.mnt}/repository`;
      const plain = `${m.dir}/plain`;
      sh('mkdir "$1"; cp -a "$2" "$1"', { args: [plain, merged] });
      t.equal(git('git status --porcelain; git fsck --full --strict', merged), '');
      t.equal(whereIs(m, 'repository/.git/HEAD'), 'lower');
      t.equal(git(REWRITE, merged), git(REWRITE, `${plain}/repository`), 'the same as on a plain directory');
      const all = scaled(10) * 4;
      t.equal(git(COMPETE, merged, `${scaled(10)}`), `${all}\n${all}`, 'nothing lost, nothing twice');
      const heads = git('git for-each-ref; git status --porcelain', merged);
      assertHealthy(t, m);
      await m.remount();
      t.equal(
        git('git for-each-ref; git status --porcelain; git fsck --full --strict --no-dangling', merged),
        heads,
      );
    },
  );
}
