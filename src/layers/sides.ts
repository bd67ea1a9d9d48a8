// The sides of a merged directory: for each layer, the directory of that path in it, as an O_PATH descriptor that the inode table
// keeps while the kernel knows the node. A side is found when it is first needed, so a name that the upper layer has is served
// without asking any lower one, and an absent side is asked for again after the attribute timeout, since another host may have made it.

import { EACCES, EMFILE, ENOENT, ENOTDIR, ESTALE } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { newIdentity, newNameRef, ROOT_ID } from '../inodes/table.ts';
import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  S_IFDIR,
  STATX_BASIC_STATS,
} from '../sys/constants.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { close, dup3, openat } from '../sys/fd.ts';
import { statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { UPPER } from './setup.ts';

/** A side that is known not to exist; the table's -1 means that nobody has looked yet. */
export const ABSENT = -2;

const stat = new Stat();

/**
 * The descriptor of the directory `node` in one layer.
 * @returns descriptor, -ENOENT when this layer has no visible directory there, or the layer's own negative errno.
 */
export function side(fs: FileSystem, node: NodeId, layer: number): number {
  const fd = fs.table.dirFd(node, layer);
  if (fd >= 0) return fd;
  if (fd === ABSENT) {
    if (isFresh(fs, node)) return -ENOENT;
    refreshSides(fs, node);
  }
  const found = findSides(fs, node, layer);
  // The kernel has let the caller come this far (a working directory, a passed descriptor): which layers have the directory is not his
  // secret to be kept from him. A server that squashes root was asked by him first.
  const refused = found === -EACCES && fs.policy.permissions === 'default';
  return refused ? fs.caller.asDaemon(() => findSides(fs, node, layer)) : found;
}

/** Has every layer that was found not to have the directory asked again: before the answer "nothing is there" decides something. */
export function refreshSides(fs: FileSystem, node: NodeId): void {
  fs.table.expireAbsent(node);
  fs.table.setCheckedAt(node, now());
}

/** As `refreshSides`, of its parents too: a side that another host has just made lies in one of the parent's that this one may not know. */
export function refreshAbove(fs: FileSystem, node: NodeId): void {
  const ref = newNameRef();
  for (let above = node; above !== ROOT_ID; above = ref.parent) {
    refreshSides(fs, above);
    if (!fs.table.nameOf(above, ref)) return;
  }
}

/** The topmost layer that has the directory, from `from` down. @returns layer index, or a negative errno. */
export function topSide(fs: FileSystem, node: NodeId, from = 0): number {
  for (let layer = from; layer < fs.layers.length; layer++) {
    const fd = side(fs, node, layer);
    if (fd >= 0) return layer;
    if (fd !== -ENOENT) return fd;
  }
  return -ENOENT;
}

/**
 * As `side`, of a directory that still has its name in the layer: a removal that a layer further up has then refused, or another host, may have
 * taken it away from this one alone. Where it has been made again that one is the side from now on.
 */
export function liveSide(fs: FileSystem, node: NodeId, layer: number): number {
  const fd = side(fs, node, layer);
  if (fd < 0) return fd;
  const known = statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, stat);
  if (known < 0 ? known !== -ESTALE : stat.nlink > 0) return fd;
  const found = findAgain(fs, node, layer, fd);
  const refused = found === -EACCES && fs.policy.permissions === 'default';
  return refused ? fs.caller.asDaemon(() => findAgain(fs, node, layer, fd)) : found;
}

/** All layers that have the directory, top first. @returns a negative errno if one of them cannot be asked. */
export function allSides(fs: FileSystem, node: NodeId): number[] | number {
  const sides: number[] = [];
  for (let layer = 0; layer < fs.layers.length; layer++) {
    const fd = liveSide(fs, node, layer);
    if (fd >= 0) sides.push(layer);
    else if (fd !== -ENOENT) return fd;
  }
  return sides;
}

/**
 * The side of a directory whose descriptor shows no link any more. @returns `fd`, if it is there all the same (some storages count no links of
 * directories) or has no name in the merged tree either; -ENOENT; or -ESTALE when the name is another directory's by now.
 */
function findAgain(fs: FileSystem, node: NodeId, layer: number, fd: number): number {
  const ref = newNameRef();
  if (!fs.table.nameOf(node, ref)) return fd;
  const dir = liveSide(fs, ref.parent, layer);
  const there = new Stat();
  const found = dir < 0 ? dir : statx(dir, ref.bytes, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, there);
  if (found < 0) return found;
  const open = new Stat();
  if (statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, open) === 0 && open.sameObject(there)) return fd;
  if (!there.isDirectory) return -ENOENT;
  const named = stillNamed(fs, ref.parent, ref.bytes, node);
  if (named < 0) return named;
  const again = openSide(dir, ref.bytes, there);
  return again < 0 ? again : replaceSide(fs, node, layer, fd, again, there);
}

// The number stays: other threads may be using it.
function replaceSide(
  fs: FileSystem,
  node: NodeId,
  layer: number,
  fd: number,
  again: number,
  found: Stat,
): number {
  const device = fs.table.deviceIndex(found.devMajor, found.devMinor, layer);
  const replaced = device < 0 ? device : dup3(again, fd, O_CLOEXEC);
  close(again);
  if (replaced >= 0) fs.table.setDir(node, layer, fd, device, found.inoLo, found.inoHi);
  return replaced;
}

/** Whether a lower layer has a side of the directory, or would have to be asked. */
export function mayHaveLowerSide(fs: FileSystem, node: NodeId): boolean {
  for (let layer = UPPER + 1; layer < fs.layers.length; layer++) {
    if (fs.table.dirFd(node, layer) !== ABSENT) return true;
  }
  return !isFresh(fs, node);
}

/** Records a side that was just found or made. @returns the descriptor that the table holds now: another thread may have been first. */
export function adoptSide(fs: FileSystem, node: NodeId, layer: number, fd: number, found: Stat): number {
  const device = fs.table.deviceIndex(found.devMajor, found.devMinor, layer);
  const kept = device < 0 ? device : fs.table.adoptDir(node, layer, fd, device, found.inoLo, found.inoHi);
  if (kept !== fd) close(fd);
  return kept;
}

/** A directory that was just made in one layer, under a name that none had. */
export function markOnly(fs: FileSystem, node: NodeId, layer: number): void {
  for (let k = 0; k < fs.layers.length; k++) if (k !== layer) fs.table.adoptDir(node, k, ABSENT, 0, 0, 0);
  fs.table.setCheckedAt(node, now());
}

/** Opens the directory `name` of `dir` itself, never what a symlink there points to, and fills `found`. */
export function openSide(dir: number, name: CString, found: Stat): number {
  const fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return fd;
  const result = statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, found);
  if (result === 0) return fd;
  close(fd);
  return result;
}

function isFresh(fs: FileSystem, node: NodeId): boolean {
  const age = (now() - fs.table.checkedAt(node)) >>> 0;
  return node === ROOT_ID || age < fs.policy.attrTimeoutMs;
}

/** Milliseconds since some start, as the table's 32-bit stamp; it wraps after 49 days, which only makes one look fresh or stale once. */
function now(): number {
  return Math.floor(performance.timeOrigin + performance.now()) >>> 0;
}

// Looks at every layer down to `layer`, since a non-directory in one of them hides all that lies below it.
function findSides(fs: FileSystem, node: NodeId, layer: number): number {
  const { table } = fs;
  const ref = newNameRef();
  if (!table.nameOf(node, ref)) return -ENOENT;
  let hidden = false;
  let wanted = -ENOENT;
  for (let k = 0; k <= layer; k++) {
    const known = table.dirFd(node, k);
    if (known >= 0) {
      wanted = known;
      continue;
    }
    wanted = hidden ? -ENOENT : openChildSide(fs, ref.parent, ref.bytes, node, k);
    if (wanted === -ENOTDIR) hidden = true;
    if (wanted === -ENOTDIR || wanted === -ENOENT) {
      const kept = table.adoptDir(node, k, ABSENT, 0, 0, 0);
      wanted = kept >= 0 ? kept : -ENOENT; // another thread has made it meanwhile
    } else if (wanted < 0) return wanted;
  }
  return wanted;
}

/** @returns the descriptor, -ENOENT, or -ENOTDIR when something else than a directory has the name and hides what is below. */
function openChildSide(fs: FileSystem, parent: NodeId, name: CString, node: NodeId, layer: number): number {
  const dir = side(fs, parent, layer);
  if (dir < 0) return dir;
  const result = statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat);
  if (result < 0) return result;
  if (stat.type !== S_IFDIR) return -ENOTDIR;
  const named = stillNamed(fs, parent, name, node);
  if (named < 0) return named;
  if (fs.table.openHandles.isFull(fs.table.descriptors()) && !hasSide(fs, node)) return -EMFILE;
  const fd = openSide(dir, name, stat);
  if (fd < 0 || isSide(fs, node, layer, stat)) return fd < 0 ? fd : adoptSide(fs, node, layer, fd, stat);
  close(fd);
  return -ESTALE;
}

// One that has a side may have others: what is below it may be what has to go, and cannot as long as somebody waits in there.
function hasSide(fs: FileSystem, node: NodeId): boolean {
  return fs.layers.some((_, layer) => fs.table.dirFd(node, layer) >= 0);
}

// A directory that was looked up when descriptors were short is known by its identity alone.
function isSide(fs: FileSystem, node: NodeId, layer: number, found: Stat): boolean {
  if (!fs.table.identity(node, known) || known.layer !== layer) return true;
  return known.inoLo === found.inoLo && known.inoHi === found.inoHi;
}

const known = newIdentity();

/**
 * Whether a directory still has its name in the topmost layer that is known to have it. Another host may have moved it away, and made a new one
 * of that name: their sides must not be joined. @returns 0, -ESTALE when it has not, or the errno of a layer that cannot be asked.
 */
export function stillNamed(fs: FileSystem, parent: NodeId, name: CString, node: NodeId): number {
  const other = new Stat();
  const identity = newIdentity();
  for (let k = 0; k < fs.layers.length; k++) {
    if (fs.table.dirFd(node, k) < 0 || !fs.table.dirIdentity(node, k, identity)) continue;
    const dir = side(fs, parent, k);
    const found = dir < 0 ? dir : statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, other);
    if (found < 0) return found === -ENOENT ? -ESTALE : found;
    return other.inoLo === identity.inoLo && other.inoHi === identity.inoHi ? 0 : -ESTALE;
  }
  return 0;
}
