// `locks=cluster`: programs that count under a lock, on two hosts at once, lose nothing; also with what the kernels have cached.

import { writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { type Cluster, clusterTest } from './cluster.ts';
import { must, sh } from './tools.ts';

const ROUNDS = 25;

/** Runs a script in the background twice on each mount, $1 being the mount, and waits for all. */
const everywhere = (m: Cluster, script: string) =>
  sh(
    `for mnt in "$1" "$2" "$1" "$2"; do bash -euo pipefail -c "$3" bash "$mnt" & pids+=($!); done
     for pid in "\${pids[@]}"; do wait "$pid"; done`,
    { args: [m.mnt, m.other, script], timeout: 100_000 },
  );

const prepare = ({ lower }: { lower: string[] }) => {
  writeFileSync(`${lower[0]}/counter`, '0\n');
  writeFileSync(`${lower[0]}/lock`, '');
  must('sqlite3', [`${lower[0]}/db`, 'create table c (n integer); insert into c values (0)']);
};

function counts(t: Test, m: Cluster) {
  everywhere(
    m,
    `for i in {1..${ROUNDS}}; do flock "$1/lock" bash -c 'n=$(cat "$1/counter"); echo $((n + 1)) > "$1/counter"' bash "$1"; done`,
  );
  for (const place of [m.mnt, m.other]) {
    t.equal(must('flock', [`${place}/lock`, 'cat', `${place}/counter`]), `${4 * ROUNDS}`, 'flock(1)');
  }
  // It moves before the other host sees it: a file that another host moves is another one here, and sqlite refuses a database that is.
  must('sqlite3', [`${m.mnt}/db`, 'update c set n = 0']);
  everywhere(
    m,
    `for i in {1..${ROUNDS}}; do sqlite3 -cmd '.timeout 60000' "$1/db" 'begin immediate; update c set n = n + 1; commit'; done`,
  );
  for (const place of [m.mnt, m.other]) {
    t.equal(must('sqlite3', [`${place}/db`, 'select n from c; pragma integrity_check']), `${4 * ROUNDS}\nok`);
  }
  t.notMatch(m.here.log() + m.otherLog(), /level=error/);
}

for (const threads of [1, 8]) {
  const options = { prepare, needs: ['flock', 'sqlite3'], options: `threads=${threads}` };
  await clusterTest(t, `counting on two hosts, ${threads} workers`, options, counts);
}
