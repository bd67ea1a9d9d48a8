// Defect 5: with the new storage full, a copy-up went round for ever at 100 % CPU, and the opener could not be killed.
// Defect 25, truncate(2): it cut the old file in place, before or without a copy.

import { spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { errnoOf, leftovers, pathsIn, truncatePath } from './defects-support.ts';
import {
  cleanEnv,
  describe,
  hashOf,
  type Mounted,
  mountTest,
  run,
  sh,
  treeDigest,
  until,
} from './support.ts';

const MB = 1 << 20;
const content = (size: number): Buffer => randomFillSync(Buffer.allocUnsafe(size));

/** Opens for appending in a process of its own, as users do. @returns what it said, and how long it took */
function append(path: string): { said: string; ms: number } {
  const start = Date.now();
  const done = run('bash', ['-c', 'echo more >>"$1"', 'bash', path], { timeout: 20_000 });
  return { said: done.stderr.toString() || (done.signal ?? `status ${done.status}`), ms: Date.now() - start };
}

/** User and system time of the daemon so far, in clock ticks. */
function ticks(pid: number): number {
  const words = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /, '')
    .split(' ');
  return Number(words[11]) + Number(words[12]);
}

/** Asked again and again: whether the daemon has done next to nothing for 300 ms. */
function atRest(pid: number): () => boolean {
  let [spent, since] = [ticks(pid), Date.now()];
  return () => {
    if (Date.now() - since < 300) return false;
    const before = spent;
    [spent, since] = [ticks(pid), Date.now()];
    return spent - before < 3;
  };
}

const free = (path: string): number => statfsSync(path).bavail * statfsSync(path).bsize;

for (const upperBacking of ['tmpfs', 'ext4'] as const) {
  const options = { root: true, upperBacking, size: '12M' };
  await mountTest(t, `5: copy-up onto a full ${upperBacking}`, options, async (t, m) => {
    const lower = m.lower[0] as string;
    mkdirSync(`${lower}/d/e`, { recursive: true });
    writeFileSync(`${lower}/d/e/big`, content(20 * MB));
    writeFileSync(`${lower}/d/e/small`, content(2 * MB));
    const before = treeDigest(lower);
    sh('cat "$1"/d/e/* >/dev/null', { args: [m.mnt] });
    writeFileSync(`${m.upper}/ballast`, content(MB));
    const room = free(m.upper);
    for (let round = 0; round < 2; round++) {
      const { said, ms } = append(`${m.mnt}/d/e/big`);
      t.match(said, /No space left on device/, `refused after ${ms} ms`);
      t.ok(ms < 10_000, 'at once');
    }
    await until('the daemon comes to rest', atRest(m.daemonPid));
    t.same(treeDigest(lower), before, 'the old storage is as it was');
    t.same(
      pathsIn(m.upper).filter((path) => /big|small/.test(path)),
      [],
      'no part of it is on the new one',
    );
    t.same(leftovers(m.upper), []);
    sh('sync -f "$1"', { args: [m.upper] });
    // Directories may have come up, and ext4 keeps what is freed until its journal is through.
    await until('room is given back', () => room - free(m.upper) < MB / 2);

    const filled = run('dd', ['if=/dev/zero', `of=${m.upper}/ballast`, 'bs=64k']);
    t.not(filled.status, 0, 'full to the brim');
    t.match(append(`${m.mnt}/d/e/small`).said, /No space left on device/);
    t.equal(
      errnoOf(() => truncatePath(`${m.mnt}/d/e/small`, MB)),
      'ENOSPC',
      '25: truncate(2), keeping a part',
    );
    t.equal(
      errnoOf(() => truncatePath(`${m.mnt}/d/e/big`, 19 * MB)),
      'ENOSPC',
    );
    t.same(treeDigest(lower), before, '25: the old file is not cut');

    rmSync(`${m.upper}/ballast`);
    sh('sync -f "$1"', { args: [m.upper] });
    const whole = hashOf(`${lower}/d/e/small`);
    t.equal(append(`${m.mnt}/d/e/small`).said, 'status 0', 'with room, it is copied');
    truncatePath(`${m.mnt}/d/e/small`, 2 * MB);
    t.equal(hashOf(`${m.upper}/d/e/small`), whole);
    t.same(pathsIn(lower), ['d', 'd/e', 'd/e/big']);
    t.equal(
      errnoOf(() => closeSync(openSync(`${m.mnt}/d/e/big`, 'r+'))),
      'ENOSPC',
      'the other still has none',
    );
  });
}

const withBig = (m: { lower: string[] }) => writeFileSync(`${m.lower[0]}/big`, content(64 * MB));

await mountTest(
  t,
  '5: who opens a big file can be killed',
  { root: true, prepare: withBig },
  async (t, m) => {
    const lower = m.lower[0] as string;
    const whole = hashOf(`${lower}/big`);
    for (const delay of [3, 12, 30]) {
      const opener = spawn('bash', ['-c', 'exec 3>>"$1"; sleep 60', 'bash', `${m.mnt}/big`], {
        stdio: 'ignore',
        cwd: '/',
        env: cleanEnv(),
      });
      await sleep(delay);
      const asked = Date.now();
      const gone = new Promise((done) => opener.once('exit', done));
      opener.kill('SIGKILL');
      await gone;
      t.ok(Date.now() - asked < 5000, `gone after ${Date.now() - asked} ms`);
      isEither(t, m, whole);
    }
    t.same(leftovers(m.upper), []);
  },
);

/** The file is whole, in one of the layers, and nothing of it in the other. */
function isEither(t: Test, m: Mounted, whole: string) {
  const where = [`${m.lower[0]}/big`, `${m.upper}/big`].filter(
    (path) => errnoOf(() => lstatSync(path)) === 'ok',
  );
  t.equal(where.length, 1, `in one layer: ${where}`);
  t.equal(hashOf(where[0] as string), whole, 'and whole');
}

await mountTest(
  t,
  '25: a daemon that dies while it copies',
  { root: true, prepare: withBig },
  async (t, m) => {
    const whole = hashOf(`${m.lower[0]}/big`);
    for (const [round, delay] of [5, 40, 80].entries()) {
      const script = round % 2 ? `perl -e 'truncate(shift, 50 << 20)' "$1"` : 'exec 3>>"$1"';
      spawn('bash', ['-c', script, 'bash', `${m.mnt}/big`], { stdio: 'ignore', cwd: '/', env: cleanEnv() });
      await sleep(delay);
      await m.kill9();
      if (lstatSync(`${m.mnt}/../lower/big`, { throwIfNoEntry: false })) {
        t.equal(hashOf(`${m.lower[0]}/big`), whole, 'the old file is whole');
      } else {
        const size = lstatSync(`${m.upper}/big`).size;
        t.ok(size === 64 * MB || size === 50 * MB, `or the new one is: ${size}`);
        break;
      }
      await m.remount();
      t.equal(lstatSync(`${m.mnt}/big`).size, 64 * MB);
      t.same(leftovers(m.upper), [], 'nothing is left over');
    }
  },
);

await mountTest(
  t,
  '25: truncate(2) by path copies, and leaves the old file alone',
  { root: true },
  (t, m) => {
    const [lower, data] = [m.lower[0] as string, content(100_000)];
    const cases: Record<string, [size: number, cut: (path: string, size: number) => void]> = {
      shorter: [70_001, truncatePath],
      longer: [200_000, truncatePath],
      empty: [0, truncatePath],
      same: [100_000, truncatePath],
      'by descriptor': [
        333,
        (path, size) => {
          const fd = openSync(path, 'r+');
          ftruncateSync(fd, size);
          closeSync(fd);
        },
      ],
      O_TRUNC: [0, (path) => closeSync(openSync(path, 'w'))],
    };
    for (const [name, [size, cut]] of Object.entries(cases)) {
      const old = `${lower}/${name}`;
      writeFileSync(old, data, { mode: 0o640 });
      const held = openSync(old, 'r');
      const before = describe(old);
      cut(`${m.mnt}/${name}`, size);
      t.equal(fstatSync(held).size, 100_000, `${name}: who reads the old file itself still has all of it`);
      t.ok(readFileSync(held).equals(data));
      closeSync(held);
      const wanted = Buffer.concat([data, Buffer.alloc(100_000)]).subarray(0, size);
      t.ok(readFileSync(`${m.upper}/${name}`).equals(wanted), 'the copy has its head, then zeros');
      t.ok(readFileSync(`${m.mnt}/${name}`).equals(wanted));
      t.match(describe(`${m.upper}/${name}`), { mode: before.mode, owner: before.owner, type: 'file' });
    }
    t.same(pathsIn(lower), [], 'all have left');
  },
);
