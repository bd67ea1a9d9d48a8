// SQLite: several writers at once, in every journal mode, on a database of the old storage; a writer that is killed in the
// middle of a transaction; the database sound and whole at every moment.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { type Backing, cleanEnv, mountTest, sh, until, whereIs } from '../mounted/support.ts';
import { assertHealthy, limit, scaled } from './support.ts';

const WRITERS = 4;

/** One writer: `$1` transactions, each of which moves an amount from one account to another and notes it. */
const WRITER = `for i in $(seq "$1"); do
  echo "begin immediate; update account set balance = balance - $i where id = (abs(random()) % 50);
    update account set balance = balance + $i where id = (abs(random()) % 50);
    insert into note select $2, $i, changes(), randomblob(abs(random()) % 3000); commit;"
done | sqlite3 -bail -cmd '.timeout 60000' db`;

const MAKE = `pragma journal_mode=%; create table account(id integer primary key, balance integer not null);
  create table note(writer integer, n integer, changed integer, data); create index notes on note(writer, n);
  create index sizes on note(length(data));
  with recursive c(x) as (select 0 union all select x + 1 from c where x < 49) insert into account select x, 100 from c;`;

function writer(dir: string, transactions: number, number: number): ChildProcess {
  const args = ['-euo', 'pipefail', '-c', WRITER, 'bash', `${transactions}`, `${number}`];
  return spawn('bash', args, { cwd: dir, env: cleanEnv(), stdio: 'ignore', detached: true });
}

const check = (dir: string, sql: string) =>
  sh(`sqlite3 -cmd '.timeout 60000' db "$1"`, { cwd: dir, args: [sql], timeout: limit(60_000) });

const cases: { mode: string; backing: Backing; threads: number }[] = [
  { mode: 'wal', backing: 'ext4', threads: 8 },
  { mode: 'wal', backing: 'xfs', threads: 1 },
  { mode: 'delete', backing: 'btrfs', threads: 8 },
  { mode: 'truncate', backing: 'tmpfs', threads: 2 },
  { mode: 'persist', backing: 'ext4', threads: 4 },
];

for (const { mode, backing, threads } of cases) {
  await mountTest(
    t,
    `sqlite3, journal_mode=${mode} on ${backing}, ${threads} workers`,
    {
      backing,
      options: `threads=${threads}`,
      needs: ['sqlite3'],
      timeout: limit(200_000),
      prepare: ({ lower: [a = ''] }) => void sh('sqlite3 db', { cwd: a, input: MAKE.replace('%', mode) }),
    },
    async (t, m) => {
      const count = scaled(50);
      const writers = Array.from({ length: WRITERS }, (_, i) => writer(m.mnt, count, i));
      t.teardown(() => {
        for (const { pid, exitCode, signalCode } of writers) {
          if (pid && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL');
        }
      });
      const ends = await Promise.all(writers.map((child) => once(child, 'exit')));
      t.same(ends, Array(WRITERS).fill([0, null]), 'all writers have done all that they were to do');
      t.equal(
        check(m.mnt, 'pragma integrity_check; select writer, count(*), max(n) from note group by writer'),
        ['ok', ...Array.from({ length: WRITERS }, (_, i) => `${i}|${count}|${count}`)].join('\n'),
      );
      t.equal(whereIs(m, 'db'), 'upper');

      const killed = writer(m.mnt, 100_000, WRITERS);
      writers.push(killed);
      const gone = once(killed, 'exit');
      await until(
        'work',
        () => Number(check(m.mnt, `select count(*) from note where writer = ${WRITERS}`)) > 5,
      );
      process.kill(-(killed.pid as number), 'SIGKILL');
      await gone;
      t.equal(
        check(m.mnt, `pragma integrity_check; select count(*) = max(n) from note where writer = ${WRITERS}`),
        'ok\n1',
        'a killed writer leaves whole transactions',
      );
      check(m.mnt, 'delete from note where n % 2; vacuum; reindex; analyze');
      t.equal(check(m.mnt, 'pragma integrity_check'), 'ok');
      const dump = sh('sqlite3 db .dump | sha256sum', { cwd: m.mnt });
      assertHealthy(t, m);
      await m.unmount();
      t.equal(sh('sqlite3 db .dump | sha256sum', { cwd: m.upper }), dump, 'on the new storage itself');
    },
  );
}
