// Hard links: made in the layer that shows the source, if the target directory is there too, else on the upper layer after a copy-up.

import { EEXIST, ENOENT, EPERM, EROFS, ESTALE, EXDEV } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import {
  AT_FDCWD,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  STATX_BASIC_STATS,
  STATX_BTIME,
} from '../sys/constants.ts';
import type { CString } from '../sys/cstring.ts';
import { close } from '../sys/fd.ts';
import { linkat, procPath, statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { copyUp } from './copyup.ts';
import { asEither } from './either.ts';
import { reach } from './faultpoint.ts';
import type { FileSystem } from './filesystem.ts';
import { isGuarded, mayGrow } from './guardflags.ts';
import { STATE_MASK } from './identity.ts';
import { lateChange } from './latechange.ts';
import { removeHiddenName } from './linkindex.ts';
import { liveSide } from './livesides.ts';
import { anyDescriptor, locate, newPlace, openObject, placeItself } from './locate.ts';
import { lockNode } from './locking.ts';
import { intern } from './lookup.ts';
import { writableSide } from './make.ts';
import { mayChangeMetadata } from './permission.ts';
import { isPrivate } from './private.ts';
import { UPPER } from './setup.ts';
import { side } from './sides.ts';
import { takeAway } from './takeaway.ts';
import { touch } from './touch.ts';

const there = new Stat();
const at = newPlace();
const source = new Stat();

/** LINK. @returns the node with one more lookup counted and its attributes in `fs.stat`, or a negative errno. */
export function link(fs: FileSystem, node: NodeId, parent: NodeId, name: CString): number {
  if (fs.policy.readOnly) return -EROFS;
  if (isPrivate(parent, name)) return -EPERM;
  const locked = lockNode(fs, node);
  if (locked < 0) return locked;
  try {
    const taken = locate(fs, parent, name, there);
    if (taken !== -ENOENT) return taken >= 0 ? -EEXIST : taken;
    const layer = linkSomewhere(fs, node, parent, name);
    if (layer < 0) return layer;
    touch(fs, parent, layer);
    const dir = side(fs, parent, layer);
    const result = statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, fs.stat);
    return result < 0 ? result : intern(fs, parent, name, layer, fs.stat);
  } finally {
    fs.table.unlockNode(node, fs.worker);
  }
}

/** @returns the layer that has the new name, or a negative errno. */
function linkSomewhere(fs: FileSystem, node: NodeId, parent: NodeId, name: CString): number {
  const found = placeItself(fs, node, at);
  // A file that has lost its name to another one is looked up again by the kernel, if it was named.
  if (found === -ESTALE && fs.table.names(node) > 0) return found;
  if (found === -ESTALE) return linkNameless(fs, node, parent, name);
  if (found < 0) return found;
  const grows = mayGrow(fs, parent);
  if (grows < 0) return grows;
  const target = liveSide(fs, parent, at.layer);
  source.copyFrom(fs.stat);
  if (target >= 0) {
    const result = linkObject(fs, node, target, name);
    // A mount inside the layer, or a layer that cannot link: the upper one may.
    if (at.layer === UPPER || (result !== -EXDEV && result !== -EROFS)) return result < 0 ? result : at.layer;
  } else if (target !== -ENOENT) return target;
  if (isGuarded(fs.stat) || !mayChangeMetadata(fs, at.dir, at.name)) return -EPERM;
  const dir = writableSide(fs, parent);
  if (dir < 0) return dir;
  const copied = copyUp(fs, node, at);
  if (copied < 0) return copied;
  const result = linkObject(fs, node, dir, name);
  return result < 0 ? result : UPPER;
}

/** Links the object at the place itself, whatever becomes of the name there, and wherever that lies. */
function linkObject(fs: FileSystem, node: NodeId, dir: number, name: CString): number {
  const fd = openObject(fs, node, at);
  if (fd < 0) return fd;
  reach('link.opened');
  const linked = linkat(AT_FDCWD, procPath(fd), dir, name, AT_SYMLINK_FOLLOW);
  const result = unlessLate(fs, node, fd, dir, name, linked);
  close(fd);
  return result;
}

/**
 * A link to what another host has brought up meanwhile would be a file apart: it is taken back. @param result of the link
 * @returns it, or a negative errno as `lateChange`
 */
function unlessLate(
  fs: FileSystem,
  node: NodeId,
  fd: number,
  dir: number,
  name: CString,
  result: number,
): number {
  if (result !== 0 && result !== -ENOENT) return result;
  reach('link.made');
  const late = lateChange(fs, node, at, source, fd, result === 0 ? 1 : 0);
  if (late === 0 || result !== 0) return late === 0 ? result : late;
  const made = new Stat();
  const remove = (from: number, its: CString) => removeHiddenName(fs, from, its, at.layer, made);
  const taken = asEither(
    fs,
    () =>
      statx(dir, name, AT_SYMLINK_NOFOLLOW, STATE_MASK, made) ||
      (made.sameObject(source) ? takeAway(fs, at.layer, dir, name, made, remove) : 0),
  );
  return taken < 0 && taken !== -ENOENT ? taken : late;
}

/** A file without a name can get one as long as it has never been without links to the layer (O_TMPFILE); the layer decides. */
function linkNameless(fs: FileSystem, node: NodeId, parent: NodeId, name: CString): number {
  const fd = anyDescriptor(fs, node);
  if (fd < 0) return fd;
  const dir = writableSide(fs, parent);
  if (dir < 0) return dir;
  const result = linkat(AT_FDCWD, procPath(fd), dir, name, AT_SYMLINK_FOLLOW);
  return result < 0 ? result : UPPER;
}
