// What mail, news and file servers do, as dbench, bonnie++, postmark and fs_mark play it; each ends with an error at the
// first answer that it does not expect. Their directory lies on the old storage and has files of theirs there already.

import t from 'tap';
import { type Backing, mountTest, run, sh } from '../mounted/support.ts';
import { assertHealthy, limit, scaled } from './support.ts';

interface Program {
  name: string;
  /** Runs in the directory; its standard output and error must not match `wrong`. */
  script: string;
  wrong: RegExp;
}

const PROGRAMS: Program[] = [
  {
    name: 'dbench',
    script: `dbench -t ${scaled(8)} -c /usr/share/dbench/client.txt 4`,
    // Of the semaphore it complains when its identifier is 0, as the first of a machine is (semget(2)), and uses it.
    wrong: /failed(?! to create barrier)|fatal|[Ee]rror|No such file/,
  },
  {
    name: 'bonnie++',
    script: `bonnie++ -d . -u "$(id -u):$(id -g)" -r 8 -s 16M:8k -f1 -n 1:20000:10:4 -q`,
    wrong: /[Cc]an't|[Ee]rror|[Ff]ailed|Bonnie: drastic/,
  },
  {
    name: 'postmark',
    script: `printf 'set location .\\nset number ${scaled(500)}\\nset transactions ${scaled(1000)}\\nset subdirectories 20\\nset size 10 40000\\nset bias create 5\\nrun\\nquit\\n' | postmark`,
    wrong: /Error|cannot|[Ff]ailed/,
  },
  {
    name: 'fs_mark',
    script: `fs_mark -d files -n ${scaled(100)} -s 12000 -t 4 -S 3 -D 8 -L 2; rm -r files`,
    wrong: /failed|[Ee]rror/,
  },
];

const cases: { backing: Backing; threads: number }[] = [
  { backing: 'ext4', threads: 8 },
  { backing: 'xfs', threads: 1 },
  { backing: 'tmpfs', threads: 2 },
];

for (const [i, { name, script, wrong }] of PROGRAMS.entries()) {
  // Each on two of the three, in turn.
  for (const { backing, threads } of cases.filter((_, k) => k !== i % cases.length)) {
    await mountTest(
      t,
      `${name} on ${backing}, ${threads} workers`,
      {
        backing,
        options: `threads=${threads}`,
        needs: [name],
        timeout: limit(200_000),
        prepare: ({ lower: [a = ''] }) =>
          void sh('mkdir -p old/clients old/files; seq 1000 >old/clients/there; seq 1000 >old/files/there', {
            cwd: a,
          }),
      },
      (t, m) => {
        const done = run('bash', ['-euo', 'pipefail', '-c', `exec 2>&1; ${script}`], {
          cwd: `${m.mnt}/old`,
          timeout: limit(180_000),
        });
        const said = done.stdout.toString();
        t.equal(done.status, 0, said.slice(-1000));
        const complaint = said.split('\n').find((line) => wrong.test(line));
        t.equal(complaint, undefined, complaint ?? 'no complaint');
        assertHealthy(t, m);
      },
    );
  }
}
