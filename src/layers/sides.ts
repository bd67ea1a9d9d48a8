// The sides of a merged directory: for each layer, the directory of that path in it, as an O_PATH descriptor that the inode table
// keeps while the kernel knows the node, and descriptors are not short. A side is found when it is first needed, so a name that the upper layer has is served
// without asking any lower one, and an absent side is asked for again after the attribute timeout, since another host may have made it.

import { EACCES, EBUSY, EMFILE, ENOENT, ENOTDIR, ESTALE } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { type NameRef, newIdentity, newNameRef, ROOT_ID, sameBirth } from '../inodes/table.ts';
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, S_IFDIR, STATX_BASIC_STATS } from '../sys/constants.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { close } from '../sys/fd.ts';
import { statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { type LowerSet, lowerSet } from './lowerbound.ts';
import { awaitMoved } from './movemarks.ts';
import { openSide } from './openside.ts';
import { awaitRenamed } from './renaming.ts';
import { isExclusive, UPPER } from './setup.ts';

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

/** The lower layers that have a side of the directory, or would have to be asked. */
export function lowerSides(fs: FileSystem, node: NodeId): LowerSet {
  let layers: LowerSet = 0;
  for (let layer = UPPER + 1; layer < fs.layers.length; layer++) {
    if (mayHaveSide(fs, node, layer)) layers |= lowerSet(layer);
  }
  return layers;
}

/** As `lowerSides`, those that are asked for what the directory itself shows: the topmost, and those above it. */
export function topSides(fs: FileSystem, node: NodeId): LowerSet {
  let layers: LowerSet = 0;
  const top = fs.table.identity(node, known) ? known.layer : fs.layers.length;
  for (let layer = UPPER; layer < fs.layers.length; layer++) {
    if (layer > UPPER && mayHaveSide(fs, node, layer)) layers |= lowerSet(layer);
    if (layer === top || fs.table.dirState(node, layer) >= 0) break;
  }
  return layers;
}

/** Whether this layer has a side of the directory, or would have to be asked. */
export function mayHaveSide(fs: FileSystem, node: NodeId, layer: number): boolean {
  return fs.table.dirState(node, layer) !== ABSENT || !isFresh(fs, node);
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

function isFresh(fs: FileSystem, node: NodeId): boolean {
  const age = (now() - fs.table.checkedAt(node)) >>> 0;
  return node === ROOT_ID || age < fs.policy.attrTimeoutMs;
}

/** Milliseconds since some start, as the table's 32-bit stamp; it wraps after 49 days, which only makes one look fresh or stale once. */
function now(): number {
  return Math.floor(performance.timeOrigin + performance.now()) >>> 0;
}

/** As `side`, of one that is not known yet. The directory may be getting another name, or none, through this mount. */
function findSides(fs: FileSystem, node: NodeId, layer: number): number {
  const ref = newNameRef();
  for (let tries = 0; tries < TRIES; tries++) {
    if (!fs.table.nameOf(node, ref)) return -ENOENT;
    const found = findSidesAt(fs, ref, node, layer);
    if (found !== -ESTALE) return found;
    const renamed = awaitRenamed(fs, node, ref);
    if (renamed <= 0) return renamed < 0 ? renamed : found;
  }
  return -EBUSY;
}

// Looks at every layer down to `layer`, since a non-directory in one of them hides all that lies below it.
function findSidesAt(fs: FileSystem, ref: NameRef, node: NodeId, layer: number): number {
  const { table } = fs;
  const first = hasSide(fs, node) ? 0 : findFirst(fs, ref, node);
  if (first < 0) return first;
  let hidden = false;
  let wanted = -ENOENT;
  let top = -1;
  for (let k = 0; k <= layer; k++) {
    const known = table.dirFd(node, k);
    if (known >= 0) {
      wanted = known;
      if (top < 0) top = known;
      continue;
    }
    wanted = hidden ? -ENOENT : findSide(fs, ref, node, k, top);
    if (wanted === -ENOTDIR) hidden = true;
    if (wanted >= 0 && top < 0) top = wanted;
    if (wanted === -ENOTDIR || wanted === -ENOENT) {
      const kept = table.adoptDir(node, k, ABSENT, 0, 0, 0);
      wanted = kept >= 0 ? kept : -ENOENT; // another thread has made it meanwhile
    } else if (wanted < 0) return wanted;
  }
  return wanted;
}

/**
 * The side that makes a directory of which nothing but its identity is known the one that it is. All others join this one, and only as long as
 * it has the name: without it, another directory of that name would be taken for a side.
 * @returns as `findSide`; -ESTALE when the name is not its any more
 */
function findFirst(fs: FileSystem, ref: NameRef, node: NodeId): number {
  if (!fs.table.identity(node, known)) return -ESTALE;
  const { layer } = known;
  const room = layer > UPPER ? fs.lower.need(layer) : 0;
  const found = room < 0 ? room : findSide(fs, ref, node, layer, -1);
  return found === -ENOENT || found === -ENOTDIR ? -ESTALE : found;
}

/**
 * Looks for a side where none is known, and waits while another host renames the directory, one layer after the other.
 * @param top a descriptor of its topmost side, or -1. @returns the descriptor; -ENOENT; -ENOTDIR when something else than a directory has the
 * name and hides what is below; -ESTALE when the directory has moved; -EBUSY when that takes too long, or another negative errno.
 */
function findSide(fs: FileSystem, ref: NameRef, node: NodeId, layer: number, top: number): number {
  for (let tries = 0; tries < TRIES; tries++) {
    const found = openChildSide(fs, ref, node, layer, top);
    const settled = found === -ENOENT && top >= 0 ? awaitAbsence(fs, ref, node, top) : found;
    if (settled !== MOVING) return settled < 0 ? settled : found;
  }
  return -EBUSY;
}

/** Of a directory that is renamed all the time. */
const TRIES = 20;

/** It was being renamed when it was looked for. Not an errno, nor a descriptor. */
const MOVING = -10_006;

/** @returns as `findSide`, or `MOVING` */
function openChildSide(fs: FileSystem, ref: NameRef, node: NodeId, layer: number, top: number): number {
  const dir = side(fs, ref.parent, layer);
  if (dir < 0) return dir;
  const result = statx(dir, ref.bytes, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat);
  if (result < 0) return result;
  if (stat.type !== S_IFDIR) return -ENOTDIR;
  const joins = hasSide(fs, node);
  if (!joins && fs.table.openHandles.isFull(fs.table.descriptors())) return -EMFILE;
  const opened = new Stat();
  const fd = openSide(dir, ref.bytes, opened);
  if (fd < 0) return fd;
  let settled = isSide(fs, node, layer, opened) ? 0 : -ESTALE;
  // It may be another directory, which is on its way to this name: the two must not be joined.
  if (settled === 0 && joins) settled = awaitPlace(fs, ref, node, top < 0 ? fd : top);
  if (settled === 0) return adoptSide(fs, node, layer, fd, opened);
  close(fd);
  return settled;
}

/** @returns 0 when nobody moves the directory, and it still has its name; `MOVING` when somebody did; -ESTALE when it has another; or as `awaitMoved` */
function awaitPlace(fs: FileSystem, { parent, bytes }: NameRef, node: NodeId, top: number): number {
  const moved = isExclusive(fs.policy) ? 0 : awaitMoved(fs, top);
  return moved > 0 ? MOVING : moved < 0 ? moved : stillNamed(fs, parent, bytes, node);
}

/** As `awaitPlace`, where a layer was found not to have it. */
function awaitAbsence(fs: FileSystem, ref: NameRef, node: NodeId, top: number): number {
  if (isExclusive(fs.policy)) return 0;
  const settled = awaitPlace(fs, ref, node, top);
  if (settled !== -ESTALE) return settled;
  // One that was removed can be open still, and has no other sides.
  const known = statx(top, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, stat);
  return known === 0 && stat.nlink === 0 ? 0 : -ESTALE;
}

// One that has a side may have others: what is below it may be what has to go, and cannot as long as somebody waits in there.
function hasSide(fs: FileSystem, node: NodeId): boolean {
  // By what tells the use: it is not to be given up between this question and what follows from it.
  return fs.layers.some((_, layer) => fs.table.dirFd(node, layer) >= 0);
}

// A directory that was looked up when descriptors were short, or has given its own up, is known by its identity alone.
function isSide(fs: FileSystem, node: NodeId, layer: number, found: Stat): boolean {
  if (!fs.table.identity(node, known) || known.layer !== layer) return true;
  return (
    known.inoLo === found.inoLo &&
    known.inoHi === found.inoHi &&
    sameBirth(known.birth, found.birth) &&
    known.device === fs.table.deviceIndex(found.devMajor, found.devMinor, layer)
  );
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
