// Quotas of users and projects on the new storage: who brings a file up spends its owner's quota, whoever he is, and is refused where that
// ends; at the limit a mount answers as the storage itself does; and nothing is lost, left or charged to somebody else.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { leftovers } from './defects-support.ts';
import { setQuota, type Usage, usage } from './quotas.ts';
import { type Mounted, mountTest, must, outcome, sh, shAs, treeDigest, whereIs } from './support.ts';

const MIB = 1 << 20;
const ALICE = { uid: 40_001, gid: 40_001 };
const BOB = { uid: 40_002, gid: 40_002 };
const LIMIT_KIB = 8192;

const KINDS = ['ext4-quota', 'xfs-quota'] as const;

/** Appends as somebody. @returns 'ok', or what bash says */
function append(user: { uid: number; gid: number }, path: string): string {
  const { status, stderr } = shAs(user, 'echo more >>"$1"', { args: [path] });
  return status === 0 ? 'ok' : (stderr.trim().split(': ').at(-1) ?? '');
}

const QUOTA = 'Disk quota exceeded';

const of = (m: Mounted, { uid }: { uid: number }): Usage => usage('u', uid, m.upper);

for (const upperBacking of KINDS) {
  const options = {
    root: true,
    upperBacking,
    prepare: ({ upper, lower: [lower = ''] }: { upper: string; lower: string[] }) => {
      mkdirSync(`${lower}/d`);
      writeFileSync(`${lower}/d/big`, Buffer.alloc(12 * MIB, 'big'));
      writeFileSync(`${lower}/d/small`, Buffer.alloc(MIB, 'small'));
      for (let i = 0; i < 20; i++) writeFileSync(`${lower}/d/n${i}`, `${i}\n`);
      sh('chown -R 40001:40001 d; chmod -R a+rwX d; touch bobs; chown 40002 bobs', { cwd: lower });
      setQuota('u', ALICE.uid, upper, LIMIT_KIB, 10);
    },
  };
  await mountTest(t, `a user's quota on ${upperBacking}, by copy-up`, options, async (t, m) => {
    const lower = m.lower[0] as string;
    must('stat', [`${m.mnt}/d/big`]);
    t.equal(append(ALICE, `${m.mnt}/d/n0`), 'ok');
    const source = treeDigest(`${lower}/d`);
    const before = { alice: of(m, ALICE), root: of(m, { uid: 0 }) };
    for (const [who, user] of Object.entries({ alice: ALICE, bob: BOB, root: { uid: 0, gid: 0 } })) {
      t.equal(append(user, `${m.mnt}/d/big`), QUOTA, `${who} is refused`);
      t.equal(
        outcome(() => shAs(user, 'truncate -s 11M "$1"', { args: [`${m.mnt}/d/big`] }).status),
        '1',
        `${who} cannot cut it`,
      );
      t.same(treeDigest(`${lower}/d`), source, 'the source is as it was');
      t.same(leftovers(m.upper), [], 'nothing is left');
      t.same(of(m, ALICE), before.alice, 'and nothing is charged');
    }
    t.equal(append(BOB, `${m.mnt}/bobs`), 'ok', 'other users go on');
    t.equal(append(BOB, `${m.mnt}/d/small`), 'ok', 'and so do they with what fits');
    const after = of(m, ALICE);
    t.ok(after.kib - before.alice.kib >= 1024, `charged to its owner: ${after.kib - before.alice.kib} KiB`);
    t.ok(of(m, { uid: 0 }).kib - before.root.kib < 512, 'not to root');

    let moved = 0;
    while (moved < 20 && append(BOB, `${m.mnt}/d/n${moved}`) === 'ok') moved++;
    t.ok(of(m, ALICE).inodes <= 10, `no more files than the quota has: ${moved} came up`);
    t.equal(append(ALICE, `${m.mnt}/d/n${moved}`), QUOTA);
    t.equal(whereIs(m, `d/n${moved}`), 'lower');
    t.equal(readFileSync(`${m.mnt}/d/n${moved}`, 'utf8'), `${moved}\n`);
    must('rm', [`${m.mnt}/d/n1`, `${m.mnt}/d/n${moved + 1}`]);
    t.equal(append(ALICE, `${m.mnt}/d/n${moved}`), 'ok', 'removing makes room');
    setQuota('u', ALICE.uid, m.upper, 0);
    t.equal(append(ALICE, `${m.mnt}/d/big`), 'ok', 'and a greater quota lets it come up');
    t.equal(whereIs(m, 'd/big'), 'upper');
    t.same(leftovers(m.upper), []);
  });

  await mountTest(t, `a user at the limit, on ${upperBacking}`, options, async (t, m) => {
    // The same calls on the storage itself and through the mount.
    const script = `
      cd "$1"; try() { "$@" >/dev/null 2>/tmp/said.$$ && echo "$*: ok" || echo "$*: $(sed 's/.*: //' /tmp/said.$$ | tail -n 1)"; }
      dd if=/dev/zero of=ballast bs=64k count=400 oflag=append conv=notrunc 2>&1 | grep -o 'quota exceeded\\|No space' || true
      try dd status=none if=/dev/zero of=ballast bs=64k count=1 oflag=append conv=notrunc
      try fallocate -l 1M fresh
      try setfattr -n user.k -v v ballast
      try ln ballast link; try mv link renamed; try chmod 600 renamed
      try truncate -s 10 renamed
      try dd status=none if=/dev/zero of=small bs=64k count=1
      rm -f small fresh
      i=0; while ((i++ < 20)) && touch f$i 2>/dev/null; do :; done; echo "files: $i"
      try touch more; try mkdir dir; try ln -s x symlink; try mkfifo fifo; try cp ballast copy
      try mv f1 f2; try rm f2; try mkdir dir; try touch again; try rm -r dir; ls
      rm -rf ./*; ls; rm -f /tmp/said.$$`;
    const tell = (dir: string) => shAs(ALICE, script, { args: [dir] });
    sh('mkdir plain up; chown 40001 plain up', { cwd: m.upper });
    const expected = tell(`${m.upper}/plain`);
    const found = tell(`${m.mnt}/up`);
    t.equal(found.stdout, expected.stdout);
    t.match(expected.stdout, /fifo: Disk quota exceeded/);
    t.equal(found.status, expected.status);
    t.same(leftovers(m.upper), []);
  });

  await mountTest(
    t,
    `quotas of projects on ${upperBacking}`,
    { ...options, prepare: projects },
    async (t, m) => {
      const lower = m.lower[0] as string;
      const plain = shAs(BOB, 'cat "$1" >"$2"', { args: [`${lower}/p1/big`, `${m.upper}/p1/plain`] });
      must('rm', [`${m.upper}/p1/plain`]);
      const before = { used: usage('P', 1, m.upper), source: treeDigest(lower) };
      const refusal = plain.stderr.trim().split(': ').at(-1);
      t.match(refusal, /Disk quota exceeded|No space left on device/);
      t.equal(append(BOB, `${m.mnt}/p1/big`), refusal, `as the storage says: ${refusal}`);
      t.same(treeDigest(lower), before.source, 'the source is as it was');
      t.same(usage('P', 1, m.upper), before.used, 'nothing is charged');
      for (const name of ['p1/f', 'p1/sub/s', 'p1/l1']) t.equal(append(BOB, `${m.mnt}/${name}`), 'ok', name);
      t.ok(usage('P', 1, m.upper).kib - before.used.kib >= 1024, 'charged to the project');
      for (const name of ['p1/f', 'p1/sub/s', 'p1/l1']) t.equal(projectOf(`${m.upper}/${name}`), '1', name);
      t.match(
        must('lsattr', ['-pd', `${m.upper}/p1/sub`]),
        /^ *1 \S*P/,
        'a directory that was made hands it on',
      );
      for (const name of ['p1/l2', 'p2/l3', 'p1/l1']) {
        t.equal(readFileSync(`${m.mnt}/${name}`, 'utf8'), 'l\nmore\n', `${name}: one file`);
      }
      t.equal(append(BOB, `${m.mnt}/p2/l3`), 'ok', 'also by the name in another project');
      t.equal(readFileSync(`${m.mnt}/p1/l1`, 'utf8'), 'l\nmore\nmore\n');
      const moving = (dir: string) => outcome(() => renameSync(`${dir}/p1/f`, `${dir}/p2/f`));
      t.equal(moving(m.mnt), 'EXDEV', 'a rename into another project, as the storage says');
      t.equal(moving(m.upper), 'EXDEV');
      must('mv', [`${m.mnt}/p1/f`, `${m.mnt}/p2/f`]);
      t.equal(projectOf(`${m.upper}/p2/f`), '2', 'mv copies');
      must('mv', [`${m.mnt}/p1/symlink`, `${m.mnt}/p1/over`]);
      t.equal(must('readlink', [`${m.mnt}/p1/over`]), 'target', 'a symlink over one of the new storage');
      must('mv', [`${m.mnt}/p1/g`, `${m.mnt}/p1/taken`]);
      t.equal(readFileSync(`${m.upper}/p1/taken`, 'utf8'), 'g', 'a file over one of the new storage');
      must('rm', ['-r', `${m.mnt}/p1`, `${m.mnt}/p2`]);
      t.same(leftovers(m.upper), []);
      t.equal(must('ls', [lower, m.upper]), `${lower}:\n\n${m.upper}:`, 'both storages are empty');
    },
  );
}

function projectOf(path: string): string {
  return must('lsattr', ['-p', path]).trim().split(' ')[0] ?? '';
}

/** Two projects on the new storage, whose root is a third; the old one knows none. */
function projects({ upper, lower: [lower = ''] }: { upper: string; lower: string[] }): void {
  sh('mkdir p1 p2; ln -s x p1/over; echo old >p1/taken', { cwd: upper });
  sh('chattr -p 9 +P .; chattr -p 1 +P p1; chattr -p 2 +P p2; chattr -p 1 p1/taken', { cwd: upper });
  setQuota('P', 1, upper, LIMIT_KIB);
  mkdirSync(`${lower}/p1/sub`, { recursive: true });
  mkdirSync(`${lower}/p2`);
  writeFileSync(`${lower}/p1/big`, Buffer.alloc(12 * MIB, 'big'));
  writeFileSync(`${lower}/p1/f`, Buffer.alloc(MIB, 'f'));
  writeFileSync(`${lower}/p1/sub/s`, 's');
  sh('cd p1; echo l >l1; ln l1 l2; ln l1 ../p2/l3; ln -s target symlink; printf g >g; chmod -R a+rwX .. ', {
    cwd: lower,
  });
  sh('chmod -R a+rwX .', { cwd: upper });
}
