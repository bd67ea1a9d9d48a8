// A file with several names, one of which has come up to a new storage that is full by now: the others can be removed, renamed and replaced where
// they are, as what makes room must be. The copy stays one file, with as many links as it has names.

import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { list } from './hosts.ts';
import { type Mounted, type MountTestOptions, mountTest, run, sh, whereIs } from './support.ts';

/** One file with a name in `a` and several in `b`, which the new storage has not got. */
function prepare({ lower: [lower] }: { lower: string[] }): void {
  for (const name of ['a', 'b']) mkdirSync(`${lower}/${name}`);
  writeFileSync(`${lower}/a/f`, 'old\n', { mode: 0o644 });
  for (const name of ['gone', 'moved', 'replaced']) linkSync(`${lower}/a/f`, `${lower}/b/${name}`);
  writeFileSync(`${lower}/b/x`, 'x\n');
}

/** Leaves no room for so much as a directory. */
const FULL = {
  ext4: (m: Mounted) =>
    sh('for bs in 64k 1k; do dd if=/dev/zero of="$1/ballast.$bs" bs=$bs 2>/dev/null || true; done', {
      args: [m.upper],
    }),
  tmpfs: (m: Mounted) =>
    sh(
      'mkdir "$1/ballast.d"; mount -o remount,nr_inodes=200 "$1"; for i in $(seq 200); do : >"$1/ballast.d/$i" || break; done 2>/dev/null',
      { args: [m.upper] },
    ),
};

/** @returns 'ok', or what it said */
function said(m: Mounted, script: string): string {
  const { status, stderr } = run('bash', ['-e', '-c', script], { cwd: m.mnt });
  return status === 0 ? 'ok' : stderr.toString();
}

function check(t: Test, m: Mounted, names: string[]): void {
  for (const name of names) {
    t.equal(readFileSync(`${m.mnt}/${name}`, 'utf8'), 'old\nmore\n', name);
    t.equal(statSync(`${m.mnt}/${name}`).nlink, names.length, `links of ${name}`);
  }
}

for (const upperBacking of ['ext4', 'tmpfs'] as const) {
  for (const cache of ['none', 'exclusive']) {
    const options: MountTestOptions = {
      root: true,
      upperBacking,
      size: '12M',
      options: `cache=${cache}`,
      prepare,
    };
    await mountTest(t, `a full ${upperBacking}, cache=${cache}`, options, (t, m) => {
      t.equal(said(m, 'echo more >>a/f'), 'ok');
      FULL[upperBacking](m);
      t.match(said(m, 'mkdir n'), /No space left on device/, 'it is full');
      check(t, m, ['a/f', 'b/gone', 'b/moved', 'b/replaced']);

      for (const [from, to] of [
        ['a/f', 'b/moved'],
        ['b/moved', 'a/f'],
      ] as const) {
        renameSync(`${m.mnt}/${from}`, `${m.mnt}/${to}`);
        check(t, m, ['a/f', 'b/gone', 'b/moved', 'b/replaced']);
      }

      t.equal(said(m, 'rm b/gone'), 'ok');
      check(t, m, ['a/f', 'b/moved', 'b/replaced']);
      t.equal(said(m, 'mv b/moved b/new'), 'ok');
      check(t, m, ['a/f', 'b/new', 'b/replaced']);
      t.equal(said(m, 'mv b/x b/replaced'), 'ok');
      check(t, m, ['a/f', 'b/new']);
      t.equal(readFileSync(`${m.mnt}/b/replaced`, 'utf8'), 'x\n');
      t.equal(statSync(`${m.mnt}/b/replaced`).nlink, 1);
      t.same(list(`${m.mnt}/b`), ['new', 'replaced']);

      t.equal(said(m, 'rm a/f'), 'ok');
      check(t, m, ['b/new']);
      t.equal(said(m, 'exec 3<b/new; rm b/new; [ "$(cat <&3)" = $\'old\\nmore\' ]'), 'ok', 'the last one');
      t.same(list(`${m.mnt}/b`), ['replaced']);
      for (const layer of [m.upper, m.lower[0]]) t.same(list(`${layer}/.migratefs/links`), []);
    });
  }
}

await mountTest(
  t,
  'what is left comes up when there is room again',
  { root: true, upperBacking: 'ext4', size: '12M', options: 'cache=none', prepare },
  (t, m) => {
    t.equal(said(m, 'echo more >>a/f'), 'ok');
    FULL.ext4(m);
    t.equal(said(m, 'rm b/gone; mv b/moved b/new'), 'ok');
    for (const bs of ['64k', '1k']) rmSync(`${m.upper}/ballast.${bs}`);
    sh('sync -f "$1"', { args: [m.upper] });
    check(t, m, ['a/f', 'b/new', 'b/replaced']);
    t.equal(whereIs(m, 'b/new'), 'upper');
    for (const layer of [m.upper, m.lower[0]]) t.same(list(`${layer}/.migratefs/links`), []);
  },
);
