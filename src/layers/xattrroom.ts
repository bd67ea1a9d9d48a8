// ENOSPC for an xattr is said by a full storage, and by one that cannot hold as much in xattrs however empty it is (ext4, btrfs). An xattr may
// be left behind for the latter only: what a user has given a file is not lost because a disk was full for a moment.

import { ENOSPC } from '../../protocol/errno.ts';
import type { CString } from '../sys/cstring.ts';
import { procPath } from '../sys/path.ts';
import { fstatfs, StatFs } from '../sys/statfs.ts';
import { getxattr, listxattr, XATTR_MAX, xattrNames } from '../sys/xattr.ts';
import { EXT4, TMPFS, XFS } from './storagekind.ts';

/** They hold all that Linux lets anybody set, so they are full; and xfs tells of no file how much its project has left. */
const HOLD_ALL: readonly number[] = [XFS, TMPFS];

/** More than any attribute takes, with what a file system keeps for itself. */
const ROOM_BYTES = 16n << 20n;
const ROOM_INODES = 100n;
const ACL = 'system.posix_acl_';

const statfs = new StatFs();
const list = new Uint8Array(XATTR_MAX);
const nothing = new Uint8Array(1);

/**
 * Sets an xattr; once more where there is room for what was refused. @param target of which the file system is asked.
 * @returns 0 or a negative errno, and whether the storage could not hold it either if it were empty; in doubt it could. An ACL is never found not
 * to fit: without it others might read the copy.
 */
export function setWithRoom(
  target: number,
  name: CString,
  size: number,
  set: () => number,
): { result: number; tooLarge: boolean } {
  let result = set();
  if (result !== -ENOSPC || !hasRoom(target)) return { result, tooLarge: false };
  result = set();
  const tooLarge =
    result === -ENOSPC && !startsWith(name, ACL) && hasRoom(target) && isMoreThanFits(target, name, size);
  return { result, tooLarge };
}

function hasRoom(target: number): boolean {
  if (fstatfs(target, statfs) < 0) return false;
  const { bavail, frsize, files, ffree } = statfs;
  return BigInt(bavail) * BigInt(frsize) >= ROOM_BYTES && (files === 0 || BigInt(ffree) >= ROOM_INODES);
}

/** Of the file system that was asked last. */
function isMoreThanFits(target: number, name: CString, size: number): boolean {
  const { type, bsize } = statfs;
  if (HOLD_ALL.includes(type)) return false;
  // ext4 has one block for all of a file's, others have at least one for each value.
  return (type === EXT4 ? heldByExt4(target) + sizeInExt4(name, size) : size) > bsize;
}

/** What all xattrs that a file has take. */
function heldByExt4(target: number): number {
  const length = listxattr(procPath(target), list, XATTR_MAX);
  let held = HEADER;
  for (const name of xattrNames(list, length))
    held += sizeInExt4(name, Math.max(0, getxattr(procPath(target), name, nothing, 0)));
  return held;
}

/** Of a block of xattrs, and what ends it. */
const HEADER = 32 + 4;

/** An entry, the name without its kind, the value; fs/ext4/xattr.h. */
const sizeInExt4 = (name: CString, size: number): number =>
  16 + padded(name.length - 2 - name.indexOf(DOT)) + padded(size);
const padded = (size: number): number => (size + 3) & ~3;
const DOT = 0x2e;

function startsWith(name: CString, start: string): boolean {
  return Buffer.from(name.subarray(0, start.length)).toString('latin1') === start;
}
