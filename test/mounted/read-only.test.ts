// A read-only mount: everything can be read, every change is EROFS, and nothing changes on any layer, access times neither.

import {
  existsSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { O_CREAT, O_RDONLY, O_RDWR, O_TMPFILE, O_TRUNC, O_WRONLY, W_OK } from '../../src/sys/constants.ts';
import { calls } from '../posix/calls/index.ts';
import { NOBODY } from './defects-support.ts';
import { mountAgain } from './second.ts';
import { type Backing, type Mounted, mountTest, must, printable, run, shAs, treeDigest } from './support.ts';

const EROFS = -30;

function prepare({ upper, lower: [a = '', b = ''] }: { upper: string; lower: string[] }): void {
  for (const [layer, name] of [
    [upper, 'upper'],
    [a, 'first'],
    [b, 'second'],
  ] as const) {
    mkdirSync(`${layer}/merged`);
    mkdirSync(`${layer}/only-${name}`);
    mkdirSync(`${layer}/empty-${name}`);
    writeFileSync(`${layer}/${name}`, name);
    writeFileSync(`${layer}/merged/${name}`, name);
    writeFileSync(`${layer}/only-${name}/file`, name);
    symlinkSync(name, `${layer}/link-${name}`);
    age(layer);
  }
}

/** Long ago, and read before it was written last: the next reading would be noted even by relatime. */
function age(dir: string): void {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (entry.isDirectory()) age(`${dir}/${entry.name}`);
    else lutimesSync(`${dir}/${entry.name}`, 1_000_000, 2_000_000);
  }
  utimesSync(dir, 1_000_000, 2_000_000);
}

const layersOf = ({ upper, lower }: Mounted) => [upper, ...lower];
const pathsOf = (m: Mounted) =>
  layersOf(m).flatMap((layer) => [
    layer,
    ...readdirSync(layer, { recursive: true }).map((path) => `${layer}/${path}`),
  ]);

/** All attributes of these paths, access and change times among them; to look at them changes none. */
const snapshot = (paths: string[]) => paths.map((path) => ({ path, ...lstatSync(path, { bigint: true }) }));

/** What must fail, in the directory of the mount; `name` is on one of the layers. */
const CHANGES: Record<string, (name: string) => number> = {
  'open for writing': (name) => calls.open(name, O_WRONLY),
  'open for reading and writing': (name) => calls.open(name, O_RDWR),
  'open with O_TRUNC': (name) => calls.open(name, O_RDONLY | O_TRUNC),
  create: (name) => calls.open(`${name}-new`, O_WRONLY | O_CREAT),
  'create in a directory': (name) => calls.open(`only-${name}/new`, O_RDONLY | O_CREAT),
  O_TMPFILE: (name) => calls.open(`only-${name}`, O_WRONLY | O_TMPFILE),
  truncate: (name) => calls.truncate(name, 0),
  unlink: (name) => calls.unlink(name),
  rmdir: (name) => calls.rmdir(`empty-${name}`),
  mkdir: (name) => calls.mkdir(`merged/${name}-new`),
  symlink: (name) => calls.symlink('x', `${name}-new`),
  mknod: (name) => calls.mknod(`${name}-new`, 0o010644),
  link: (name) => calls.link(name, `${name}-new`),
  rename: (name) => calls.rename(name, `merged/${name}-new`),
  'rename of a directory': (name) => calls.rename(`only-${name}`, `only-${name}-new`),
  'rename over': (name) => calls.rename(name, `merged/${name}`),
  exchange: (name) => calls.rename(name, `merged/${name}`, 2),
  chmod: (name) => calls.chmod(name, 0o600),
  'chmod of a directory': (name) => calls.chmod(`only-${name}`, 0o700),
  chown: (name) => calls.chown(name, -1, -1),
  lchown: (name) => calls.lchown(`link-${name}`, -1, -1),
  utimens: (name) => calls.utimens(name, 5n, 6n),
  touch: (name) => calls.touch(`merged/${name}`),
  setxattr: (name) => calls.setxattr(name, 'user.a', 'x'),
  removexattr: (name) => calls.removexattr(name, 'user.a'),
  access: (name) => calls.access(name, W_OK),
};

function changeNothing(t: import('tap').Test, m: Mounted): void {
  for (const name of ['upper', 'first', 'second']) {
    for (const [what, act] of Object.entries(CHANGES)) t.equal(act(name), EROFS, `${what}: ${name}`);
    const fd = calls.open(name, O_RDONLY);
    t.equal(calls.fchmod(fd, 0o600), EROFS, 'fchmod');
    t.equal(calls.futimens(fd, 'now', 'now'), EROFS, 'futimens');
    t.equal(calls.fsetxattr(fd, 'user.a', 'x'), EROFS, 'fsetxattr');
    calls.close(fd);
  }
  t.notOk(existsSync(`${m.upper}/.migratefs`), 'nothing of ours is made');
}

function readEverything(t: import('tap').Test, m: Mounted): void {
  for (const round of [1, 2]) {
    const tree = treeDigest(m.mnt);
    for (const name of ['upper', 'first', 'second']) {
      for (const path of [name, `merged/${name}`, `only-${name}/file`])
        t.equal(tree[path]?.size, BigInt(name.length));
      t.equal(tree[`link-${name}`]?.target, printable(Buffer.from(name)), `round ${round}`);
    }
    t.equal(readdirSync(`${m.mnt}/merged`).sort().join(' '), 'first second upper');
  }
  t.equal(calls.access(m.mnt, 4), 0);
  t.equal(typeof calls.stat(m.mnt), 'object');
}

for (const backing of ['ext4', 'xfs', 'btrfs', 'tmpfs'] as Backing[]) {
  const options = { backing, lowers: 2, options: 'ro', root: true, prepare };
  await mountTest(t, `read-only, ${backing}`, options, (t, m) => {
    const paths = pathsOf(m);
    layersOf(m).forEach(age); // listing them has set access times
    const before = snapshot(paths);
    t.teardown(() => calls.chdir('/'));
    t.equal(calls.chdir(m.mnt), 0);
    changeNothing(t, m);
    readEverything(t, m);
    calls.chdir('/');
    t.same(snapshot(paths), before, 'nothing has changed on any layer');
    t.same(pathsOf(m), paths, 'and nothing is new');
  });
}

await mountTest(t, 'read-only, as any user', { lowers: 2, options: 'ro', prepare }, (t, m) => {
  t.teardown(() => calls.chdir('/'));
  t.equal(calls.chdir(m.mnt), 0);
  changeNothing(t, m);
  readEverything(t, m);
  calls.chdir('/');
});

await mountTest(
  t,
  'a layer cannot be unmounted below a read-only mount',
  { backing: 'ext4', lowers: 2, size: '64M', options: 'ro', root: true, prepare },
  (t, m) => {
    for (const layer of layersOf(m)) t.match(run('umount', [layer]).stderr.toString(), /busy/, layer);
  },
);

/** Two links of one file that everybody may read, and two that root alone may. */
function links({ lower: [low = ''] }: { lower: string[] }): void {
  for (const name of ['open', 'shut']) {
    writeFileSync(`${low}/${name}-a`, 'old', { mode: name === 'open' ? 0o644 : 0o600 });
    linkSync(`${low}/${name}-a`, `${low}/${name}-b`);
  }
}

for (const permissions of ['layer', 'default']) {
  await mountTest(
    t,
    `names whose file has come up by another one are read by whoever may: permissions=${permissions}`,
    { root: true, needs: ['setpriv'], prepare: links },
    async (t, m) => {
      for (const name of ['open', 'shut']) writeFileSync(`${m.mnt}/${name}-a`, 'new');
      await m.remount(`ro,permissions=${permissions}`);
      const read =
        'for name in open shut; do for link in a b; do cat $name-$link || echo "not $name-$link"; done; done';
      const { stdout } = shAs(NOBODY, read, { cwd: m.mnt });
      t.equal(stdout, 'newnewnot shut-a\nnot shut-b', 'by opening them');
      const ask =
        'for name in open shut; do for link in a b; do test -r $name-$link && echo $name-$link; done; done || true';
      t.equal(shAs(NOBODY, ask, { cwd: m.mnt }).stdout, 'open-a\nopen-b', 'by access(2)');
      t.equal(readFileSync(`${m.mnt}/shut-b`, 'utf8'), 'new', 'and by root');
    },
  );
}

await mountTest(
  t,
  'what other mounts copy up since is seen by every name',
  { options: 'ro,cache=none', prepare: links },
  async (t, m) => {
    const read = () => ['open-a', 'open-b'].map((name) => readFileSync(`${m.mnt}/${name}`, 'utf8'));
    t.same(read(), ['old', 'old']);
    t.notOk(existsSync(`${m.upper}/.migratefs`), 'it was the first');
    const other = await mountAgain(t, m, 'cache=none');
    writeFileSync(`${other}/open-a`, 'new');
    t.same(read(), ['new', 'new']);
  },
);

await mountTest(
  t,
  'what is mounted inside a layer and cannot be bound elsewhere is shown too',
  { root: true, prepare: ({ lower: [low = ''] }) => void mkdirSync(`${low}/a volume`) },
  async (t, m) => {
    await m.unmount();
    const volume = `${m.lower[0]}/a volume`;
    must('mount', ['-t', 'tmpfs', 'tmpfs', volume]);
    try {
      must('mount', ['--make-unbindable', volume]);
      writeFileSync(`${volume}/file`, 'here');
      await m.remount('ro');
      t.equal(readFileSync(`${m.mnt}/a volume/file`, 'utf8'), 'here');
      t.equal(calls.open(`${m.mnt}/a volume/file`, O_WRONLY), EROFS);
    } finally {
      await m.unmount();
      must('umount', [volume]);
    }
    await m.remount();
  },
);
