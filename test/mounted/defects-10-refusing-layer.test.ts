// Defect 10: unlink over an old storage that cannot be written returned 0, and the file came back with its old content.
// Defect 15: readlink copied the symlink up: EEXIST for ever after if another host was first, ENOSPC or EROFS on a read.

import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import t, { type Test } from 'tap';
import { errnoOf, pathsIn } from './defects-support.ts';
import { type Mounted, mountTest, run, sh, treeDigest } from './support.ts';

/** Old entries, new ones, and new ones above old ones. */
function bothLayers({ lower: [lower], upper }: { lower: string[]; upper: string }): void {
  for (const layer of [lower, upper]) mkdirSync(`${layer}/d/merged`, { recursive: true });
  mkdirSync(`${lower}/d/empty`);
  for (const name of ['old', 'both', 'link']) writeFileSync(`${lower}/d/${name}`, `old ${name}\n`);
  for (const name of ['both', 'new']) writeFileSync(`${upper}/d/${name}`, `new ${name}\n`);
  mkdirSync(`${upper}/d/above/sub`, { recursive: true });
  writeFileSync(`${lower}/d/above`, 'hidden by a directory\n');
}

function removals(mnt: string): Record<string, () => void> {
  return {
    'unlink an old file': () => unlinkSync(`${mnt}/d/old`),
    'unlink a new file above an old one': () => unlinkSync(`${mnt}/d/both`),
    'rmdir of an old directory': () => rmdirSync(`${mnt}/d/empty`),
    'rmdir of a merged directory': () => rmdirSync(`${mnt}/d/merged`),
    'rename an old file': () => renameSync(`${mnt}/d/old`, `${mnt}/d/moved`),
    'rename a new file above an old one': () => renameSync(`${mnt}/d/both`, `${mnt}/d/moved`),
    'rename a merged directory': () => renameSync(`${mnt}/d/merged`, `${mnt}/d/moved`),
  };
}

const NAMES = ['above', 'both', 'empty', 'link', 'merged', 'new', 'old'];

function isUnchanged(t: Test, m: Mounted) {
  t.same(readdirSync(`${m.mnt}/d`).sort(), NAMES, 'all is still listed');
  for (const [name, content] of [
    ['old', 'old old\n'],
    ['both', 'new both\n'],
    ['new', 'new new\n'],
  ]) {
    t.same(readFileSync(`${m.mnt}/d/${name}`, 'utf8'), content, `${name} has its content`);
  }
}

const on = { root: true, backing: 'ext4', upperBacking: 'dir', size: '32M' } as const;

await mountTest(
  t,
  '10: what cannot be removed from the old storage stays',
  { ...on, needs: ['chattr'], options: 'cache=none', prepare: bothLayers },
  async (t, m) => {
    const lower = m.lower[0] as string;
    const before = treeDigest(lower);
    const beforeUpper = treeDigest(m.upper);
    const refusals: Record<string, [errno: string, set: string, unset: string]> = {
      'mounted read-only': ['EROFS', 'mount -o remount,ro "$1"', 'mount -o remount,rw "$1"'],
      'an immutable directory': ['EPERM', 'chattr +i "$1/d"', 'chattr -i "$1/d"'],
    };
    for (const [what, [errno, set, unset]] of Object.entries(refusals)) {
      sh(set, { args: [lower] });
      try {
        for (const [name, act] of Object.entries(removals(m.mnt))) {
          t.equal(errnoOf(act), errno, `${what}: ${name}`);
          isUnchanged(t, m);
        }
        await m.remount();
        isUnchanged(t, m);
      } finally {
        sh(unset, { args: [lower] });
      }
      t.same(treeDigest(lower), before);
      t.same(treeDigest(m.upper), beforeUpper);
    }
    unlinkSync(`${m.mnt}/d/old`);
    unlinkSync(`${m.mnt}/d/both`);
    rmdirSync(`${m.mnt}/d/empty`);
    rmdirSync(`${m.mnt}/d/merged`);
    await m.remount();
    t.same(
      readdirSync(`${m.mnt}/d`).sort(),
      ['above', 'link', 'new'],
      'what could be removed is gone for good',
    );
  },
);

await mountTest(
  t,
  '10: a directory that hides an entry which cannot be removed',
  { ...on, options: 'cache=none', prepare: bothLayers },
  (t, m) => {
    rmdirSync(`${m.mnt}/d/above/sub`);
    sh('mount -o remount,ro "$1"', { args: [m.lower[0] as string] });
    t.equal(
      errnoOf(() => rmdirSync(`${m.mnt}/d/above`)),
      'EROFS',
    );
    t.equal(
      errnoOf(() => renameSync(`${m.mnt}/d/above`, `${m.mnt}/d/elsewhere`)),
      'EROFS',
    );
    t.ok(lstatSync(`${m.mnt}/d/above`).isDirectory(), 'it still hides it');
    // Not refused: what has no counterpart in the old storage.
    unlinkSync(`${m.mnt}/d/new`);
    writeFileSync(`${m.mnt}/d/fresh`, 'fresh');
    t.equal(
      errnoOf(() => appendFileSync(`${m.mnt}/d/old`, '+')),
      'ok',
      'a copy that leaves its source behind',
    );
    t.equal(readFileSync(`${m.mnt}/d/old`, 'utf8'), 'old old\n+', 'which is hidden below it');
    t.equal(
      errnoOf(() => unlinkSync(`${m.mnt}/d/old`)),
      'EROFS',
    );
    t.equal(readFileSync(`${m.mnt}/d/old`, 'utf8'), 'old old\n+', 'and does not come back');
    sh('mount -o remount,rw "$1"', { args: [m.lower[0] as string] });
    unlinkSync(`${m.mnt}/d/old`);
    t.notOk(existsSync(`${m.mnt}/d/old`), 'until both can go');
  },
);

await mountTest(
  t,
  '15: reading a symlink moves nothing, and needs no room',
  {
    root: true,
    upperBacking: 'tmpfs',
    size: '1M',
    options: 'cache=none',
    prepare: ({ lower: [lower], upper }) => {
      mkdirSync(`${lower}/d`);
      writeFileSync(`${lower}/d/file`, 'read\n');
      for (const name of ['a', 'b', 'c', 'dangling', 'first']) symlinkSync('file', `${lower}/d/${name}`);
      symlinkSync('x'.repeat(4000), `${lower}/d/long`);
      // Another host was first with this one.
      mkdirSync(`${upper}/d`);
      symlinkSync('elsewhere', `${upper}/d/first`);
    },
  },
  (t, m) => {
    const lower = m.lower[0] as string;
    const before = treeDigest(lower);
    const look = (state: string) => {
      for (let round = 0; round < 3; round++) {
        for (const name of ['a', 'b', 'c', 'dangling'])
          t.equal(readlinkSync(`${m.mnt}/d/${name}`), 'file', state);
        t.equal(readlinkSync(`${m.mnt}/d/first`), 'elsewhere', 'the other host’s');
        t.equal(readlinkSync(`${m.mnt}/d/long`).length, 4000);
      }
      t.equal(readFileSync(`${m.mnt}/d/a`, 'utf8'), 'read\n', 'and through it');
      t.equal(readdirSync(`${m.mnt}/d`).length, 7);
      t.ok(statSync(`${m.mnt}/d/b`).isFile());
      t.same(treeDigest(lower), before, 'nothing has left the old storage');
      t.same(
        pathsIn(m.upper).filter((path) => path !== 'ballast'),
        ['d', 'd/first'],
      );
    };
    look('with room');
    t.not(run('dd', ['if=/dev/zero', `of=${m.upper}/ballast`, 'bs=4k']).status, 0);
    look('full');
    // The journal is let go a second after its last record.
    sh('for i in {1..50}; do mount -o remount,ro "$1" 2>/dev/null && exit; sleep 0.1; done; exit 1', {
      args: [m.upper],
    });
    look('read-only');
    t.equal(
      errnoOf(() => appendFileSync(`${m.mnt}/d/file`, '+')),
      'EROFS',
      'writing says so',
    );
    t.same(treeDigest(lower), before);
    sh('mount -o remount,rw "$1"', { args: [m.upper] });
  },
);
