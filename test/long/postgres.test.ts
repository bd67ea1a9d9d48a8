// PostgreSQL on a mount: a database that was made on the old storage goes on there, moves up as it is written, is killed
// in the middle of its work and recovers, loses nothing that it has confirmed, and is sound after the migration.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import {
  type Backing,
  cleanEnv,
  type Mounted,
  mountTest,
  must,
  sh,
  until,
  whereIs,
} from '../mounted/support.ts';
import { assertHealthy, limit, scaled } from './support.ts';

/** Whom the server runs as: it refuses root, and wants an account. */
const NOBODY = 65534;

const versions = () => {
  try {
    return readdirSync('/usr/lib/postgresql');
  } catch {
    return [];
  }
};
const BIN = `/usr/lib/postgresql/${versions().sort().at(-1) ?? 'N'}/bin`;

/** Its socket lies in the database's own directory, so on the mount. */
const SETTINGS = `shared_buffers = 16MB
max_wal_size = 64MB
checkpoint_timeout = 30s
listen_addresses = ''
log_min_messages = warning
`;

class Server {
  readonly data: string;
  constructor(data: string) {
    this.data = data;
  }
  #as(name: string, args: string[], env: Record<string, string> = {}): string[] {
    const who = ['--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups'];
    const more = Object.entries({ PGHOST: this.data, PGUSER: 'test', PGDATABASE: 'postgres', ...env });
    return [...who, 'env', ...more.map(([key, value]) => `${key}=${value}`), `${BIN}/${name}`, ...args];
  }
  do(name: string, ...args: string[]): string {
    return must('setpriv', this.#as(name, args), { cwd: this.data, timeout: limit(120_000) });
  }
  sql(...texts: string[]): string {
    const commands = texts.flatMap((text) => ['-c', text]);
    return this.do('psql', '-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1', ...commands);
  }
  init(): void {
    mkdirSync(this.data, { mode: 0o700 });
    chownSync(this.data, NOBODY, NOBODY);
    this.do(
      'initdb',
      '-D',
      this.data,
      '-U',
      'test',
      '-A',
      'trust',
      '--data-checksums',
      '-E',
      'UTF8',
      '--locale=C',
    );
    sh('cat >>"$1"/postgresql.conf; echo "unix_socket_directories = \'.\'" >>"$1"/postgresql.conf', {
      args: [this.data],
      input: SETTINGS,
    });
  }
  start(): void {
    this.do('pg_ctl', '-D', this.data, '-l', `${this.data}/log`, '-w', '-t', '60', 'start');
  }
  stop(mode: 'fast' | 'immediate' = 'fast'): void {
    this.do('pg_ctl', '-D', this.data, '-w', '-t', '60', '-m', mode, 'stop');
  }
  /** A pgbench run in the background. Its log has a line for each transaction that was confirmed. */
  bench(seconds: number): Promise<unknown> {
    const args = ['-n', '-c', '4', '-j', '2', '-T', `${seconds}`, '-l', '--log-prefix', `${this.data}/bench`];
    const child = spawn('setpriv', this.#as('pgbench', args), {
      cwd: this.data,
      env: cleanEnv(),
      stdio: 'ignore',
    });
    return once(child, 'exit');
  }
  /** Transactions that pgbench was told have been made. */
  confirmed(): number {
    const logs = readdirSync(this.data).filter((name) => name.startsWith('bench.'));
    return logs.reduce(
      (sum, name) => sum + readFileSync(`${this.data}/${name}`, 'latin1').split('\n').length - 1,
      0,
    );
  }
  /** The sums of pgbench's tables, which agree after whole transactions, and how many there were. */
  sums(): { sums: string[]; transactions: number } {
    const [accounts, tellers, branches, history, transactions] = this.sql(
      `select (select sum(abalance) from pgbench_accounts), (select sum(tbalance) from pgbench_tellers),
              (select sum(bbalance) from pgbench_branches), (select coalesce(sum(delta), 0) from pgbench_history), (select count(*) from pgbench_history)`,
    ).split('|') as [string, string, string, string, string];
    return { sums: [...new Set([accounts, tellers, branches, history])], transactions: Number(transactions) };
  }
  assertSound(t: Test, what: string): void {
    const { sums, transactions } = this.sums();
    t.equal(sums.length, 1, `${what}: whole transactions`);
    const confirmed = this.confirmed();
    t.ok(transactions >= confirmed, `${what}: ${transactions} transactions, ${confirmed} confirmed`);
    t.equal(
      this.do('pg_amcheck', '--heapallindexed', '--install-missing'),
      '',
      `${what}: tables and indexes`,
    );
  }
}

async function database(t: Test, backing: Backing, threads: number): Promise<void> {
  await mountTest(
    t,
    `PostgreSQL on ${backing}, ${threads} workers`,
    {
      backing,
      size: '3G',
      options: `threads=${threads}`,
      needs: [`${BIN}/initdb`, `${BIN}/pg_amcheck`],
      root: true,
      timeout: limit(400_000),
      prepare: ({ lower: [a = ''] }) => {
        const server = new Server(`${a}/db`);
        server.init();
        server.start();
        server.do('pgbench', '-i', '-q', '-s', `${scaled(3)}`);
        server.stop();
      },
    },
    (t, m) => work(t, m),
  );
}

async function work(t: Test, m: Mounted): Promise<void> {
  const server = new Server(`${m.mnt}/db`);
  t.teardown(() => {
    try {
      server.stop('immediate');
    } catch {
      // it was stopped already
    }
  });
  server.start();
  const settled = server.bench(scaled(6));
  await settled;
  t.ok(server.confirmed() > 0, 'it works');
  server.assertSound(t, 'after work');
  t.equal(whereIs(m, 'db/PG_VERSION'), 'lower', 'what was only read has stayed');
  for (const round of ['first', 'second']) {
    const before = server.confirmed();
    const cut = server.bench(scaled(30));
    await until('transactions', () => server.confirmed() > before + 20, limit(60_000));
    server.stop('immediate');
    await cut;
    server.start();
    server.assertSound(t, `after the ${round} crash`);
  }
  server.sql(
    'vacuum full',
    'reindex database postgres',
    'cluster pgbench_accounts using pgbench_accounts_pkey',
  );
  server.sql(
    'create table wide as select n, repeat(md5(n::text), 200) as text from generate_series(1, 3000) n',
  );
  server.sql('create index concurrently on wide (md5(text))', 'drop table wide', 'checkpoint');
  mkdirSync(`${m.mnt}/backup`);
  chownSync(`${m.mnt}/backup`, NOBODY, NOBODY);
  server.do('pg_basebackup', '-D', `${m.mnt}/backup`, '-c', 'fast');
  server.do('pg_verifybackup', '-n', `${m.mnt}/backup`);
  server.assertSound(t, 'after it was rewritten');
  const { transactions } = server.sums();
  server.stop();
  server.do('pg_checksums', '--check', '-D', server.data);
  t.equal(whereIs(m, 'db/global/pg_control'), 'upper');
  assertHealthy(t, m);

  sh('find . -xdev -type f -exec sh -c \'for f; do : >>"$f"; done\' sh {} +', { cwd: m.mnt });
  await m.unmount();
  t.equal(
    sh('find . -path ./.migratefs -prune -o -type f -print', { cwd: m.lower[0] ?? '' }),
    '',
    'all has moved',
  );
  sh('rsync -aHAX --ignore-existing --exclude=/.migratefs "$1"/ "$2"/', {
    args: [m.lower[0] ?? '', m.upper],
  });
  const moved = new Server(`${m.upper}/db`);
  moved.do('pg_checksums', '--check', '-D', moved.data);
  moved.start();
  moved.assertSound(t, 'on the new storage itself');
  t.equal(moved.sums().transactions, transactions);
  moved.stop();
}

await database(t, 'ext4', 8);
await database(t, 'xfs', 1);
