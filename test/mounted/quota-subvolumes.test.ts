// Quotas of btrfs subvolumes, which need no quota format of the kernel: what meets the limit of the new storage in the middle of a copy-up, or
// when the daemon keeps its own books there, is EDQUOT or told in the log, and nothing is lost; and what leaves an old storage needs no room on it.

import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { leftovers, truncatePath } from './defects-support.ts';
import { list } from './hosts.ts';
import { eventsOf, recordsOf } from './journal-support.ts';
import { fillSubvolume, limitSubvolume, subvolumeUsage } from './quotas.ts';
import {
  hashOf,
  type Mounted,
  type MountTestOptions,
  mountTest,
  must,
  outcome,
  sh,
  shAs,
  treeDigest,
  whereIs,
} from './support.ts';

const MIB = 1 << 20;
const LIMIT = 32 * MIB;
const ANN = { uid: 40_001, gid: 40_001 };

const onUpper: MountTestOptions = { root: true, upperBacking: 'btrfs', needs: ['btrfs'] };
const append = (m: Mounted, name: string) => outcome(() => appendFileSync(`${m.mnt}/${name}`, 'more\n'));

await mountTest(
  t,
  'a copy-up that is greater than what is left',
  {
    ...onUpper,
    prepare: ({ upper, lower: [lower = ''] }) => {
      mkdirSync(`${lower}/d`);
      for (const [name, size] of [
        ['big', 48],
        ['small', 4],
      ] as const)
        writeFileSync(`${lower}/d/${name}`, Buffer.alloc(size * MIB, name));
      sh('ln d/big d/link; chmod -R a+rwX .', { cwd: lower });
      limitSubvolume(upper, LIMIT);
    },
  },
  (t, m) => {
    const [lower = ''] = m.lower;
    t.equal(append(m, 'd/small'), 'ok', 'what fits comes up');
    const before = { source: treeDigest(lower), used: subvolumeUsage(m.upper) };
    const whole = hashOf(`${lower}/d/big`);
    const acts: Record<string, () => unknown> = {
      append: () => appendFileSync(`${m.mnt}/d/big`, 'more\n'),
      'truncate(2)': () => truncatePath(`${m.mnt}/d/big`, 40 * MIB),
      'by another name': () => appendFileSync(`${m.mnt}/d/link`, 'more\n'),
      'over what came up': () => renameSync(`${m.mnt}/d/big`, `${m.mnt}/d/small`),
    };
    for (const [what, act] of Object.entries(acts)) {
      t.equal(outcome(act), 'EDQUOT', what);
      t.same(treeDigest(lower), before.source, 'the source is as it was');
      t.equal(hashOf(`${m.mnt}/d/big`), whole, 'and can be read');
      t.same(leftovers(m.upper), [], 'nothing is left');
      t.ok(subvolumeUsage(m.upper) - before.used < MIB, 'and the room is given back');
    }
    const user = shAs(ANN, 'echo more >>"$1"', { args: [`${m.mnt}/d/big`] });
    t.match(user.stderr, /Disk quota exceeded/, 'users are told the same');
    const failed = recordsOf(m).filter(({ result }) => result === 'EDQUOT');
    t.match(failed[0], { op: 'migrate', path: '/d/big' });
    limitSubvolume(m.upper, 4 * LIMIT);
    t.equal(append(m, 'd/big'), 'ok', 'with more room it comes up');
    t.equal(whereIs(m, 'd/big'), 'upper');
    truncateSync(`${m.upper}/d/big`, 48 * MIB);
    t.equal(hashOf(`${m.upper}/d/big`), whole);
    t.equal(statSync(`${m.mnt}/d/link`).ino, statSync(`${m.mnt}/d/big`).ino, 'with its other name');
    t.same(leftovers(m.upper), []);
    t.notMatch(
      m.log(),
      /level=(?:warn|error) (?!event=migrate_failed .* error=EDQUOT)/,
      'nothing else went wrong',
    );
  },
);

/** Each act, once nothing fits: what it said. */
const ACTS = `cd "$1"
  try() { if said=$("$@" 2>&1 >/dev/null); then echo "$1: ok"; else echo "$1: \${said##*: }"; fi; }
  try dd status=none if=/dev/zero of=ballast.0 bs=1M count=1 oflag=append conv=notrunc,fsync
  try fallocate -l 1M fresh; try touch touched; try mkdir dir; try ln ballast.0 link; try ln -s to symlink; try mkfifo fifo
  try setfattr -n user.k -v v ballast.0; try mv ballast.0 renamed
  ls; cat ballast.1 >/dev/null && echo read; rm -r ./* && ls`;

await mountTest(
  t,
  'at the limit a mount answers as the storage does',
  { ...onUpper, prepare: ({ upper }) => limitSubvolume(upper, LIMIT) },
  (t, m) => {
    sh('mkdir plain up', { cwd: m.upper });
    const tell = (filled: string, dir: string) => {
      fillSubvolume(filled);
      const said = sh(ACTS, { args: [dir] });
      subvolumeUsage(m.upper);
      return said;
    };
    const expected = tell(`${m.upper}/plain`, `${m.upper}/plain`);
    t.match(expected, /touch: Disk quota exceeded/);
    t.match(expected, /dd: Disk quota exceeded/);
    t.equal(tell(`${m.upper}/up`, `${m.mnt}/up`), expected);
    t.same(leftovers(m.upper), []);
  },
);

await mountTest(
  t,
  'at the limit of the new storage the daemon keeps no books there, says so, and goes on',
  {
    ...onUpper,
    prepare: ({ upper, lower: [lower = ''] }) => {
      for (const layer of [upper, lower]) mkdirSync(`${layer}/d`);
      sh('echo old >d/f; echo up >d/u; mkdir d/sub gone; touch gone/{1..200}; ln -s to d/l', { cwd: lower });
      limitSubvolume(upper, LIMIT);
    },
  },
  async (t, m) => {
    const [lower = ''] = m.lower;
    // The journal is a page that has room for some records more.
    t.equal(append(m, 'd/u'), 'ok');
    fillSubvolume(m.upper);
    const before = treeDigest(m.mnt);
    const refused = (name: string, act: () => unknown) => {
      t.equal(outcome(act), 'EDQUOT', name);
      t.same(treeDigest(m.mnt), before, 'nothing has changed');
      for (const folder of ['work', 'intents', 'links']) t.same(list(`${m.upper}/.migratefs/${folder}`), []);
    };
    refused('a file', () => appendFileSync(`${m.mnt}/d/f`, 'more'));
    refused('a directory that both storages have', () => renameSync(`${m.mnt}/d`, `${m.mnt}/e`));
    refused('a directory that the new one lacks', () => writeFileSync(`${m.mnt}/d/sub/new`, ''));
    for (const name of list(`${m.mnt}/gone`)) unlinkSync(`${m.mnt}/gone/${name}`);
    t.same(list(`${lower}/gone`), [], 'removing works');
    t.match(
      m.log(),
      /event=journal_failed path=\S+ error=EDQUOT consequence=".+" mend="make room on the new storage"/,
    );
    t.same(eventsOf(m), ['journal_failed'], 'once');

    await m.kill9();
    await m.remount();
    t.equal(readFileSync(`${m.mnt}/d/f`, 'utf8'), 'old\n', 'a mount comes up all the same');
    renameSync(`${m.mnt}/d/l`, `${m.mnt}/d/l2`);
    t.equal(readlinkSync(`${lower}/d/l2`), 'to', 'and what happens on the old storage does');
    limitSubvolume(m.upper, 2 * LIMIT);
    t.equal(append(m, 'd/f'), 'ok', 'with more room all of it works again');
    renameSync(`${m.mnt}/d`, `${m.mnt}/e`);
    t.same(readdirSync(`${m.mnt}/e`).sort(), ['f', 'l2', 'sub', 'u']);
    t.match(m.log(), /event=journal_works/);
    t.match(recordsOf(m).at(-1), { op: 'rename', path: '/d' });
    t.same(list(`${m.upper}/.migratefs/intents`), []);
    t.ok(list(`${m.upper}/.migratefs/slots`).length > 0, 'what is published is written down again');
  },
);

await mountTest(
  t,
  'a new storage that is at its limit before anything of ours is there',
  {
    ...onUpper,
    prepare: ({ upper, lower: [lower = ''] }) => {
      writeFileSync(`${lower}/f`, 'old\n');
      limitSubvolume(upper, LIMIT);
      fillSubvolume(upper);
    },
  },
  (t, m) => {
    t.match(m.log(), /event=private_missing layer=\S+ error=EDQUOT/);
    t.equal(readFileSync(`${m.mnt}/f`, 'utf8'), 'old\n');
    t.equal(append(m, 'f'), 'EDQUOT');
    rmSync(`${m.mnt}/ballast.0`);
    subvolumeUsage(m.upper);
    t.equal(append(m, 'f'), 'ok', 'removing makes room');
    t.equal(whereIs(m, 'f'), 'upper');
    t.equal(must('stat', ['-c', '%a', `${m.upper}/.migratefs`]), '700');
  },
);

await mountTest(
  t,
  'subvolumes of the new storage that have limits of their own',
  {
    ...onUpper,
    prepare: ({ upper, lower: [lower = ''] }) => {
      for (const name of ['small', 'large']) {
        must('btrfs', ['subvolume', 'create', `${upper}/${name}`]);
        mkdirSync(`${lower}/${name}/sub`, { recursive: true });
        writeFileSync(`${lower}/${name}/sub/big`, Buffer.alloc(24 * MIB, name));
        symlinkSync('to', `${lower}/${name}/link`);
      }
      limitSubvolume(`${upper}/small`, LIMIT / 2);
      limitSubvolume(`${upper}/large`, LIMIT);
    },
  },
  (t, m) => {
    const source = treeDigest(`${m.lower[0]}/small/sub`);
    t.equal(append(m, 'small/sub/big'), 'EDQUOT', 'of the one that it would lie in');
    t.same(treeDigest(`${m.lower[0]}/small/sub`), source);
    t.equal(append(m, 'large/sub/big'), 'ok');
    t.ok(subvolumeUsage(`${m.upper}/large`) > 24 * MIB, 'to which it is charged');
    t.equal(whereIs(m, 'large/sub'), 'upper lower', 'in a directory that was made in there');
    t.same(leftovers(m.upper), []);
  },
);

await mountTest(
  t,
  'files leave an old storage that is at its limit',
  {
    root: true,
    backing: 'btrfs',
    upperBacking: 'dir',
    needs: ['btrfs'],
    prepare: ({ upper, lower: [lower = ''] }) => {
      const make = `mkdir d d/e; for f in append cut removed moved over hidden; do echo $f >d/$f; done; head -c 3M /dev/zero >d/zeros
        ln -s to d/symlink; echo linked >d/l1; ln d/l1 d/l2; echo e >d/e/f`;
      sh(make, { cwd: lower });
      mkdirSync(`${upper}/d`);
      for (const name of ['hidden', 'target']) writeFileSync(`${upper}/d/${name}`, 'upper\n');
      limitSubvolume(lower, LIMIT);
      fillSubvolume(lower);
    },
  },
  (t, m) => {
    const [lower = ''] = m.lower;
    t.equal(
      outcome(() => writeFileSync(`${lower}/new`, '')),
      'EDQUOT',
      'nothing fits there',
    );
    for (const name of ['append', 'zeros', 'l1']) {
      t.equal(append(m, `d/${name}`), 'ok', name);
    }
    t.equal(readFileSync(`${m.mnt}/d/l2`, 'utf8'), 'linked\nmore\n', 'with its other name');
    t.equal(
      outcome(() => writeFileSync(`${m.mnt}/d/cut`, 'new')),
      'ok',
    );
    for (const name of ['removed', 'hidden'])
      t.equal(
        outcome(() => unlinkSync(`${m.mnt}/d/${name}`)),
        'ok',
        name,
      );
    t.equal(
      outcome(() => renameSync(`${m.mnt}/d/over`, `${m.mnt}/d/target`)),
      'ok',
      'over a file of the new one',
    );
    t.equal(
      outcome(() => renameSync(`${m.mnt}/d/symlink`, `${m.mnt}/d/append`)),
      'ok',
      'a symlink, too',
    );
    t.equal(
      outcome(() => rmSync(`${m.mnt}/d/e`, { recursive: true })),
      'ok',
      'a directory',
    );
    t.equal(readFileSync(`${m.mnt}/d/target`, 'utf8'), 'over\n');
    t.same(readdirSync(`${lower}/d`).sort(), ['moved'], 'hard links, too');
    t.notMatch(m.log(), /event=source_kept/);
    for (const name of ['l1', 'l2'])
      t.equal(
        outcome(() => unlinkSync(`${m.mnt}/d/${name}`)),
        'ok',
        name,
      );
    t.same(list(`${lower}/.migratefs/work`), []);
    t.same(readdirSync(`${m.mnt}/d`).sort(), ['append', 'cut', 'moved', 'target', 'zeros']);
  },
);
