// A layer that refuses: the caller gets its error, nothing is half done, nothing that was deleted or moved appears again.

import {
  appendFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import t from 'tap';
import { mountTest, outcome, run, sh, treeDigest, until, whereIs } from './support.ts';

const BOTH = `mkdir -p d/sub other file-dir; echo "$1" >d/"$1"; echo "$1" >d/sub/"$1"; echo "$1" >f; echo "$1" >g; mkdir empty`;

const build = ({ upper, lower: [a = ''] }: { upper: string; lower: string[] }) => {
  sh(BOTH, { cwd: upper, args: ['up'] });
  sh(`${BOTH}; echo low >low; mkdir lowdir; echo x >lowdir/x`, { cwd: a, args: ['down'] });
};

await mountTest(
  t,
  'an immutable lower entry: unlink, rename and rmdir fail and change nothing',
  { root: true, backing: 'ext4', needs: ['chattr'], prepare: build },
  (t, m) => {
    const [lower = ''] = m.lower;
    sh('chattr +i f low d empty lowdir', { cwd: lower });
    const before = treeDigest(m.mnt);
    // The new storage may have got a copy of what could not be moved: that shows the same, and hides what it is of.
    const layers = () => [{ ...treeDigest(m.upper), low: undefined }, treeDigest(lower)];
    const was = layers();
    for (const [what, act] of [
      ['unlink of a file on both', () => unlinkSync(`${m.mnt}/f`)],
      ['unlink of a lower file', () => unlinkSync(`${m.mnt}/low`)],
      ['rename of a lower file', () => renameSync(`${m.mnt}/low`, `${m.mnt}/moved`)],
      ['rename of a file on both', () => renameSync(`${m.mnt}/f`, `${m.mnt}/moved`)],
      ['rename of a lower file onto one above', () => renameSync(`${m.mnt}/low`, `${m.mnt}/g`)],
      ['rename of a merged directory', () => renameSync(`${m.mnt}/d`, `${m.mnt}/moved`)],
      ['rename of a merged directory into another', () => renameSync(`${m.mnt}/d`, `${m.mnt}/other/d`)],
      ['rename of a lower directory', () => renameSync(`${m.mnt}/lowdir`, `${m.mnt}/moved`)],
      ['rmdir of a merged directory', () => rmdirSync(`${m.mnt}/empty`)],
      ['unlink in an immutable directory', () => unlinkSync(`${m.mnt}/lowdir/x`)],
    ] as const) {
      t.match(outcome(act), /^(EPERM|EACCES)$/, what);
    }
    t.same(treeDigest(m.mnt), before, 'the merged tree is as it was');
    t.same(layers(), was, 'and each layer');
    sh('chattr -R -f -i . || true', { cwd: lower });
    renameSync(`${m.mnt}/d`, `${m.mnt}/moved`);
    t.same(readdirSync(`${m.mnt}/moved`).sort(), ['down', 'sub', 'up']);
    t.equal(whereIs(m, 'd'), '');
  },
);

await mountTest(
  t,
  'a file that cannot be removed from the old storage is copied up all the same, and stays hidden',
  { root: true, backing: 'ext4', needs: ['chattr'], prepare: build },
  (t, m) => {
    sh('chattr +a lowdir', { cwd: m.lower[0] as string });
    appendFileSync(`${m.mnt}/lowdir/x`, 'more');
    t.equal(readFileSync(`${m.mnt}/lowdir/x`, 'utf8'), 'x\nmore');
    t.equal(whereIs(m, 'lowdir/x'), 'upper lower', 'both copies');
    t.match(m.log(), /event=source_kept path=\/lowdir\/x /, 'and the log says so');
    t.match(
      outcome(() => unlinkSync(`${m.mnt}/lowdir/x`)),
      /^(EPERM|EACCES)$/,
      'not deleted while it would reappear',
    );
    t.equal(readFileSync(`${m.mnt}/lowdir/x`, 'utf8'), 'x\nmore');
    sh('chattr -a lowdir', { cwd: m.lower[0] as string });
    unlinkSync(`${m.mnt}/lowdir/x`);
    t.equal(whereIs(m, 'lowdir/x'), '');
  },
);

for (const backing of ['ext4', 'tmpfs'] as const) {
  await mountTest(
    t,
    `a read-only old storage on ${backing}`,
    { root: true, backing, prepare: build },
    (t, m) => {
      const [lower = ''] = m.lower;
      sh('mount -o remount,ro "$1"', { args: [lower] });
      const was = treeDigest(lower, { directoryTimes: true });
      const before = treeDigest(m.mnt);
      for (const [what, act] of [
        ['unlink of a lower file', () => unlinkSync(`${m.mnt}/low`)],
        ['unlink of a file on both', () => unlinkSync(`${m.mnt}/f`)],
        ['rename of a lower file', () => renameSync(`${m.mnt}/low`, `${m.mnt}/moved`)],
        ['rename of a merged directory', () => renameSync(`${m.mnt}/d`, `${m.mnt}/moved`)],
        ['rmdir', () => rmdirSync(`${m.mnt}/empty`)],
        ['chmod', () => sh('chmod 600 low', { cwd: m.mnt })],
      ] as const) {
        if (what === 'chmod') t.throws(act, /Read-only file system/, what);
        else t.equal(outcome(act), 'EROFS', what);
      }
      t.same(treeDigest(m.mnt), before, 'nothing has changed');
      appendFileSync(`${m.mnt}/low`, 'more');
      t.equal(readFileSync(`${m.mnt}/low`, 'utf8'), 'low\nmore', 'writing works');
      t.equal(whereIs(m, 'low'), 'upper lower');
      t.same(treeDigest(lower, { directoryTimes: true }), was);
      sh('mount -o remount,rw "$1"', { args: [lower] });
      rmSync(`${m.mnt}/d`, { recursive: true });
      unlinkSync(`${m.mnt}/low`);
      t.equal(whereIs(m, 'low'), '');
      t.equal(
        outcome(() => statSync(`${m.mnt}/low`)),
        'ENOENT',
      );
    },
  );
}

await mountTest(
  t,
  'a full new storage: ENOSPC, the old file as it was, and nothing half made',
  {
    root: true,
    backing: 'tmpfs',
    upperBacking: 'ext4',
    size: '24M',
    prepare: ({ upper, lower: [a = ''] }) => {
      sh('head -c 9M /dev/urandom >big; head -c 1M /dev/urandom >small', { cwd: a });
      run('dd', ['if=/dev/zero', `of=${upper}/fill`, 'bs=64k', 'count=200']);
    },
  },
  async (t, m) => {
    sh('head -c 8M /dev/zero >ballast', { cwd: m.upper });
    const before = treeDigest(m.lower[0] as string, { directoryTimes: true });
    t.equal(
      outcome(() => appendFileSync(`${m.mnt}/big`, 'x')),
      'ENOSPC',
    );
    t.same(treeDigest(m.lower[0] as string, { directoryTimes: true }), before);
    t.equal(whereIs(m, 'big'), 'lower');
    t.equal(sh('ls -A .migratefs/work 2>/dev/null || true', { cwd: m.upper }), '');
    rmSync(`${m.mnt}/ballast`);
    rmSync(`${m.mnt}/fill`);
    // Given back when the kernel has forgotten the files, which it does in its own time.
    await until('the space is free', () => Number(statfsSync(m.upper).bavail) * 1024 > 18 * 2 ** 20, 3000);
    appendFileSync(`${m.mnt}/big`, 'x');
    t.equal(whereIs(m, 'big'), 'upper');
    t.equal(statSync(`${m.mnt}/big`).size, 9 * 2 ** 20 + 1);
  },
);
