// Defect 17: two threads that looked up the same new name were given a freed node, and every stat leaked. Defect 18: renames freed paths
// that other threads were reading, and a file that vanished between create and look-up brought the daemon down.

import { spawn } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { errnoOf } from './defects-support.ts';
import { cleanEnv, isAlive, type Mounted, mountTest } from './support.ts';

/** Resident memory of the daemon in KiB. */
function resident(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
}

const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

function statAndDelete(m: Mounted, count: number): void {
  for (const layer of [m.lower[0] as string, m.upper]) {
    for (let i = 0; i < count / 2; i++)
      writeFileSync(`${layer}/${layer === m.upper ? 'new' : 'old'}-file-${i}`, '');
  }
  for (const age of ['old', 'new']) {
    for (let i = 0; i < count / 2; i++) {
      const path = `${m.mnt}/${age}-file-${i}`;
      statSync(path);
      unlinkSync(path);
    }
  }
}

await mountTest(
  t,
  '17: looking at files and deleting them leaves nothing behind',
  { root: true, backing: 'tmpfs', options: 'threads=1' },
  (t, m) => {
    const sizes: number[] = [];
    statAndDelete(m, 6000);
    const open = descriptors(m.daemonPid);
    // JavaScript's own heap settles within a few rounds. A leak of a node with its name is 180 bytes for each file at least, 3.2 MB in
    // any three rounds.
    let grown = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 14 && grown > 1000; round++) {
      sizes.push(resident(m.daemonPid));
      if (round >= 3) grown = (sizes[round] as number) - (sizes[round - 3] as number);
      if (grown > 1000) statAndDelete(m, 6000);
    }
    t.ok(grown <= 1000, `three rounds of 6000 files and no growth: ${sizes.join(' ')} KiB`);
    t.ok(descriptors(m.daemonPid) <= open + 2, 'nor are descriptors kept');
    t.same(readdirSync(m.mnt), []);
  },
);

/** Runs a script of JavaScript beside the test; `m` is the mount, `lower` the old storage, `me` the process's number among its like. */
function beside(m: Mounted, body: string, me = 0): Promise<number | null> {
  const script = `
    const fs = require('fs');
    const [m, lower, me] = process.argv.slice(1);
    const attempt = (act) => { try { return act(); } catch (error) { return error.code; } };
    ${body}`;
  const child = spawn(process.execPath, ['-e', script, m.mnt, m.lower[0] as string, `${me}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
    cwd: '/',
    env: cleanEnv(),
  });
  return new Promise((done) => child.once('exit', done));
}

await mountTest(
  t,
  '17: one object for all who look a new name up at once',
  { root: true, backing: 'tmpfs', options: 'cache=none,threads=8' },
  async (t, m) => {
    for (let i = 0; i < 400; i++) writeFileSync(`${m.lower[0]}/f${i}`, `${i}`);
    const look = `
      const seen = [];
      for (let round = 0; round < 3; round++) {
        for (let i = 0; i < 400; i++) {
          const { ino, size } = fs.lstatSync(m + '/f' + i, { bigint: true });
          if (round === 0) seen.push(ino);
          if (seen[i] !== ino || Number(size) !== String(i).length) throw new Error('f' + i + ' has become another file');
          if (fs.readFileSync(m + '/f' + i, 'utf8') !== String(i)) throw new Error('content of f' + i);
        }
      }
      if (new Set(seen).size !== 400) throw new Error('one number for several files');`;
    const ends = await Promise.all([0, 1, 2, 3].map((me) => beside(m, look, me)));
    t.same(ends, [0, 0, 0, 0]);
    t.ok(isAlive(m.daemonPid));
  },
);

await mountTest(
  t,
  '18: names that vanish and move while others use them',
  { root: true, backing: 'tmpfs', options: 'cache=none,threads=8' },
  async (t, m) => {
    for (const dir of ['a', 'b', 'a/x', 'a/x/y']) mkdirSync(`${m.lower[0]}/${dir}`, { recursive: true });
    mkdirSync(`${m.upper}/v`);
    const until = 'const end = Date.now() + 1500; for (let i = 0; Date.now() < end; i++)';
    const scripts = [
      // Made through the mount, deleted behind its back.
      `${until} attempt(() => fs.writeFileSync(m + '/v/new' + (i % 3), 'x'.repeat(i % 5000)))`,
      `${until} attempt(() => fs.unlinkSync(m.replace(/mnt$/, 'upper') + '/v/new' + (i % 3)))`,
      `${until} attempt(() => fs.mkdirSync(m + '/v/dir' + (i % 3)))`,
      `${until} attempt(() => fs.rmdirSync(m.replace(/mnt$/, 'upper') + '/v/dir' + (i % 3)))`,
      // Read below directories that are renamed.
      `${until} attempt(() => i % 2 ? fs.renameSync(m + '/a/x', m + '/b/x') : fs.renameSync(m + '/b/x', m + '/a/x'))`,
      `${until} attempt(() => fs.appendFileSync(m + (i % 2 ? '/a' : '/b') + '/x/y/f' + i % 7, '1'))`,
      `${until} attempt(() => fs.readdirSync(m + (i % 2 ? '/b' : '/a') + '/x/y').map((name) =>
         attempt(() => fs.lstatSync(m + (i % 2 ? '/b' : '/a') + '/x/y/' + name))))`,
    ];
    const ends = await Promise.all(scripts.map((script, me) => beside(m, script, me)));
    t.same(
      ends,
      scripts.map(() => 0),
    );
    t.ok(isAlive(m.daemonPid), 'the daemon lives');
    t.equal(
      errnoOf(() => writeFileSync(`${m.mnt}/v/after`, 'all')),
      'ok',
      'and serves',
    );
    t.equal(readFileSync(`${m.upper}/v/after`, 'utf8'), 'all');
    t.equal(
      [`${m.mnt}/a/x`, `${m.mnt}/b/x`].filter((dir) => errnoOf(() => lstatSync(dir)) === 'ok').length,
      1,
    );
    rmSync(`${m.mnt}/v`, { recursive: true });
    t.notMatch(m.log(), /level=error/);
  },
);
