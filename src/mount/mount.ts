/**
 * Checked options become a mounted device: the one place that decides who mounts and with which kernel options.
 */
import { fstatSync, readFileSync } from 'node:fs';
import { EPERM } from '../../protocol/errno.ts';
import { connectionOf, mountAt, readMounts } from '../sys/mountinfo.ts';
import type { CheckedPaths } from './checks.ts';
import { toldConnection } from './daemon-process.ts';
import { SystemError } from './errors.ts';
import { mountByHelper } from './fusermount.ts';
import { mountByKernel } from './kernel-mount.ts';
import { isLeft } from './left.ts';
import { fusermountFlags } from './mount-flags.ts';
import { escapeValue } from './option-words.ts';
import type { MountOptions } from './options.ts';
import { detach } from './unmount.ts';
import { watchMount } from './watcher.ts';

export interface Mounted {
  /** Close it, or hand it to a session that does. */
  readonly device: number;
  /** The FUSE connection's number, when it is known. */
  readonly connection: number | undefined;
  /** Takes the mount away. @returns 0 or a negative errno, -EBUSY when it is in use and `lazy` is false */
  readonly unmount: (lazy: boolean) => Promise<number>;
  /** Whether it is still there although its connection has ended. */
  readonly isLeft: () => Promise<boolean>;
}

/** The largest read that the kernel may ask for: the session's buffers hold it. */
export const MAX_READ = 1 << 20;

const FUSE_RDEV = (10 << 8) | 229;

/** `source` is the one of the command line; the option fsname comes before it. @throws SystemError */
export async function mountDevice(
  options: MountOptions,
  paths: CheckedPaths,
  source?: string,
): Promise<Mounted> {
  const point = paths.mountpoint?.path;
  if (point === undefined) throw new TypeError('mountDevice without a mount point');
  const name = options.fsname ?? source ?? paths.upper.path;
  const root = process.geteuid?.() === 0;
  const device = root
    ? mountByKernel({ source: name, mountpoint: point, flags: options.flags, data: kernelData(options) })
    : await mountByHelper(point, helperOptions(options, name));
  const mount = mountAt(point);
  const connection = connectionOf(mount);
  if (options.autoUnmount && mount !== undefined) watchMount(point, mount.device, root);
  return {
    device,
    connection,
    unmount: async (lazy) => (await detach(point, lazy)).result,
    isLeft: () => isLeft(point, connection),
  };
}

function kernelData(options: MountOptions): string[] {
  return [...common(options), ...(options.allowOther ? ['allow_other'] : []), ...options.kernel];
}

function common(options: MountOptions): string[] {
  return [`max_read=${MAX_READ}`, ...(options.permissions === 'default' ? ['default_permissions'] : [])];
}

function helperOptions(options: MountOptions, name: string): string {
  return [
    ...fusermountFlags(options.flags),
    ...common(options),
    'subtype=migratefs',
    `fsname=${escapeValue(name)}`,
  ].join(',');
}

/**
 * A device descriptor that the caller has opened and mounted (`/dev/fd/N`). Where the kernel tells which connection that
 * is (fdinfo, Linux 6.15), we can end it; elsewhere only he who mounted it can.
 * `given`: how the caller named it. @throws SystemError
 */
export function adoptDevice(device: number, given: string): Mounted {
  let isDevice = false;
  try {
    const stat = fstatSync(device);
    isDevice = stat.isCharacterDevice() && stat.rdev === FUSE_RDEV;
  } catch {
    // EBADF: no such descriptor
  }
  if (!isDevice) {
    throw new SystemError('NO_DEVICE', `${given} is not an open /dev/fuse: hand over a mounted descriptor`);
  }
  const connection = toldConnection(readFileSync(`/proc/self/fdinfo/${device}`, 'latin1'));
  const mount = readMounts().findLast((m) => m.type.startsWith('fuse') && connectionOf(m) === connection);
  return {
    device,
    connection,
    unmount: async (lazy) => (mount === undefined ? -EPERM : (await detach(mount.point, lazy)).result),
    isLeft: async () => mount !== undefined && isLeft(mount.point, connection),
  };
}
