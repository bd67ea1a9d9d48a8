// Big trees of real files: carried up and down by archivers without a difference, removed while they are listed, and read by
// one program while another one migrates them.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { type Backing, cleanEnv, mountTest, run, sh } from '../mounted/support.ts';
import { assertHealthy, limit } from './support.ts';

/** What every machine has a lot of: small files, links, deep directories. */
const SOURCES =
  '/usr/include /usr/share/perl* /usr/share/doc /usr/share/zoneinfo /usr/lib/python3* /usr/share/i18n /etc/alternatives';

/** Up to 5000 files of at most 256 KiB, with their directories and links. */
const FILL = `set +o pipefail; cd /; { find $2 -xdev -type f -size -257k -print0 2>/dev/null | sort -z | head -z -n 5000; find $2 -xdev -type l -print0 2>/dev/null | sort -z | head -z -n 1000; } |
  tar --null --no-recursion -T - -cf - | tar -xpf - -C "$1"
  cd "$1"; find . -type f | sort | awk 'NR % 97 == 0' | while read -r file; do ln "$file" "$file.hard"; done
  find . -type f | sort | awk 'NR % 89 == 0' | tr '\\n' '\\0' | xargs -0 setfattr -n user.tag -v value; find . -type d -print0 | xargs -0 chmod u+w`;

const SAME = 'rsync -aHAXnic --delete --numeric-ids "$1"/ "$2"/';

/** Opens every file for writing, as an administrator who drains the old storage does. */
const DRAIN = 'find . -xdev -type f -exec sh -c \'for f; do : >>"$f"; done\' sh {} +';

/** A script beside the others, which ends with its test at the latest. @returns its exit status */
async function background(t: Test, cwd: string, script: string): Promise<unknown> {
  const child = spawn('bash', ['-c', script], { cwd, env: cleanEnv(), stdio: 'ignore', detached: true });
  const ended = once(child, 'exit');
  t.teardown(async () => {
    if (child.exitCode === null && child.pid) process.kill(-child.pid, 'SIGKILL');
    await ended;
  });
  return (await ended)[0];
}

const cases: { backing: Backing; threads: number }[] = [
  { backing: 'ext4', threads: 8 },
  { backing: 'xfs', threads: 1 },
  { backing: 'btrfs', threads: 4 },
];

for (const { backing, threads } of cases) {
  await mountTest(
    t,
    `trees on ${backing}, ${threads} workers`,
    {
      backing,
      size: '4G',
      options: `threads=${threads}`,
      needs: ['rsync', 'tar', 'setfattr'],
      root: true,
      timeout: limit(1_800_000),
      prepare: ({ lower: [a = ''] }) =>
        void sh(`mkdir "$1"/old; set -- "$1"/old "$2"; ${FILL}`, {
          args: [a, SOURCES],
          timeout: limit(900_000),
        }),
    },
    async (t, m) => {
      const plain = `${m.dir}/plain`;
      const step = (script: string, ...args: string[]) =>
        sh(script, { cwd: m.mnt, args, timeout: limit(900_000) });
      const count = Number(step('find old | wc -l'));
      t.ok(count > 3000, `${count} objects`);
      step('cp -a old "$1"', plain);
      t.equal(step(SAME, plain, 'old'), '', 'as it was copied from');
      t.equal(
        sh('find . -path ./.migratefs -prune -o -type f -print | head', { cwd: m.upper }),
        '',
        'nothing has moved',
      );

      // One program reads all while another one moves all.
      const drained = background(t, `${m.mnt}/old`, DRAIN);
      // A migrated file is a copy with a time of change of its own, which tar notes in its exit status.
      const archive =
        '{ tar -C "$1" --sort=name --numeric-owner --warning=no-file-changed -cf - . || test $? = 1; } | sha256sum';
      const archives = [step(archive, 'old'), step(archive, 'old')];
      t.equal(step(SAME, plain, 'old'), '', 'while it moves');
      t.equal(await drained, 0, 'all have moved');
      t.same(archives, Array(2).fill(step(archive, plain)), 'archives that were made meanwhile');
      t.equal(step(SAME, plain, 'old'), '', 'when it has moved');
      t.equal(
        sh('find old -type f | wc -l', { cwd: m.lower[0] ?? '' }),
        '0',
        'the old storage has no file left',
      );

      step(
        'rsync -aHAX old/ rsync/; cp -al old linked; mkdir tar; tar -C old --acls --xattrs -cf - . | tar -C tar --acls --xattrs -xpf -',
      );
      for (const copy of ['rsync', 'tar', 'linked']) t.equal(step(SAME, plain, copy), '', copy);
      const LISTS = 'while test -e old; do find old linked >/dev/null 2>&1; ls -lR rsync >/dev/null; done';
      const listed = background(t, m.mnt, LISTS);
      step('rm -r old/usr & rm -r linked; wait; rm -r old');
      t.equal(await listed, 0);
      t.equal(step('ls'), 'rsync\ntar');
      t.equal(step(SAME, plain, 'rsync'), '', 'what was not removed');
      step(
        'find tar -mindepth 1 -depth -name "*al*" -exec mv {} {}.moved \\; ; find tar -mindepth 1 -depth -name "*.moved" -exec bash -c \'mv "$1" "$(dirname "$1")/$(basename "$1" .moved)"\' bash {} \\;',
      );
      t.equal(step(SAME.replace('-aHAX', '-rlpgoDHAX'), plain, 'tar'), '', 'all renamed, and back');
      step('rm -rf rsync tar');
      t.equal(run('ls', ['-A', m.mnt]).stdout.toString(), '');
      assertHealthy(t, m);
    },
  );
}
