// Defects 2 and 4: temporaries had names that a user could foresee in directories of his, and root followed the symlinks that he had put
// there; a longer temporary left over was used again, and garbage followed the end of the published file.

import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { errnoOf, leftovers, NOBODY, pathsIn } from './defects-support.ts';
import { type Mounted, mountTest, sh, treeDigest } from './support.ts';

/** Names that temporaries for `f` have in one program or another. */
const FORESEEABLE = [
  ...[
    'f.migratefs',
    '.f.migratefs',
    '.migratefs.f',
    '.migratefs',
    'migratefs.f',
    '.migratefs_f',
    'f~',
    '#f#',
  ],
  ...['f.tmp', '.f.tmp', 'tmp.f', '.tmp.f', 'f.new', '.f.new', 'f.part', '.f.part', '.f.swp', 'f.lock', '.f'],
  ...['.f.copyup', 'f.copyup', '.fuse_hidden_f', '.nfs_f', '#0', '#1', '.wh.f', 'work', 'tmp', '.tmp', 'f.0'],
];

/** A directory of root's that nobody else may write, and what it must go on holding. */
function makeVictim(dir: string): string {
  const victim = `${dir}/victim`;
  mkdirSync(`${victim}/work`, { recursive: true });
  for (const name of ['passwd', 'work/passwd', 'f']) writeFileSync(`${victim}/${name}`, `root's ${name}\n`);
  return victim;
}

/** Moves an old symlink and an old FIFO over new files, and appends to an old file: all kinds of temporaries. */
function migrateAll(m: Mounted, round: string): void {
  const [lower, dir] = [m.lower[0] as string, `u${round}`];
  mkdirSync(`${lower}/${dir}/deep`, { recursive: true });
  for (const name of ['f', 'deep/f']) writeFileSync(`${lower}/${dir}/${name}`, `old ${name}\n`);
  symlinkSync('target', `${lower}/${dir}/link`);
  sh('mkfifo "$1"', { args: [`${lower}/${dir}/fifo`] });
  appendFileSync(`${m.mnt}/${dir}/f`, 'more\n');
  appendFileSync(`${m.mnt}/${dir}/deep/f`, 'more\n');
  for (const name of ['link', 'fifo']) {
    writeFileSync(`${m.mnt}/${dir}/over`, 'goes away\n');
    renameSync(`${m.mnt}/${dir}/${name}`, `${m.mnt}/${dir}/over`);
    renameSync(`${m.mnt}/${dir}/over`, `${m.mnt}/${dir}/${name}`);
  }
}

function isMigrated(t: Test, m: Mounted, round: string): void {
  const dir = `${m.upper}/u${round}`;
  t.equal(readFileSync(`${dir}/f`, 'utf8'), 'old f\nmore\n');
  t.equal(readFileSync(`${dir}/deep/f`, 'utf8'), 'old deep/f\nmore\n');
  t.equal(readlinkSync(`${dir}/link`), 'target');
  t.ok(lstatSync(`${dir}/fifo`).isFIFO());
  t.same(pathsIn(`${m.lower[0]}/u${round}`), ['deep'], 'all of it has left the old storage');
}

/** Names that come up in the place of temporaries while `act` runs, without the ends that say what they are for. */
async function namesMade(work: string, act: () => void): Promise<string[]> {
  const names = new Set<string>();
  const watcher = watch(work, (_, name) => names.add(String(name).replace(/\.at-[0-9a-f]+$/, '')));
  await sleep(50);
  act();
  await sleep(200);
  watcher.close();
  return [...names];
}

await mountTest(t, '2: symlinks under foreseeable names in a user’s directory', { root: true }, (t, m) => {
  const victim = makeVictim(m.dir);
  const before = treeDigest(victim);
  const dirs = [`${m.lower[0]}/u`, `${m.upper}/u`, `${m.lower[0]}/u/deep`, `${m.upper}/u/deep`];
  for (const dir of dirs) {
    mkdirSync(dir);
    chownSync(dir, NOBODY.uid, NOBODY.gid);
    for (const name of FORESEEABLE) symlinkSync(`${victim}/passwd`, `${dir}/${name}`);
  }
  for (const name of ['f', 'deep/f']) writeFileSync(`${m.lower[0]}/u/${name}`, `mine ${name}\n`);
  for (const name of ['f', 'deep/f']) appendFileSync(`${m.mnt}/u/${name}`, 'more\n');
  renameSync(`${m.mnt}/u/f`, `${m.mnt}/u/deep/g`);
  t.same(treeDigest(victim), before, 'nothing has been followed');
  t.equal(readFileSync(`${m.upper}/u/deep/g`, 'utf8'), 'mine f\nmore\n');
  t.equal(readFileSync(`${m.upper}/u/deep/f`, 'utf8'), 'mine deep/f\nmore\n');
  for (const dir of dirs) {
    const links = FORESEEABLE.filter((name) => readlinkSync(`${dir}/${name}`) === `${victim}/passwd`);
    t.equal(links.length, FORESEEABLE.length, 'his symlinks are where he put them');
  }
});

await mountTest(
  t,
  '2, 4: temporaries cannot be foreseen, and what is left over is not used',
  { root: true },
  async (t, m) => {
    migrateAll(m, '0');
    const work = `${m.upper}/.migratefs/work`;
    for (const path of [`${m.upper}/.migratefs`, work]) {
      const { mode, uid } = lstatSync(path);
      t.match({ mode: mode & 0o7777, uid }, { mode: 0o700, uid: 0 }, 'nobody else can reach them');
    }
    t.same(leftovers(m.upper), [], 'none is left');
    const first = await namesMade(work, () => migrateAll(m, '1'));
    const second = await namesMade(work, () => migrateAll(m, '2'));
    t.ok(first.length >= 4 && second.length >= 4, `names: ${first.length}, ${second.length}`);
    t.same(
      first.filter((name) => second.includes(name)),
      [],
      'none is used twice',
    );
    const random = new Set([...first, ...second].map((name) => name.slice(name.lastIndexOf('.') + 1)));
    t.equal(random.size, first.length + second.length, 'each has random bits of its own');
    for (const bits of random) t.match(bits, /^[0-9a-f]{6,}$/);

    // What an earlier daemon of this host and one of another have left, longer than what is to be copied, and symlinks.
    const victim = makeVictim(m.dir);
    const before = treeDigest(victim);
    const [host] = /^.+(?=(?:\.[^.]+){4}$)/.exec(first[0] as string) ?? [];
    const left = [`${host}.4194305.1.1.aaaaaaaaaaaa`, `elsewhere.1.1.1.bbbbbbbbbbbb`, ...first, ...second];
    for (const [i, name] of left.entries()) {
      if (i % 2) writeFileSync(`${work}/${name}`, 'x'.repeat(100_000));
      else symlinkSync(`${victim}/passwd`, `${work}/${name}`);
    }
    migrateAll(m, '3');
    await m.remount();
    t.notOk(leftovers(m.upper).includes(left[0] as string), 'the dead daemon’s is swept');
    t.ok(leftovers(m.upper).includes(left[1] as string), 'another host’s is left alone');
    migrateAll(m, '4');
    for (const round of ['0', '1', '2', '3', '4']) isMigrated(t, m, round);
    t.same(treeDigest(victim), before);
  },
);

await mountTest(t, '2: our own directory is made by somebody else', { root: true }, async (t, m) => {
  const victim = makeVictim(m.dir);
  chmodSync(`${victim}`, 0o700);
  chmodSync(`${victim}/work`, 0o700);
  migrateAll(m, '0');
  const [sample] = await namesMade(`${m.upper}/.migratefs/work`, () => migrateAll(m, '1'));
  const [host] = /^.+(?=(?:\.[^.]+){4}$)/.exec(sample as string) ?? [];
  writeFileSync(`${victim}/work/${host}.4194305.1.1.aaaaaaaaaaaa`, 'not yours to sweep\n');
  const before = treeDigest(victim);
  const ours = `${m.upper}/.migratefs`;
  const traps: Record<string, () => void> = {
    'a symlink': () => symlinkSync(victim, ours),
    'a symlink in it': () => {
      mkdirSync(ours, 0o700);
      symlinkSync(`${victim}/work`, `${ours}/work`);
    },
    'another user’s': () => {
      mkdirSync(`${ours}/work`, { recursive: true });
      for (const path of [ours, `${ours}/work`]) chownSync(path, NOBODY.uid, NOBODY.gid);
    },
    'open to all': () => {
      mkdirSync(`${ours}/work`, { recursive: true });
      for (const path of [ours, `${ours}/work`]) chmodSync(path, 0o777);
    },
    'a file': () => writeFileSync(ours, 'not a directory\n'),
  };
  for (const [i, [name, trap]] of Object.entries(traps).entries()) {
    rmSync(ours, { recursive: true, force: true });
    trap();
    const dir = `trap${i}`;
    mkdirSync(`${m.lower[0]}/${dir}`);
    writeFileSync(`${m.lower[0]}/${dir}/f`, 'old\n');
    const errno = errnoOf(() => appendFileSync(`${m.mnt}/${dir}/f`, 'new\n'));
    t.match(errno, /^(?:EACCES|ENOTDIR|EPERM)$/, `${name}: refused`);
    t.equal(readFileSync(`${m.lower[0]}/${dir}/f`, 'utf8'), 'old\n');
    t.notOk(existsSync(`${m.upper}/${dir}`));
    // What is not ours in the root itself refuses the mount.
    const said = await m.remount().then(
      () => 'mounted',
      (error: Error) => error.message,
    );
    t.match(said, name === 'a symlink in it' ? 'mounted' : /move it away/, name);
    t.same(treeDigest(victim), before, `${name}: nothing of root’s is touched, by a copy or by the sweep`);
    const stats = lstatSync(ours);
    if (stats.isDirectory())
      t.same(
        readdirSync(ours).filter((name) => name !== 'journal' && name !== 'alive'),
        ['work'],
      );
    rmSync(ours, { recursive: true, force: true });
    await m.remount();
  }
});
