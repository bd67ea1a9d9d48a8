// Real programs on a mount, and what they leave compared with what they leave on a plain file system.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { cleanEnv, isRoot, mountTest, must, sh, treeDigest, whereIs } from './support.ts';

const GIT = `git config --global user.name Test; git config --global user.email test@example.org
  git config --global gc.auto 0; git config --global init.defaultBranch main; git config --global safe.directory '*'`;

/** A repository with some history, made on the spot. */
const makeRepository = (dir: string, home: string) =>
  sh(
    `export GIT_CONFIG_GLOBAL="$2/gitconfig"; ${GIT}
     git init -q "$1"; cd "$1"; mkdir -p src/deep docs
     for i in {1..60}; do seq "$i" $((i * 7)) >src/file$i; echo "$i" >src/deep/$i; done; ln -s src/file1 link
     git add .; git commit -q -m first
     for i in {1..8}; do echo "change $i" >>src/file$i; git mv src/deep/$i docs/d$i; git commit -q -a -m "change $i"; done
     git branch topic HEAD~3; git tag v1`,
    { args: [dir, home] },
  );

await mountTest(
  t,
  'git: a clone, and work in a repository of the old storage',
  { needs: ['git'], prepare: ({ lower: [a = ''] }) => void makeRepository(`${a}/old`, `${a}/..`) },
  (t, m) => {
    const git = (script: string, dir = m.mnt) =>
      sh(script, {
        cwd: dir,
        env: {
          GIT_CONFIG_GLOBAL: `${m.dir}/gitconfig`,
          GIT_AUTHOR_DATE: '@1 +0000',
          GIT_COMMITTER_DATE: '@1 +0000',
        },
      });
    t.equal(git('cd old; git status --porcelain; git fsck --full --strict'), '', 'clean and sound');
    const head = git('cd old; git rev-parse HEAD');
    git(
      'git clone -q --no-hardlinks old new; git clone -q old linked; git clone -q "file://$PWD/old" packed',
    );
    for (const clone of ['new', 'linked', 'packed']) {
      t.equal(git(`cd ${clone}; git status --porcelain; git fsck --full; git rev-parse HEAD`), head, clone);
      t.equal(whereIs(m, clone), 'upper');
    }
    const work = `cd old; git checkout -q topic; git status --porcelain; echo more >>src/file20; rm src/file21; echo new >src/new
      git add -A; git commit -q -m work; git merge -q -m merge main; git rebase -q main >/dev/null; git stash list
      git gc -q --prune=now; git repack -q -a -d; git fsck --full --strict; git status --porcelain; git log -3 --format=%T
      git grep -c change | sort; git diff main --stat; git worktree add -q ../tree main; git -C ../tree status --porcelain`;
    sh('mkdir "$1"; cp -a old "$1"', { cwd: m.mnt, args: [`${m.dir}/plain`] });
    t.equal(git(work), git(work, `${m.dir}/plain`));
    t.same(
      treeDigest(`${m.mnt}/old/src`, { times: false }),
      treeDigest(`${m.dir}/plain/old/src`, { times: false }),
    );
    t.equal(git('cd new; git pull -q origin topic; git status --porcelain; git fsck --full'), '');
  },
);

/** A tree of everything that archivers care about. */
const makeTree = (dir: string) =>
  sh(
    `mkdir -p a/b/c many empty; printf hello >a/file; ln a/file a/b/hard; ln -s ../file a/b/link; ln -s gone a/dangling; mkfifo a/fifo
     for i in {1..300}; do echo $i >many/$i; done; truncate -s 20M sparse; printf end >>sparse; chmod 640 a/file; chmod 2755 a/b
     setfattr -n user.tag -v value a/file a/b; setfacl -m u:7:rw,g:8:r a/file; setfacl -m d:u:9:rwx a/b/c
     ${isRoot ? 'chown 1:2 many/1 a/b/c; chown -h 3:4 a/dangling; mknod null c 1 3; chmod 4755 many/1; setfattr -n trusted.t -v x many/2' : ''}
     printf x >"$(printf 'new\\nline')"; printf y >"$(printf '\\377\\376')"
     find . -exec touch -h -d '2004-04-04 04:04:04.444444444 UTC' {} +`,
    { cwd: dir },
  );

await mountTest(
  t,
  'tar, rsync and cp carry a tree there and back without a difference',
  { needs: ['rsync', 'tar', 'setfacl'], prepare: ({ lower: [a = ''] }) => makeTreeIn(a) },
  (t, m) => {
    const work = `${m.dir}/work`;
    const original = treeDigest(`${m.mnt}/old`, { directoryTimes: true });
    t.equal(Object.keys(original).length > 310, true);
    sh('mkdir "$1" "$1"/tar "$1"/rsync', { args: [work] });
    const xattrs = isRoot ? "--xattrs --xattrs-include='*'" : '--xattrs';
    sh(
      `tar -C old --acls ${xattrs} --numeric-owner -cf - . | tar -C "$1"/tar --acls ${xattrs} --numeric-owner -xpf -
       mkdir tar; tar -C "$1"/tar -S --acls ${xattrs} --numeric-owner -cf - . | tar -C tar --acls ${xattrs} --numeric-owner -xpf -
       rsync -aHAX --numeric-ids old/ "$1"/rsync/; rsync -aHAX --numeric-ids "$1"/rsync/ rsync/
       cp -a old cp; cp -a cp "$1"/cp`,
      { cwd: m.mnt, args: [work] },
    );
    for (const copy of [
      `${work}/tar`,
      `${work}/rsync`,
      `${work}/cp`,
      `${m.mnt}/rsync`,
      `${m.mnt}/cp`,
      `${m.mnt}/tar`,
    ]) {
      t.same(treeDigest(copy, { directoryTimes: true }), original, copy.slice(m.dir.length));
    }
    for (const pair of [
      ['old/', 'rsync/'],
      ['rsync/', `${work}/rsync/`],
      [`${work}/rsync/`, 'old/'],
    ]) {
      t.equal(
        sh('rsync -aHAXnic --delete --numeric-ids "$1" "$2"', { cwd: m.mnt, args: pair }),
        '',
        'rsync finds nothing to do',
      );
    }
    t.equal(whereIs(m, 'old/a/file'), 'lower', 'reading has moved nothing');
    const listing =
      'find . -printf "%P %y %m %s %n %l\\n" | sort; du -s --apparent-size .; du -a --apparent-size --inodes . | wc -l';
    t.equal(
      sh(listing, { cwd: `${m.mnt}/rsync` }).replace(/^.*directory.*\n/, ''),
      sh(listing, { cwd: `${work}/rsync` }),
    );
    sh('rm -rf old tar rsync cp', { cwd: m.mnt });
    t.same(Object.keys(treeDigest(m.mnt)), ['.']);
  },
);

const SQL = `for i in $(seq 60); do echo "begin; insert into t select max(n) + 1, randomblob(500) from t; insert into t values ($i * 1000000, 'x'); commit;"; done`;

for (const journal of ['delete', 'wal']) {
  await mountTest(
    t,
    `sqlite3 with a concurrent reader, journal_mode=${journal}`,
    {
      needs: ['sqlite3'],
      prepare: ({ lower: [a = ''] }) =>
        void sh(
          `echo "pragma journal_mode=${journal}; create table t(n integer, data); insert into t values (0, 'first');" | sqlite3 db`,
          { cwd: a },
        ),
    },
    async (t, m) => {
      const reads = `while ! test -e stop; do sqlite3 -cmd '.timeout 20000' db 'select count(*) % 2 from t; pragma quick_check' | sort -u; done | sort -u`;
      const reader = spawn('bash', ['-c', reads], {
        cwd: m.mnt,
        env: cleanEnv(),
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const closed = once(reader, 'close');
      let seen = '';
      reader.stdout.on('data', (data) => {
        seen += data;
      });
      const writer = spawn(
        'bash',
        ['-c', `${SQL} | sqlite3 -bail -cmd '.timeout 20000' db; echo status $?`],
        {
          cwd: m.mnt,
          env: cleanEnv(),
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      let wrote = '';
      writer.stdout.on('data', (data) => {
        wrote += data;
      });
      await once(writer, 'close');
      sh('touch stop', { cwd: m.mnt });
      await closed;
      t.match(wrote, 'status 0');
      t.equal(seen, '1\nok\n', 'a reader sees whole transactions and a sound file');
      t.equal(sh("sqlite3 db 'select count(*) from t; pragma integrity_check'", { cwd: m.mnt }), '121\nok');
      t.equal(whereIs(m, 'db'), 'upper');
    },
  );
}

const sources = (dir: string) =>
  sh(
    `mkdir src; for i in {1..12}; do printf '#include "all.h"\\nint f%d(int x) { return x * %d; }\\n' $i $i >src/f$i.c; done
     for i in {1..12}; do echo "int f$i(int);"; done >src/all.h
     { echo '#include <stdio.h>'; echo '#include "all.h"'; echo 'int main(void) { int s = 0;'; for i in {1..12}; do echo "s += f$i(1);"; done
       echo 'printf("%d\\n", s); return 0; }'; } >src/main.c
     printf 'O = $(patsubst src/%%.c,build/%%.o,$(wildcard src/*.c))\\nall: prog\\nprog: lib.a build/main.o\\n\\t$(CC) -o $@ build/main.o lib.a\\nlib.a: $(filter-out build/main.o,$O)\\n\\trm -f $@; ar rcs $@ $^\\nbuild/%%.o: src/%%.c src/all.h\\n\\t@mkdir -p build\\n\\t$(CC) -O1 -c -o $@ $<\\nclean:\\n\\trm -rf build prog lib.a\\n' >Makefile`,
    { cwd: dir },
  );

await mountTest(
  t,
  'gcc, make -j4',
  { needs: ['gcc', 'make'], prepare: ({ lower: [a = ''] }) => void sources(a) },
  (t, m) => {
    must('make', ['-j4', '-s'], { cwd: m.mnt });
    t.equal(must('./prog', [], { cwd: m.mnt }), '78');
    t.match(must('make', ['-j4'], { cwd: m.mnt }), /Nothing to be done/, 'times tell what is newer');
    sh('echo "/* */" >>src/f3.c; make -j4 | grep -c "f[0-9]*.c"', { cwd: m.mnt });
    t.equal(must('./prog', [], { cwd: m.mnt }), '78');
    t.equal(whereIs(m, 'src/f3.c'), 'upper');
    t.equal(whereIs(m, 'src/f4.c'), 'lower');
    sh("make -s clean; sed -i 's/x \\* 4/x * 5/' src/f4.c; make -s -j4", { cwd: m.mnt });
    t.equal(must('./prog', [], { cwd: m.mnt }), '79');
    t.match(readFileSync(`${m.upper}/src/f4.c`, 'utf8'), 'x * 5');
  },
);

function makeTreeIn(dir: string): void {
  sh('mkdir old', { cwd: dir });
  makeTree(`${dir}/old`);
}
