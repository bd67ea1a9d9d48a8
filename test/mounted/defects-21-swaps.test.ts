// Defect 21: every operation walked a path of several names as root and followed symlinks in the middle of it; the source was deleted
// by its path, whatever was there by then.

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { errnoOf, NOBODY, pathsIn } from './defects-support.ts';
import {
  cleanEnv,
  isAlive,
  type Mounted,
  type MountTestOptions,
  mountTest,
  must,
  run,
  sh,
  treeDigest,
  type User,
} from './support.ts';

const ROOT: User = { uid: 0, gid: 0 };
const FILES = ['f', 'g', 'sub/f', 'sub/g'];
const MARK = 'VICTIM';

/** Root's, with the names that are in the swapped directory; outside the layers. */
function makeVictim(dir: string): string {
  const victim = `${dir}/victim`;
  mkdirSync(`${victim}/sub/empty`, { recursive: true });
  for (const name of FILES) writeFileSync(`${victim}/${name}`, `${MARK} ${name}\n`, { mode: 0o600 });
  return victim;
}

/** Runs until it is killed: the directory `dir` is now one, with its files, now a symlink to the victim. */
const SWAP = `
const fs = require('fs');
const [layer, victim] = process.argv.slice(1);
const attempt = (act) => { try { act(); } catch {} };
const wait = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
const fill = (dir) => {
  fs.mkdirSync(dir + '/sub/empty', { recursive: true });
  for (const name of ${JSON.stringify(FILES)}) fs.writeFileSync(dir + '/' + name, 'old ' + name);
};
for (let i = 0; ; i++) {
  const [dir, aside] = [layer + '/u/dir', layer + '/u/aside'];
  attempt(() => fill(dir));
  wait(i % 13);
  attempt(() => fs.renameSync(dir, aside));
  attempt(() => fs.symlinkSync(victim, dir));
  wait(i % 3);
  attempt(() => fs.unlinkSync(dir));
  if (i % 3) attempt(() => fs.renameSync(aside, dir));
  else attempt(() => fs.rmSync(aside, { recursive: true }));
  attempt(() => fs.symlinkSync(victim + '/sub', dir + '/sub.new'));
  attempt(() => fs.renameSync(dir + '/sub', dir + '/sub.old'));
  attempt(() => fs.renameSync(dir + '/sub.new', dir + '/sub'));
  wait(i % 2);
  attempt(() => fs.unlinkSync(dir + '/sub'));
  attempt(() => fs.renameSync(dir + '/sub.old', dir + '/sub'));
}`;

/**
 * Rounds of all that changes something. The way through the mount is never followed through a symlink here, by going into the
 * directory first and looking where that is: what is then reached outside, the daemon has reached.
 */
const USE = `
const fs = require('fs');
const { O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_NOFOLLOW } = fs.constants;
const [mnt, other, rounds] = process.argv.slice(1);
const counts = {};
const attempt = (name, act) => {
  let result = 'ok';
  try { act(); } catch (error) { result = error.code; if (!result) throw error; }
  counts[name + ' ' + result] = (counts[name + ' ' + result] ?? 0) + 1;
};
const enter = (dir) => {
  try { process.chdir(dir); return process.cwd() === dir; } catch { return false; }
};
const open = (name, flags) => fs.closeSync(fs.openSync(name, flags | O_NOFOLLOW));
const end = Date.now() + 20_000;
// A busy machine may need more of them until enough have met a directory.
for (let i = 0; i < Number(rounds) || ((counts['write ok'] ?? 0) < 5 && Date.now() < end); i++) {
  // What has come up covers the swapped directory: away with it, so that each round begins with what is swapped.
  process.chdir('/');
  try { fs.rmSync(other + '/u/dir', { recursive: true, force: true }); } catch {}
  const dir = mnt + '/u/dir' + (i % 2 ? '/sub' : '');
  if (!enter(dir)) { attempt('enter', () => { throw Object.assign(new Error(), { code: 'refused' }); }); continue; }
  const name = 'fg'[(i >> 1) % 2];
  attempt('write', () => open(name, O_RDWR));
  attempt('truncate', () => open(name, O_WRONLY | O_TRUNC));
  attempt('create', () => open('f', O_WRONLY | O_CREAT));
  attempt('lchown', () => fs.lchownSync(name, process.getuid(), process.getgid()));
  attempt('lutimes', () => fs.lutimesSync(name, 1, 1));
  attempt('rename', () => fs.renameSync(name, 'moved'));
  attempt('rename over', () => fs.renameSync('f', 'g'));
  attempt('link', () => fs.linkSync(name, 'linked' + i));
  attempt('unlink', () => fs.unlinkSync(name));
  attempt('unlink g', () => fs.unlinkSync('g'));
  attempt('rmdir', () => fs.rmdirSync('empty'));
  attempt('rename directory', () => fs.renameSync('sub', 'sub2'));
  attempt('mkdir', () => fs.mkdirSync('empty'));
}
process.chdir('/');
console.log(JSON.stringify(counts));`;

function asUser({ uid, gid }: User, script: string, args: string[]): [command: string, args: string[]] {
  const who = ['--reuid', `${uid}`, '--regid', `${gid}`, '--clear-groups', '--', process.execPath];
  return ['setpriv', [...who, '-e', script, ...args]];
}

/** Users' directory `u` is NOBODY's in each layer that is given. */
function makePlayground(layers: string[]): void {
  for (const layer of layers) sh(`mkdir "$1/u"; chown ${NOBODY.uid}:${NOBODY.gid} "$1/u"`, { args: [layer] });
}

for (const [side, user] of [
  ['lower', ROOT],
  ['lower', NOBODY],
  ['upper', ROOT],
] as const) {
  const who = user === ROOT ? 'root' : 'the user';
  const options = {
    root: true,
    backing: 'tmpfs',
    needs: ['setpriv'],
    options: 'cache=none',
  } satisfies MountTestOptions;
  await mountTest(
    t,
    `21: a directory of the ${side} layer is swapped while ${who} works in it`,
    options,
    async (t, m) => {
      const victim = makeVictim(m.dir);
      const before = treeDigest(victim);
      makePlayground([m.lower[0] as string, m.upper]);
      const layers = [m.lower[0] as string, m.upper] as const;
      const [native, other] = side === 'lower' ? layers : [layers[1], layers[0]];
      const swapper = spawn(...asUser(NOBODY, SWAP, [native, victim]), {
        stdio: 'ignore',
        cwd: '/',
        env: cleanEnv(),
      });
      await sleep(200);
      const counts: Record<string, number> = JSON.parse(use(user, m.mnt, other, 400));
      t.ok(isAlive(swapper.pid as number), 'it was swapped all the while');
      const gone = new Promise((done) => swapper.once('exit', done));
      swapper.kill('SIGKILL');
      await gone;
      for (const act of ['write', 'truncate', 'rename', 'unlink']) {
        t.ok((counts[`${act} ok`] ?? 0) > 3, `${act}: ${counts[`${act} ok`] ?? 0} times it went`);
      }
      t.same(treeDigest(victim), before, 'nothing outside the layers has been touched');
      isNowhere(t, m);
      t.ok(isAlive(m.daemonPid), 'the daemon lives');
      rmSync(`${native}/u/dir`, { recursive: true, force: true });
      t.equal(
        errnoOf(() => writeFileSync(`${m.mnt}/u/after`, 'after')),
        'ok',
      );
    },
  );
}

function use(user: User, mnt: string, other: string, rounds: number): string {
  return must(...asUser(user, USE, [mnt, other, `${rounds}`]), { timeout: 60_000 });
}

/** The victim's content, which its owner alone may read, has not been copied into a layer either. */
function isNowhere(t: Test, m: Mounted): void {
  const found = run('grep', ['-rl', MARK, m.lower[0] as string, m.upper]);
  t.equal(found.stdout.toString(), '', 'nor has its content come in');
}

await mountTest(
  t,
  '21: a symlink in the place of a directory that the mount knows is not followed',
  { root: true, options: 'cache=exclusive' },
  (t, m) => {
    const victim = makeVictim(m.dir);
    const before = treeDigest(victim);
    const [lower, { upper, mnt }] = [m.lower[0] as string, m];
    for (const [i, layer] of [lower, upper].entries()) {
      const dir = `d${i}`;
      mkdirSync(`${layer}/${dir}/sub/empty`, { recursive: true });
      for (const name of FILES) writeFileSync(`${layer}/${dir}/${name}`, `old ${name}`);
      // Known to the kernel and to the mount, for a day; then another way leads to the victim.
      sh('find "$1" -ls >/dev/null; cat "$1"/f "$1"/sub/f >/dev/null', { args: [`${mnt}/${dir}`] });
      sh('mv "$1" "$1.real"', { args: [`${layer}/${dir}`] });
      symlinkSync(victim, `${layer}/${dir}`);
      const script = `cd "$1" || exit 1
        for act in 'exec 3>>f' 'exec 3>g' 'exec 3>>sub/f' 'truncate -s 1 sub/g' 'mv f x' 'mv sub/f f' 'rm -f g' 'rm -rf sub' \
          'chmod 777 f' 'chown ${NOBODY.uid} g' 'touch -d 2001-01-01 f' 'ln f y' 'mkdir new' 'rmdir sub/empty' 'echo >new2'; do
          (eval "$act") 2>/dev/null || true
        done`;
      run('bash', ['-c', script, 'bash', `${mnt}/${dir}`]);
      t.same(treeDigest(victim), before, `${i ? 'new' : 'old'}: untouched`);
      isNowhere(t, m);
      t.notOk(pathsIn(victim).includes('new'));
    }
    t.match(readFileSync(`${victim}/f`, 'utf8'), MARK);
    t.ok(isAlive(m.daemonPid));
  },
);
