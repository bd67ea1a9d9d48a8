/**
 * Taking a mount away: umount2(2) as root, fusermount3 as a user.
 */
import { EBUSY, EINVAL, ENOENT, EPERM, errnoName } from '../../protocol/errno.ts';
import { cstring } from '../sys/cstring.ts';
import { umount2 } from '../sys/mount.ts';
import { connectionOf, mountAt } from '../sys/mountinfo.ts';
import { pointOf } from './checks.ts';
import { daemonOf, gone } from './daemon-process.ts';
import { SystemError } from './errors.ts';
import { unmountByHelper } from './fusermount.ts';
import { isDead } from './left.ts';
import { FS_TYPE, MNT_DETACH, UMOUNT_NOFOLLOW } from './mount-flags.ts';
import { placeOf } from './place.ts';
import { printable, shellWord } from './printable.ts';

/** `point` as the kernel lists it. @returns 0 or a negative errno, -EBUSY above all; the words of who refused, if any */
export async function detach(point: string, lazy: boolean): Promise<{ result: number; message: string }> {
  if (process.geteuid?.() !== 0) return unmountByHelper(point, lazy);
  return { result: umount2(cstring(point), UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)), message: '' };
}

/** Unmounts a migratefs mount, for `migratefs umount`, and waits for its daemon's end unless `lazy`. @throws SystemError */
export async function unmount(mountpoint: string, lazy: boolean): Promise<void> {
  const what = printable(mountpoint);
  const point = listedPoint(mountpoint);
  if (point === undefined) {
    throw new SystemError(
      'NOT_MOUNTED',
      `${what} is not a migratefs mount: findmnt -t ${FS_TYPE} lists those that are`,
    );
  }
  const mount = mountAt(point);
  const owner = mount?.owner;
  if (process.geteuid?.() !== 0 && owner !== process.getuid?.()) {
    throw new SystemError(
      'UNMOUNT_FAILED',
      `${what} belongs to another user (uid ${owner}): unmount it as that user or as root`,
    );
  }
  const daemon = lazy ? undefined : daemonOf(connectionOf(mount));
  let { result, message } = await detach(point, lazy);
  // Who uses a mount that nobody serves has nothing more to lose.
  if (result === -EBUSY && !lazy && isDead(point)) ({ result, message } = await detach(point, true));
  switch (result) {
    case 0:
      return daemon === undefined ? undefined : gone(daemon);
    case -EBUSY:
      throw new SystemError(
        'BUSY',
        `${what} is in use: end what uses it (fuser -vm ${shellWord(mountpoint)} shows it), or detach it with migratefs umount --lazy ${shellWord(mountpoint)}`,
      );
    case -EINVAL:
    case -ENOENT:
      throw new SystemError('NOT_MOUNTED', `${what} is no longer mounted`);
    case -EPERM:
      throw new SystemError(
        'UNMOUNT_FAILED',
        message || `${what} cannot be unmounted: not permitted, do it as root`,
      );
    default:
      throw new SystemError(
        'UNMOUNT_FAILED',
        `${what} cannot be unmounted: ${message || errnoName(-result)}`,
      );
  }
}

/** The path under which it is mounted, found without touching the mount unless a symbolic link leads to it. */
function listedPoint(path: string): string | undefined {
  const isOurs = (point: string | undefined) => point !== undefined && mountAt(point)?.type === FS_TYPE;
  const point = pointOf(path);
  if (isOurs(point)) return point;
  try {
    const { path: real } = placeOf(path);
    return isOurs(real) ? real : undefined;
  } catch {
    return undefined;
  }
}
