// The storages that mounted tests work on: plain directories, or file systems of their own: tmpfs, an image file on a loop device, or a
// GlusterFS volume, which several hosts can mount.

import { appendFileSync, existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Volume } from './gluster.ts';
import { has, isRoot, must, run } from './tools.ts';

/** `-quota`: with quotas of users and projects; `-squash`: root is nobody there. */
export type Backing =
  | 'dir'
  | 'tmpfs'
  | 'ext4'
  | 'xfs'
  | 'btrfs'
  | 'gluster'
  | 'gluster-squash'
  | 'ext4-quota'
  | 'xfs-quota';

/** Where a volume that squashes root (`gluster-squash`) is mounted once more, for its administrator. */
export const asAdministrator = (path: string): string => `${path}-administrator`;

const isGluster = (backing: Backing): boolean => backing.startsWith('gluster');

/** What a GlusterFS volume lies on. */
const BRICKS = 'ext4';

const EXT4 = ['mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=1,lazy_journal_init=1,nodiscard'];
const XFS = ['mkfs.xfs', '-q', '-f', '-K'];

const MKFS: Record<string, string[]> = {
  ext4: EXT4,
  xfs: XFS,
  btrfs: ['mkfs.btrfs', '-q', '-f', '-K'],
  'ext4-quota': [...EXT4, '-O', 'quota,project'],
  'xfs-quota': XFS,
};

const MOUNT_OPTIONS: Record<string, string> = {
  'ext4-quota': 'loop,usrquota,prjquota',
  'xfs-quota': 'loop,uquota,pquota',
};

const keeps = new Map<Backing, boolean>();

/** Whether the kernel keeps quotas on a kind of file system, which is found out by mounting one. */
function keepsQuotas(backing: Backing): boolean {
  const known = keeps.get(backing);
  if (known !== undefined) return known;
  const dir = mkdtempSync(`${tmpdir()}/migratefs-quota-`);
  const image = `${dir}/image`;
  must('truncate', ['-s', '512M', image]);
  const [mkfs, ...options] = MKFS[backing] as [string, ...string[]];
  must(mkfs, [...options, image]);
  const mounted = run('mount', ['-t', typeOf(backing), '-o', optionsOf(backing), image, dir]).status === 0;
  if (mounted) must('umount', [dir]);
  rmSync(dir, { recursive: true });
  keeps.set(backing, mounted);
  return mounted;
}

const typeOf = (backing: Backing): string => backing.replace('-quota', '');
const optionsOf = (backing: Backing): string => MOUNT_OPTIONS[backing] ?? 'loop';

/** Why a backing cannot be had here. `userCannot`: only because of this user or this kernel, which is no fault of the machine. */
export function backingMissing(backing: Backing): { reason: string; userCannot: boolean } | undefined {
  if (backing === 'dir') return undefined;
  if (!isRoot) return { reason: `root alone can mount ${backing}`, userCannot: true };
  if (isGluster(backing)) {
    const missing = ['glusterfsd', 'setfattr'].find((program) => !has(program));
    if (missing !== undefined) return { reason: `no ${missing} here`, userCannot: false };
  }
  const mkfs = MKFS[isGluster(backing) ? BRICKS : backing]?.[0];
  if (mkfs === undefined) return undefined;
  if (!has(mkfs)) return { reason: `no ${mkfs} here`, userCannot: false };
  if (!existsSync('/dev/loop-control')) return { reason: 'no loop devices here', userCannot: false };
  if (!backing.endsWith('-quota')) return undefined;
  if (!has('setquota')) return { reason: 'no setquota here', userCannot: false };
  if (keepsQuotas(backing)) return undefined;
  return { reason: `this kernel keeps no quotas on ${typeOf(backing)}`, userCannot: true };
}

/** Takes a mount away; what is busy is tried again for a while. @returns what umount said at last, or undefined */
export function unmountPath(path: string): string | undefined {
  for (let attempt = 0; ; attempt++) {
    const { status, stderr } = isRoot ? run('umount', [path]) : run('fusermount3', ['-u', path]);
    if (status === 0) return undefined;
    if (attempt === 30) return stderr.toString().trim();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
}

export interface Storage {
  path: string;
  /** Where another host has it: a network file system is mounted there once more, all else is the same directory. */
  elsewhere: () => string;
  /** @returns what went wrong, or undefined */
  remove: () => string | undefined;
}

// btrfs soon runs out of room for metadata where there is little in all; it then aborts a transaction and is read-only from there on.
const usualSize = (backing: Backing): string => (backing === 'btrfs' ? '8G' : '1G');

/**
 * Makes an empty storage at `path`, for everybody to go through.
 * @param dir the test's own: what is mounted and started is noted in there for its guard
 * @param size of the file system; image files are sparse. By default, more than a test fills
 * @param image where the image file is to lie
 */
export function makeStorage(
  backing: Backing,
  path: string,
  dir: string,
  size = usualSize(backing),
  image = `${path}.img`,
): Storage {
  if (isGluster(backing)) return makeVolume(path, dir, size, backing === 'gluster-squash');
  mkdirSync(path);
  const elsewhere = () => path;
  if (backing === 'dir') return { path, elsewhere, remove: () => undefined };
  appendFileSync(`${dir}/mounts`, `${path}\n`);
  if (backing === 'tmpfs') must('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=755`, 'tmpfs', path]);
  else {
    must('truncate', ['-s', size, image]);
    const [mkfs, ...options] = MKFS[backing] as [string, ...string[]];
    must(mkfs, [...options, image]);
    must('mount', ['-t', typeOf(backing), '-o', optionsOf(backing), image, path]);
    if (existsSync(`${path}/lost+found`)) rmdirSync(`${path}/lost+found`);
  }
  return {
    path,
    elsewhere,
    remove: () => {
      const error = unmountPath(path);
      if (error === undefined) rmSync(image, { force: true });
      return error;
    },
  };
}

function makeVolume(path: string, dir: string, size: string, squash: boolean): Storage {
  const bricks = makeStorage(BRICKS, `${path}-bricks`, dir, size);
  const points: string[] = [];
  let volume: Volume | undefined;
  const mount = (point: string, administrator = false) => {
    mkdirSync(point);
    appendFileSync(`${dir}/mounts`, `${point}\n`);
    volume?.mount(point, administrator);
    points.push(point);
    return point;
  };
  const remove = () => {
    const errors = points.reverse().map(unmountPath);
    volume?.end();
    return [...errors, bricks.remove()].find((error) => error !== undefined);
  };
  try {
    volume = new Volume(`${path}-volume`, bricks.path, `${dir}/pids`, { squash });
    mount(path);
    if (squash) mount(asAdministrator(path), true);
  } catch (error) {
    remove();
    throw error;
  }
  return { path, elsewhere: () => mount(`${path}-${points.length + 1}`), remove };
}
