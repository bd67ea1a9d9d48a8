// What a copy must carry besides its bytes, in the order in which nothing undoes what came before: owner (it clears setuid and
// capabilities), mode, xattrs (ACLs, capabilities, user, trusted, security), times to the nanosecond.

import { E2BIG, ENODATA, ENOSPC, ENOSYS, EOPNOTSUPP, EPERM, ERANGE } from '../../protocol/errno.ts';
import { AT_EMPTY_PATH, AT_FDCWD, CAP_FOWNER, S_IFLNK } from '../sys/constants.ts';
import { withoutCapability } from '../sys/credentials.ts';
import { type CString, cstring, EMPTY } from '../sys/cstring.ts';
import { chmod, fchownat, procPath, utimensat } from '../sys/path.ts';
import type { Stat } from '../sys/stat.ts';
import { ATIME, MTIME, TimeSpecs } from '../sys/times.ts';
import { getxattr, listxattr, removexattr, setxattr, XATTR_MAX, xattrNames } from '../sys/xattr.ts';
import { asEither } from './either.ts';
import type { FileSystem } from './filesystem.ts';
import { ACCESS_ACL, type Given, nameOf, xattrNamesOf, xattrOf } from './given.ts';
import { setWithRoom } from './xattrroom.ts';

const list = new Uint8Array(XATTR_MAX);
const value = new Uint8Array(XATTR_MAX);
const times = new TimeSpecs();

/**
 * Told the name of each xattr that the target does not take. @param fits whether it could, if there were room: then the copy must end.
 * @returns 0 to go on without it, or the errno that ends the copy.
 */
export type XattrRefused = (name: Uint8Array, errno: number, fits: boolean) => number;

/**
 * Gives `target` the metadata of `source`, which is read by who may; both descriptors may be O_PATH, of any type but the same.
 * @param stat the source's attributes. @returns 0 or a negative errno.
 */
export function copyMetadata(
  fs: FileSystem,
  source: number,
  target: number,
  stat: Stat,
  refused: XattrRefused,
): number {
  let result = fchownat(target, EMPTY, stat.uid, stat.gid, AT_EMPTY_PATH);
  if (result < 0) return result;
  if (stat.type !== S_IFLNK) {
    result = chmod(procPath(target), stat.mode & 0o7777);
    if (result < 0) return result;
  }
  result = copyXattrs(fs, source, target, refused);
  return result < 0 ? result : copyTimes(target, stat);
}

/**
 * Gives an empty copy to the source's owner before it gets its data: what it takes is charged to him from the first byte, and ends where his quota
 * does. xfs lets whoever has CAP_FOWNER pass another user's quota in chown(2). @returns 0, -EDQUOT or another negative errno
 */
export function giveToOwner(target: number, { uid, gid }: Stat): number {
  return withoutCapability(CAP_FOWNER, () => fchownat(target, EMPTY, uid, gid, AT_EMPTY_PATH));
}

/** Sets access and modification time of what a descriptor, O_PATH or not, holds. */
export function copyTimes(target: number, stat: Stat): number {
  times.set(ATIME, stat.atimeSec, stat.atimeNsec).set(MTIME, stat.mtimeSec, stat.mtimeNsec);
  return utimensat(AT_FDCWD, procPath(target), times, 0);
}

// The paths through /proc follow the link to the very object, so that a symlink's own xattrs are meant, never its target's.
function copyXattrs(fs: FileSystem, source: number, target: number, refused: XattrRefused): number {
  const length = asEither(fs, () => listxattr(procPath(source), list, XATTR_MAX));
  if (length < 0) return length === -EOPNOTSUPP || length === -ENOSYS ? 0 : length;
  for (const name of xattrNames(list, length)) {
    if (isMirrored(name)) continue;
    const result = copyXattr(fs, source, target, name, refused);
    if (result < 0) return result;
  }
  return dropInheritedAcl(fs, source, target);
}

/** Gives a copy that has its name the xattrs that have changed of its source, but for what users of the copy have changed since. @param mode whether they have left its mode alone */
export function carryXattrs(
  fs: FileSystem,
  source: number,
  target: number,
  given: Given,
  mode: boolean,
  refused: XattrRefused,
): number {
  const wanted = asEither(fs, () => xattrNamesOf(source));
  for (const name of new Set([...wanted, ...given.names])) {
    const bytes = nameOf(name);
    const value = asEither(fs, () => xattrOf(source, bytes));
    if (isMirrored(bytes) || given.has(name, value) || !given.has(name, xattrOf(target, bytes))) continue;
    // The mode shows a part of it.
    if (name === ACCESS_ACL && !mode) continue;
    let result = 0;
    if (value !== undefined) result = copyXattr(fs, source, target, bytes, refused);
    else if (isUsers(name)) result = removexattr(procPath(target), bytes);
    if (result < 0 && result !== -ENODATA) return result;
  }
  return 0;
}

/** Not what a storage or a security module keeps for itself. */
const isUsers = (name: string): boolean =>
  /^(?:user|trusted)\.|^system\.posix_acl_|^security\.capability$/.test(name) &&
  !name.startsWith('trusted.SGI_');

function copyXattr(
  fs: FileSystem,
  source: number,
  target: number,
  name: CString,
  refused: XattrRefused,
): number {
  const size = asEither(fs, () => getxattr(procPath(source), name, value, XATTR_MAX));
  if (size === -ENODATA) return 0; // removed since it was listed; a change of the source is seen later
  if (size < 0) return size === -EOPNOTSUPP ? refused(name, -size, false) : size;
  const set = () => setxattr(procPath(target), name, value, size, 0);
  const { result, tooLarge } = setWithRoom(target, name, size, set);
  if (result === 0) return 0;
  // A label of the same value that the system set itself cannot be set again by some security modules: it is there.
  const there = getxattr(procPath(target), name, echo, XATTR_MAX);
  if (there === size && sameBytes(value, echo, size)) return 0;
  const cannot = tooLarge || CANNOT.includes(-result) || there === -EOPNOTSUPP;
  return cannot || result === -ENOSPC ? refused(name, -result, !cannot) : result;
}

/** What a storage says that has no such xattrs, or none so large. */
const CANNOT: readonly number[] = [EOPNOTSUPP, ENOSYS, ERANGE, EPERM, E2BIG];

const MIRRORED = cstring('trusted.SGI_');

/** xfs lists its ACLs a second time, in its own format, under such names: the target makes its own of `system.posix_acl_…`. */
function isMirrored(name: CString): boolean {
  for (let i = 0; i < MIRRORED.length - 1; i++) if (name[i] !== MIRRORED[i]) return false;
  return true;
}

const echo = new Uint8Array(XATTR_MAX);
const ACLS = [cstring('system.posix_acl_access'), cstring('system.posix_acl_default')];

// A new object takes ACLs from its parent's default ACL; the copy must have the source's, which may be none.
function dropInheritedAcl(fs: FileSystem, source: number, target: number): number {
  for (const name of ACLS) {
    if (getxattr(procPath(target), name, echo, XATTR_MAX) <= 0) continue;
    if (asEither(fs, () => getxattr(procPath(source), name, echo, XATTR_MAX)) >= 0) continue;
    const result = removexattr(procPath(target), name);
    if (result < 0) return result;
  }
  return 0;
}

function sameBytes(a: Uint8Array, b: Uint8Array, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return false;
  return true;
}
