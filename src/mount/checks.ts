/**
 * Everything that can be known to be wrong before anything is touched: layers, mount point, device. The first fault
 * found is thrown, as one line that names the thing and the mend.
 */
import { accessSync, constants, opendirSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { mountAt, readMounts } from '../sys/mountinfo.ts';
import { checkDevice, checkKernel } from './device-node.ts';
import { SystemError } from './errors.ts';
import { findFusermount } from './fusermount.ts';
import { isDead } from './left.ts';
import { FS_TYPE } from './mount-flags.ts';
import type { MountOptions } from './options.ts';
import { checkLayersApart, checkMountpointApart } from './overlap.ts';
import { type Place, placeOf } from './place.ts';
import { messageOf, printable, shellWord } from './printable.ts';

export interface CheckedPaths {
  readonly lower: readonly Place[];
  readonly upper: Place;
  /** Undefined when an already mounted device descriptor was given. */
  readonly mountpoint: Place | undefined;
}

/** @throws UsageError | SystemError */
export function checkMount(options: MountOptions, mountpoint: string, root: boolean): CheckedPaths {
  checkKernel();
  const lower = options.lower.map((path) => layerPlace('lowerdir', path));
  const upper = layerPlace('upperdir', options.upper);
  if (options.mountedLayers) {
    checkMounted('upperdir', upper);
    for (const place of lower) checkMounted('lowerdir', place);
  }
  checkLayersApart(upper, lower);
  for (const place of lower) checkReadable('lowerdir', place);
  checkReadable('upperdir', upper);
  if (!options.readOnly) checkWritable(upper);
  if (givenDevice(mountpoint) !== undefined) return { lower, upper, mountpoint: undefined };
  const place = mountpointPlace(mountpoint);
  const layers = [{ name: 'upperdir', place: upper }, ...lower.map((l) => ({ name: 'lowerdir', place: l }))];
  checkMountpointApart(place, layers);
  checkNotMounted(place);
  if (!root) checkOwned(place);
  if (!options.nonempty) checkEmpty(place);
  checkDevice();
  if (!root) findFusermount();
  return { lower, upper, mountpoint: place };
}

/** The descriptor of `/dev/fd/N`, as libfuse takes it: a device that someone else has mounted. */
export function givenDevice(mountpoint: string): number | undefined {
  const match = /^\/dev\/fd\/(\d{1,9})$/.exec(mountpoint);
  return match === null ? undefined : Number(match[1]);
}

function code(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? messageOf(error);
}

function layerPlace(name: string, path: string): Place {
  try {
    return placeOf(path);
  } catch (error) {
    const what = `${name} ${printable(path)}`;
    switch (code(error)) {
      case 'ENOENT':
        throw new SystemError('LAYER_MISSING', `${what} does not exist: make it, or name another directory`);
      case 'ENOTDIR':
        throw new SystemError('LAYER_NOT_DIRECTORY', `${what} is not a directory: name a directory`);
      case 'EACCES':
        throw new SystemError(
          'LAYER_UNREADABLE',
          `${what} may not be reached by this user: give it search permission`,
        );
      case 'ENOTCONN':
        throw new SystemError(
          'LAYER_UNREADABLE',
          `${what} lies on a mount whose daemon is gone: unmount that (umount -l; findmnt -T ${shellWord(path)} shows which), and mount it again`,
        );
      default:
        throw new SystemError('LAYER_UNREADABLE', `${what} cannot be used: ${code(error)}`);
    }
  }
}

function checkMounted(name: string, place: Place): void {
  if (statSync(place.path).dev !== statSync('/').dev) return;
  throw new SystemError(
    'LAYER_NOT_MOUNTED',
    `${name} ${printable(place.given)} lies on the file system of /, and with the option mounted-layers it may not: mount the storage there`,
  );
}

function checkReadable(name: string, place: Place): void {
  try {
    accessSync(place.path, constants.R_OK | constants.X_OK);
    const directory = opendirSync(place.path, { bufferSize: 1 });
    try {
      directory.readSync();
    } finally {
      directory.closeSync();
    }
  } catch (error) {
    const mend =
      code(error) === 'EACCES' ? 'may not be read by this user: give it read permission' : undefined;
    throw new SystemError(
      'LAYER_UNREADABLE',
      `${name} ${printable(place.given)} ${mend ?? `cannot be read: ${code(error)}`}`,
    );
  }
}

function checkWritable(upper: Place): void {
  try {
    accessSync(upper.path, constants.W_OK);
  } catch (error) {
    const what = `upperdir ${printable(upper.given)}`;
    const mend =
      code(error) === 'EROFS'
        ? 'is on a file system that is mounted read only: remount it read-write, or add the option ro'
        : code(error) === 'EACCES'
          ? 'may not be written by this user: give it write permission, or add the option ro'
          : `cannot be written: ${code(error)}`;
    throw new SystemError('LAYER_READ_ONLY', `${what} ${mend}`);
  }
}

function mountpointPlace(path: string): Place {
  const what = `mount point ${printable(path)}`;
  // Asked of the kernel's list first: the directory of a mount whose daemon is gone cannot even be looked at.
  const point = pointOf(path);
  if (point !== undefined && mountAt(point)?.type === FS_TYPE)
    throw isDead(point) ? daemonGone(path) : alreadyMounted(path);
  try {
    return placeOf(path);
  } catch (error) {
    switch (code(error)) {
      case 'ENOENT':
        throw new SystemError(
          'MOUNTPOINT_MISSING',
          `${what} does not exist: make it, mkdir ${shellWord(path)}`,
        );
      case 'ENOTDIR':
        throw new SystemError('MOUNTPOINT_NOT_DIRECTORY', `${what} is not a directory: name a directory`);
      case 'ENOTCONN':
        throw daemonGone(path, 'umount -l');
      case 'EACCES':
        throw new SystemError(
          'MOUNTPOINT_DENIED',
          `${what} may not be reached by this user: name another directory`,
        );
      default:
        throw new SystemError('MOUNTPOINT_UNREADABLE', `${what} cannot be used: ${code(error)}`);
    }
  }
}

/** The path as the kernel lists it, without looking at its last part. Undefined when the way to it is not there. */
export function pointOf(path: string): string | undefined {
  const full = resolve(path);
  try {
    return full === '/' ? full : resolve(placeOf(dirname(full)).path, basename(full));
  } catch {
    return undefined;
  }
}

function daemonGone(path: string, command = 'migratefs umount'): SystemError {
  return new SystemError(
    'ALREADY_MOUNTED',
    `mount point ${printable(path)} is a mount whose daemon is gone: unmount it first, ${command} ${shellWord(path)}`,
  );
}

function alreadyMounted(path: string): SystemError {
  return new SystemError(
    'ALREADY_MOUNTED',
    `mount point ${printable(path)} is already a migratefs mount: unmount it first, migratefs umount ${shellWord(path)}`,
  );
}

function checkNotMounted(place: Place): void {
  if (mountAt(place.path, readMounts())?.type === FS_TYPE) throw alreadyMounted(place.given);
}

/** What fusermount3 demands of a user. */
function checkOwned(place: Place): void {
  const what = `mount point ${printable(place.given)}`;
  const { uid, mode } = statSync(place.path);
  if ((mode & 0o1000) !== 0 && uid !== process.getuid?.()) {
    throw new SystemError(
      'MOUNTPOINT_DENIED',
      `${what} belongs to another user: mount on a directory of your own`,
    );
  }
  try {
    accessSync(place.path, constants.W_OK);
  } catch {
    throw new SystemError(
      'MOUNTPOINT_DENIED',
      `${what} may not be written by this user: mount on a directory of your own`,
    );
  }
}

function checkEmpty(place: Place): void {
  const what = `mount point ${printable(place.given)}`;
  try {
    const directory = opendirSync(place.path, { bufferSize: 1 });
    try {
      if (directory.readSync() === null) return;
    } finally {
      directory.closeSync();
    }
  } catch (error) {
    throw new SystemError('MOUNTPOINT_UNREADABLE', `${what} cannot be listed: ${code(error)}`);
  }
  throw new SystemError(
    'MOUNTPOINT_NOT_EMPTY',
    `${what} is not empty: empty it, or add the option nonempty (what is in it is hidden while mounted)`,
  );
}
