// stress-ng's file system stressors on a mount: each must pass that passes on the layer itself, and leave nothing behind.
// A stressor that complains on the mount is run on the layer too, and must have the same complaints there.

import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import t, { type Test } from 'tap';
import { NOBODY } from '../mounted/defects-support.ts';
import { type Backing, type Mounted, mountTest, run, sh, shAs, type User } from '../mounted/support.ts';
import { assertHealthy, limit, scaled } from './support.ts';

/** The class `filesystem`, less what has nothing to do with one or syncs every mount there is, and others that read, write, map and lock files. */
const STRESSORS =
  `access chattr chdir chmod chown copy-file dentry dir dirdeep dirmany dnotify dup fallocate fanotify fault fcntl
  fiemap fifo file-ioctl filename flock fpunch fsize fstat getdent handle hdd inode-flags inotify iomix lease link locka
  lockf lockofd mknod open rename symlink sync-file touch utime verity xattr aio aiol io-uring mmap mmapfork msync readahead
  revio seek sendfile sock splice`.split(/\s+/);

/** Sizes that fit the layers; each directory of chdir takes two descriptors of the daemon. */
const SIZES =
  `--chdir-dirs 1024 --fallocate-bytes 32m --fiemap-bytes 32m --hdd-bytes 32m --iomix-bytes 32m --mmap-bytes 16m
  --readahead-bytes 32m --seek-size 32m --sync-file-bytes 32m`.split(/\s+/);

/** What the kernel does not pass on to any FUSE file system, by what stress-ng says of it. */
const NOT_PASSED_ON: Record<string, RegExp> = {
  fiemap: /^info: FS_IOC_FIEMAP not supported on the file system, skipping stressor/,
  verity: /^info: verity is not supported on the file system or by the kernel, skipping stress test/,
};

interface Outcome {
  status: number | null;
  complaints: string[];
  left: string[];
}

/** Runs one stressor, two of it, in a new directory below `parent`. */
function stress(stressor: string, parent: string, user: User | undefined): Outcome {
  const dir = `${parent}/${stressor}`;
  mkdirSync(dir, { mode: 0o777 });
  sh('chmod 777 "$1"', { args: [dir] });
  const words = ['-k', '10', `${scaled(1) + 60}`, 'stress-ng', `--${stressor}`, '2', '--verify', ...SIZES];
  words.push('--timeout', `${scaled(1)}`, '--temp-path', dir);
  const done = user
    ? shAs(user, 'exec timeout "$@" 2>&1', { cwd: dir, args: words, timeout: limit(120_000) })
    : run('bash', ['-c', 'exec timeout "$@" 2>&1', 'bash', ...words], { cwd: dir, timeout: limit(120_000) });
  const complaints = `${done.stdout}`
    .split('\n')
    .filter((line) => /: (?:fail|error): |errno=|skipp|not support/i.test(line))
    .map((line) =>
      line.replace(/^stress-ng: (\w+): +\[\d+\] [\w-]+: /, '$1: ').replace(/, filesystem type: .*/, ''),
    )
    .map((line) => line.replaceAll(dir, '.').replaceAll(/\d{3,}/g, 'N'));
  const left = readdirSync(dir);
  rmSync(dir, { recursive: true });
  return { status: done.status, complaints: [...new Set(complaints)].sort(), left };
}

const cases: { backing: Backing; threads: number; user?: User }[] = [
  { backing: 'ext4', threads: 8 },
  { backing: 'xfs', threads: 1, user: NOBODY },
  { backing: 'btrfs', threads: 8 },
  { backing: 'tmpfs', threads: 2 },
];

for (const { backing, threads, user } of cases) {
  await mountTest(
    t,
    `stress-ng on ${backing}, ${threads} workers${user ? ', as an ordinary user' : ''}`,
    {
      backing,
      size: '3G',
      options: `threads=${threads}`,
      needs: ['stress-ng'],
      timeout: limit(400_000),
      prepare: ({ lower: [a = ''] }) => mkdirSync(`${a}/merged`),
    },
    (t, m) => {
      mkdirSync(`${m.upper}/plain`);
      for (const stressor of STRESSORS) compare(t, m, stressor, user);
      assertHealthy(t, m);
    },
  );
}

function compare(t: Test, m: Mounted, stressor: string, user: User | undefined): void {
  const merged = stress(stressor, `${m.mnt}/merged`, user);
  const known = NOT_PASSED_ON[stressor];
  merged.complaints = merged.complaints.filter((line) => !known?.test(line));
  const clean = merged.status === 0 && merged.complaints.length === 0 && merged.left.length === 0;
  t.same(
    merged,
    clean ? { status: 0, complaints: [], left: [] } : stress(stressor, `${m.upper}/plain`, user),
    stressor,
  );
}
