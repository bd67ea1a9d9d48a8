// Hard links: made in the layer that shows the source, if the target directory is there too, else on the upper layer after a copy-up.

import { EEXIST, ENOENT, EPERM, EROFS, ESTALE, EXDEV } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { newIdentity } from '../inodes/table.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  STATX_BASIC_STATS,
  STATX_BTIME,
} from '../sys/constants.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { close } from '../sys/fd.ts';
import { linkat, procPath, statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { copyUp } from './copyup.ts';
import { asEither } from './either.ts';
import { isElsewhere, unmake } from './elsewhere.ts';
import { reach } from './faultpoint.ts';
import type { FileSystem } from './filesystem.ts';
import { isGuarded, mayGrow } from './guardflags.ts';
import { STATE_MASK } from './identity.ts';
import { lateChange } from './latechange.ts';
import { removalIn } from './linkindex.ts';
import { liveSide } from './livesides.ts';
import { anyDescriptor, attributes, locate, newPlace, openObject, placeItself } from './locate.ts';
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
const identity = newIdentity();

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
    // Another host may have given it to a copy.
    const found = result === -ENOENT ? locate(fs, parent, name, fs.stat) : result < 0 ? result : layer;
    if (found === -ENOENT || (found >= 0 && fs.stat.type !== fs.table.type(node)))
      return replacedSince(fs, node);
    return found < 0 ? found : intern(fs, parent, name, found, fs.stat);
  } finally {
    fs.table.unlockNode(node, fs.worker);
  }
}

/**
 * The name was there, and somebody has removed it, or given it to another kind of object, of which the kernel would make EIO: as for the caller if
 * he had done that a moment later. @returns as `link`
 */
function replacedSince(fs: FileSystem, node: NodeId): number {
  const layer = attributes(fs, node);
  return layer < 0 ? layer : fs.table.count(node) || node;
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
    const result = linkObject(fs, node, parent, target, name);
    // A mount inside the layer, or a layer that cannot link: the upper one may.
    if (at.layer === UPPER || (result !== -EXDEV && result !== -EROFS)) return result < 0 ? result : at.layer;
  } else if (target !== -ENOENT) return target;
  if (isGuarded(fs.stat) || !mayChangeMetadata(fs, at.dir, at.name)) return -EPERM;
  const dir = writableSide(fs, parent);
  if (dir < 0) return dir;
  const copied = copyUp(fs, node, at);
  if (copied < 0) return copied;
  const result = linkObject(fs, node, parent, dir, name);
  return result < 0 ? result : UPPER;
}

/** Links the object at the place itself, whatever becomes of the name there, and wherever that lies. */
function linkObject(fs: FileSystem, node: NodeId, parent: NodeId, dir: number, name: CString): number {
  const fd = openObject(fs, node, at);
  if (fd < 0) return fd;
  reach('link.opened');
  const linked = linkat(AT_FDCWD, procPath(fd), dir, name, AT_SYMLINK_FOLLOW);
  reach('link.made');
  const result = unlessLate(fs, node, fd, parent, dir, name, linked);
  close(fd);
  return result;
}

/**
 * A link to what another host has brought up meanwhile would be a file apart, and where another host has given the name in another layer one of the
 * two would be hidden: it is taken back. @param linked result of the link. @returns it, -EEXIST, or a negative errno as `lateChange`
 */
function unlessLate(
  fs: FileSystem,
  node: NodeId,
  fd: number,
  parent: NodeId,
  dir: number,
  name: CString,
  linked: number,
): number {
  if (linked !== 0 && linked !== -ENOENT) return linked;
  const late = lateChange(fs, node, at, source, fd, linked === 0 ? 1 : 0);
  if (linked !== 0) return late === 0 ? linked : late;
  const wrong = late || isElsewhere(fs, parent, name, [at.layer]);
  if (wrong === 0) return 0;
  const made = new Stat();
  const taken = asEither(
    fs,
    () =>
      statx(fd, EMPTY, AT_EMPTY_PATH, STATE_MASK, made) ||
      takeAway(fs, at.layer, dir, name, made, removalIn(fs, at.layer)),
  );
  // Somebody else has found it by now: given it to the copy, renamed or deleted it.
  if (taken === -ENOENT) return 0;
  return taken < 0 ? taken : wrong;
}

/**
 * A file without a name can get one as long as it has never been without links to the layer (O_TMPFILE); the layer decides. So one that is taken
 * back cannot get another name.
 * @returns the upper layer; -ESTALE for an old file, whose other names the kernel may know; or a negative errno
 */
function linkNameless(fs: FileSystem, node: NodeId, parent: NodeId, name: CString): number {
  if (!fs.table.identity(node, identity) || identity.layer !== UPPER) return -ESTALE;
  const fd = anyDescriptor(fs, node);
  if (fd < 0) return fd;
  const dir = writableSide(fs, parent);
  if (dir < 0) return dir;
  reach('link.opened');
  const made = new Stat();
  const result =
    statx(fd, EMPTY, AT_EMPTY_PATH, STATE_MASK, made) ||
    linkat(AT_FDCWD, procPath(fd), dir, name, AT_SYMLINK_FOLLOW);
  const wrong = result || isElsewhere(fs, parent, name, [UPPER]);
  if (wrong === 0 || result < 0) return wrong || UPPER;
  const taken = unmake(fs, dir, name, made);
  // Somebody else has renamed or deleted it by now.
  return taken === -ENOENT ? UPPER : taken || wrong;
}
