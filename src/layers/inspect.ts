// Questions that change nothing: access(2), readlink(2), statfs(2), and looking up `.` and `..` for who opens files by handle.

import { EACCES, ENOENT, ESTALE } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { newNameRef, ROOT_ID } from '../inodes/table.ts';
import { AT_EACCESS, AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, S_IFDIR } from '../sys/constants.ts';
import { EMPTY } from '../sys/cstring.ts';
import { close } from '../sys/fd.ts';
import { faccessat, readlinkat } from '../sys/path.ts';
import { fstatfs, type StatFs } from '../sys/statfs.ts';
import type { FileSystem } from './filesystem.ts';
import { forget } from './forget.ts';
import {
  anyDescriptor,
  attributes,
  directoryDescriptor,
  isSameObject,
  newPlace,
  openNow,
  openObject,
  placeItself,
} from './locate.ts';
import { UPPER } from './setup.ts';
import { side } from './sides.ts';

const at = newPlace();

/** @param mask R_OK, W_OK, X_OK or F_OK (0). @returns 0, -EACCES, -EROFS or another negative errno. */
export function accessNode(fs: FileSystem, node: NodeId, mask: number): number {
  if (fs.table.type(node) === S_IFDIR) {
    const fd = directoryDescriptor(fs, node);
    return fd < 0 ? fd : faccessat(fd, EMPTY, mask, AT_EACCESS | AT_EMPTY_PATH);
  }
  const found = placeItself(fs, node, at);
  const allowed = found < 0 ? found : faccessat(at.dir, at.name, mask, AT_EACCESS | AT_SYMLINK_NOFOLLOW);
  if (allowed !== -EACCES || at.path === undefined) return allowed;
  const fd = openObject(fs, node, at);
  if (fd < 0) return fd;
  const again = faccessat(fd, EMPTY, mask, AT_EACCESS | AT_EMPTY_PATH);
  close(fd);
  return again;
}

/** @returns the target's length in bytes, or a negative errno. Never copies anything up. */
export function readLink(fs: FileSystem, node: NodeId, into: Uint8Array, size: number): number {
  // By a descriptor: another host may put something else in its place at any moment.
  const fd = openNow(fs, node, at);
  const kept = fd === -ESTALE ? anyDescriptor(fs, node) : fd;
  if (kept < 0) return kept;
  const length = readlinkat(kept, EMPTY, into, size);
  if (fd >= 0) close(fd);
  return length;
}

/** The upper layer's: the space that is left for what users write. */
export function statfsUpper(fs: FileSystem, out: StatFs): number {
  return fstatfs(side(fs, ROOT_ID, UPPER), out);
}

/** Looks up a directory itself (`up` false) or its parent, and counts one lookup. @returns the node or a negative errno. */
export function lookupDot(fs: FileSystem, node: NodeId, up: boolean): number {
  let found = node;
  if (up && node !== ROOT_ID) {
    const ref = newNameRef();
    if (!fs.table.nameOf(node, ref)) return fs.table.exists(node) ? -ENOENT : -ESTALE;
    found = ref.parent;
  }
  // Counted first: nothing else may keep it.
  const counted = fs.table.count(found);
  if (counted < 0) return counted;
  const layer = attributes(fs, found);
  // The name may show another object by now, which the handle is not of.
  const same = fs.table.type(found) === S_IFDIR || isSameObject(fs, found, layer, fs.stat);
  if (layer >= 0 && same) return found;
  forget(fs, found, 1);
  return layer < 0 ? layer : -ESTALE;
}
