// Extended attributes and ACLs: read from the object that the merged tree shows, changed as other metadata is.

import { E2BIG, EEXIST, EINVAL, ENODATA, ERANGE, EROFS, ESTALE } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { newNameRef } from '../inodes/table.ts';
import { S_IFDIR, XATTR_CREATE, XATTR_REPLACE } from '../sys/constants.ts';
import type { CString } from '../sys/cstring.ts';
import { close } from '../sys/fd.ts';
import { procPath } from '../sys/path.ts';
import { getxattr, listxattr, removexattr, setxattr, XATTR_MAX } from '../sys/xattr.ts';
import type { FileSystem } from './filesystem.ts';
import { forget } from './forget.ts';
import { anyDescriptor, directoryDescriptor, newPlace, openNow } from './locate.ts';
import { lockNode } from './locking.ts';
import { lookup } from './lookup.ts';
import { onEachSide } from './setattr.ts';

/** GETXATTR. @param size bytes that the caller takes; 0 asks for the length. @returns the length or a negative errno. */
export function getXattr(
  fs: FileSystem,
  node: NodeId,
  name: CString,
  into: Uint8Array,
  size: number,
): number {
  return onVisible(fs, node, (fd) => getxattr(procPath(fd), name, into, size));
}

/** LISTXATTR: NUL-terminated names, one after the other. @returns the length or a negative errno. */
export function listXattrs(fs: FileSystem, node: NodeId, into: Uint8Array, size: number): number {
  const length = onVisible(fs, node, (fd) => listxattr(procPath(fd), all, all.length));
  // Longer than any list may be read: its length can be asked for all the same, and less room than the most is too little first of all.
  if (length === -E2BIG && size === 0) return onVisible(fs, node, (fd) => listxattr(procPath(fd), all, 0));
  if (length < 0) return length === -E2BIG && size < all.length ? -ERANGE : length;
  const shown = fs.caller.requester === 0 ? length : withoutTrusted(length);
  if (size === 0) return shown;
  if (shown > size) return -ERANGE;
  into.set(all.subarray(0, shown));
  return shown;
}

const all = new Uint8Array(XATTR_MAX);
const TRUSTED = [...'trusted.'].map((letter) => letter.charCodeAt(0));

/** Names that only root is told of (xattr(7)); the daemon is, whoever asks. Packs `all` anew. @returns the bytes that are left. */
function withoutTrusted(length: number): number {
  let kept = 0;
  for (let start = 0; start < length; ) {
    const end = all.indexOf(0, start) + 1;
    if (!TRUSTED.every((byte, i) => all[start + i] === byte)) {
      all.copyWithin(kept, start, end);
      kept += end - start;
    }
    start = end;
  }
  return kept;
}

/** SETXATTR. @param flags XATTR_CREATE, XATTR_REPLACE: as the merged tree shows the object. @returns 0 or a negative errno. */
export function setXattr(
  fs: FileSystem,
  node: NodeId,
  name: CString,
  value: Uint8Array,
  flags: number,
): number {
  if ((flags & ~(XATTR_CREATE | XATTR_REPLACE)) !== 0) return -EINVAL;
  let isSet = false;
  const set = (fd: number, how: number) => {
    const result = setxattr(procPath(fd), name, value, value.length, how);
    if (result === 0) isSet = true;
    return result;
  };
  const change = (its: NodeId) => {
    const how = isSet ? 0 : flags;
    if (fs.table.type(its) !== S_IFDIR || how === 0) return onEachSide(fs, its, (fd) => set(fd, how));
    // Layers may differ in what they have: the one that is seen decides, then all are made the same.
    const there = getXattr(fs, its, name, NOTHING, 0);
    if (there >= 0 && (flags & XATTR_CREATE) !== 0) return -EEXIST;
    if (there === -ENODATA && (flags & XATTR_REPLACE) !== 0) return -ENODATA;
    return onEachSide(fs, its, (fd) => set(fd, 0));
  };
  return changeAlsoCopy(fs, node, change, () => isSet);
}

/** REMOVEXATTR. @returns 0, -ENODATA or another negative errno. */
export function removeXattr(fs: FileSystem, node: NodeId, name: CString): number {
  let removed = false;
  const change = (its: NodeId) => {
    const result = onEachSide(fs, its, (fd) => {
      const each = removexattr(procPath(fd), name);
      if (each === 0) removed = true;
      return each === -ENODATA ? 0 : each;
    });
    return result === 0 && !removed ? -ENODATA : result;
  };
  return changeAlsoCopy(fs, node, change, () => removed);
}

const NOTHING = new Uint8Array(0);

/**
 * What was changed while another host brought it up is changed again in the copy, which may have got the change already (latechange.ts). The
 * kernel would ask again too, but would be told that the attribute is missing, or there, by what this very call has done.
 * @param isMade whether `change` has had effect
 */
function changeAlsoCopy(
  fs: FileSystem,
  node: NodeId,
  change: (its: NodeId) => number,
  isMade: () => boolean,
): number {
  let result = changeLocked(fs, node, change);
  for (let attempt = 1; attempt < ATTEMPTS && result === -ESTALE && isMade(); attempt++) {
    if (!fs.table.nameOf(node, named)) return result;
    const found = lookup(fs, named.parent, named.bytes);
    if (found < 0) return found;
    result = changeLocked(fs, found as NodeId, change);
    forget(fs, found as NodeId, 1);
  }
  return result;
}

const ATTEMPTS = 5;
const named = newNameRef();

function changeLocked(fs: FileSystem, node: NodeId, change: (its: NodeId) => number): number {
  if (fs.policy.readOnly) return -EROFS;
  const locked = lockNode(fs, node);
  if (locked < 0) return locked;
  try {
    return change(node);
  } finally {
    fs.table.unlockNode(node, fs.worker);
  }
}

const at = newPlace();

function onVisible(fs: FileSystem, node: NodeId, work: (fd: number) => number): number {
  if (fs.table.type(node) === S_IFDIR) {
    const fd = directoryDescriptor(fs, node);
    return fd < 0 ? fd : work(fd);
  }
  const fd = openNow(fs, node, at);
  if (fd === -ESTALE) {
    const kept = anyDescriptor(fs, node);
    return kept < 0 ? kept : work(kept);
  }
  if (fd < 0) return fd;
  const result = work(fd);
  close(fd);
  return result;
}
