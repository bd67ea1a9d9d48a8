// Which layer shows a name, or a node: the question that every operation begins with. The topmost layer that has the name wins, and
// a layer that fails is never taken for one that does not have it.

import { EACCES, ENOENT, ESTALE } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { type Identity, type NameRef, newIdentity, newNameRef, ROOT_ID, sameBirth } from '../inodes/table.ts';
import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_NOFOLLOW,
  O_PATH,
  S_IFDIR,
} from '../sys/constants.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { close, dupCloexec, openat } from '../sys/fd.ts';
import { statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { adoptName } from './adoptname.ts';
import { reach } from './faultpoint.ts';
import type { FileSystem } from './filesystem.ts';
import { FILE_HANDLE } from './handlekinds.ts';
import { STATE_MASK } from './identity.ts';
import { copyOf, isLinked } from './linkindex.ts';
import { settle } from './locking.ts';
import { isPrivate, oursOf } from './private.ts';
import { isExclusive, UPPER } from './setup.ts';
import { mayHaveSide, side, topSide } from './sides.ts';

/** Where an object is found that has not the name itself: another link of it, by its path from our directory on the upper layer. */
export interface Borrowed {
  path: CString | undefined;
}

/**
 * Finds `name` in the merged directory `parent` and fills `found` with its attributes.
 * @param borrowed given by who only wants the object: where the name of a file that came up under another one cannot follow it (the mount is
 * read-only, the upper layer is full), the answer is the upper layer, by another link. @returns layer index, -ENOENT, or the error of the first layer that could not answer.
 */
export function locate(
  fs: FileSystem,
  parent: NodeId,
  name: CString,
  found: Stat,
  borrowed?: Borrowed,
): number {
  if (borrowed) borrowed.path = undefined;
  if (isPrivate(parent, name)) return -ENOENT;
  for (;;) {
    const stamp = fs.table.stamp(parent, name);
    const layer = search(fs, parent, name, found, borrowed);
    // Looked for above while it was below, and below when it had come up: a copy-up changes the stamp before the source goes.
    if (layer !== -ENOENT || fs.table.stamp(parent, name) === stamp) return layer;
  }
}

/** As `locate`, in the lower layers alone: what one of them has may be a name of a file that came up under another one. */
export function locateBelow(fs: FileSystem, parent: NodeId, name: CString, found: Stat): number {
  for (let layer = UPPER + 1; layer < fs.layers.length; layer++) {
    const result = findIn(fs, parent, name, layer, found);
    if (result !== -ENOENT) return result < 0 ? result : layer;
  }
  return -ENOENT;
}

/** @returns 0 with the attributes in `found`, -ENOENT, or the layer's error. */
export function findIn(fs: FileSystem, parent: NodeId, name: CString, layer: number, found: Stat): number {
  const room = layer > UPPER && mayHaveSide(fs, parent, layer) ? fs.lower.need(layer) : 0;
  const dir = room < 0 ? room : side(fs, parent, layer);
  return dir < 0 ? dir : statx(dir, name, AT_SYMLINK_NOFOLLOW, STATE_MASK, found);
}

function search(fs: FileSystem, parent: NodeId, name: CString, found: Stat, borrowed?: Borrowed): number {
  let below = false;
  for (let layer = 0; layer < fs.layers.length; layer++) {
    const result = findIn(fs, parent, name, layer, found);
    below ||= layer > UPPER && fs.table.dirState(parent, layer) >= 0;
    if (result === 0) {
      if (layer === UPPER || !isLinked(found)) return layer;
      const adopted = adoptName(fs, parent, name, layer, side(fs, parent, layer), found);
      if (adopted === -ENOENT) return layer;
      if (adopted === 0) return search(fs, parent, name, found, borrowed);
      return borrowed ? borrow(fs, layer, found, adopted, borrowed) : adopted;
    }
    if (result !== -ENOENT) return result;
  }
  return below ? searchUpperAgain(fs, parent, name, found) : -ENOENT;
}

function borrow(fs: FileSystem, layer: number, found: Stat, error: number, borrowed: Borrowed): number {
  const path = copyOf(fs, layer, found);
  if (typeof path === 'number') return error;
  borrowed.path = path;
  return UPPER;
}

/** Another host may have brought it up between the question above and the one below. */
function searchUpperAgain(fs: FileSystem, parent: NodeId, name: CString, found: Stat): number {
  const dir = isExclusive(fs.policy) ? -ENOENT : side(fs, parent, UPPER);
  return dir < 0 ? -ENOENT : Math.min(statx(dir, name, AT_SYMLINK_NOFOLLOW, STATE_MASK, found), UPPER);
}

/** Where a node's visible object is: `dir` and `name` on `layer`, with its attributes in the file system's `stat`. */
export interface Place extends Borrowed {
  layer: number;
  /** Descriptor of the directory in that layer. */
  dir: number;
  /** The object's name in there, or its path. */
  name: CString;
  /** Parent and name as the inode table has them. */
  readonly ref: NameRef;
}

export function newPlace(): Place {
  return { layer: -1, dir: -1, name: EMPTY, path: undefined, ref: newNameRef() };
}

/**
 * Finds the object that a node with a name shows now, whichever layer has it.
 * @returns 0, -ESTALE for a node without a name or whose name is gone (the kernel looks it up again), or a layer's error.
 */
export function place(fs: FileSystem, node: NodeId, out: Place): number {
  if (!fs.table.nameOf(node, out.ref)) return -ESTALE;
  let layer = locate(fs, out.ref.parent, out.ref.bytes, fs.stat, out);
  // The kernel let the caller come to the node (a working directory, a descriptor passed to him), so it is not hidden from him; what he
  // wants to do there he does as himself.
  if (layer === -EACCES && fs.policy.permissions === 'default') {
    layer = fs.caller.asDaemon(() => locate(fs, out.ref.parent, out.ref.bytes, fs.stat, out));
  }
  if (layer < 0) return layer === -ENOENT ? -ESTALE : layer;
  if (fs.stat.type !== fs.table.type(node)) return -ESTALE;
  out.layer = layer;
  out.dir = out.path ? oursOf(fs, UPPER) : side(fs, out.ref.parent, layer);
  out.name = out.path ?? out.ref.bytes;
  return 0;
}

/** As `place`, and -ESTALE too where another object has the name by now. */
export function placeItself(fs: FileSystem, node: NodeId, out: Place): number {
  const placed = place(fs, node, out);
  return placed === 0 && !isSameObject(fs, node, out.layer, fs.stat) ? -ESTALE : placed;
}

/**
 * Where a node's object is if nothing has changed: on the layer that is known to show it, when none above has the name. Who opens it there and
 * finds the same object has saved that layer a question, which on a storage in a network is a round trip.
 * @returns whether `out` tells; otherwise, or when something else is there, `placeItself` does
 */
export function placeKnown(fs: FileSystem, node: NodeId, out: Place): boolean {
  if (!fs.table.nameOf(node, out.ref) || !fs.table.identity(node, identity)) return false;
  const { layer } = identity;
  const { parent, bytes } = out.ref;
  for (let above = 0; above < layer; above++) {
    if (findIn(fs, parent, bytes, above, fs.stat) !== -ENOENT) return false;
  }
  out.layer = layer;
  out.dir = layer === UPPER || mayHaveSide(fs, parent, layer) ? side(fs, parent, layer) : -1;
  out.name = bytes;
  out.path = undefined;
  return out.dir >= 0;
}

/**
 * An O_PATH descriptor of the node's object at its place, which the caller of the operation may use as himself; to be closed.
 * @returns it, -ESTALE when the name has gone or is another object's by now, or a negative errno.
 */
export function openObject(fs: FileSystem, node: NodeId, at: Place): number {
  reach('object.found');
  const open = () => openat(at.dir, at.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  let fd = open();
  const ours = at.path !== undefined || fs.policy.permissions === 'default'; // see openfound.ts
  if (fd === -EACCES && ours) fd = fs.caller.asDaemon(open);
  if (fd < 0) return fd === -ENOENT ? -ESTALE : fd;
  const seen = statx(fd, EMPTY, AT_EMPTY_PATH, STATE_MASK, opened);
  if (seen === 0 && isSameObject(fs, node, at.layer, opened)) return fd;
  close(fd);
  return seen < 0 ? seen : -ESTALE;
}

const opened = new Stat();

/** The node's object, wherever it is by now: as `openObject`, also while a copy-up or a rename of ours is under way. `at` tells the place. */
export function openNow(fs: FileSystem, node: NodeId, at: Place): number {
  const fd = openPlaced(fs, node, at);
  if (fd !== -ESTALE) return fd;
  const settled = settle(fs, node);
  return settled < 0 ? settled : openPlaced(fs, node, at);
}

function openPlaced(fs: FileSystem, node: NodeId, at: Place): number {
  const known = placeKnown(fs, node, at) ? openObject(fs, node, at) : -ESTALE;
  if (known >= 0) {
    if (at.layer === UPPER || !isLinked(opened)) return known;
    close(known); // its content may have come up under another name
  }
  const found = placeItself(fs, node, at);
  if (found < 0) return found;
  return openObject(fs, node, at);
}

const identity: Identity = newIdentity();

/** Whether the attributes just found are those of the object that the node is known to show. */
export function isSameObject(fs: FileSystem, node: NodeId, layer: number, found: Stat): boolean {
  return (
    fs.table.identity(node, identity) &&
    identity.layer === layer &&
    identity.inoLo === found.inoLo &&
    identity.inoHi === found.inoHi &&
    sameBirth(identity.birth, found.birth) &&
    identity.device === fs.table.deviceIndex(found.devMajor, found.devMinor, layer)
  );
}

/**
 * Attributes of a node, in the file system's `stat`: by its name, or by a descriptor when it has none any more.
 * @returns the layer that they are of, or a negative errno.
 */
export function attributes(fs: FileSystem, node: NodeId): number {
  if (fs.table.type(node) === S_IFDIR) return directoryAttributes(fs, node);
  let placed = placeItself(fs, node, here);
  if (placed === -ESTALE) {
    const settled = settle(fs, node);
    if (settled < 0 && settled !== -ESTALE) return settled;
    placed = placeItself(fs, node, here);
  }
  if (placed === 0) return here.layer;
  if (placed !== -ESTALE && placed !== -EACCES) return placed;
  const fd = anyDescriptor(fs, node);
  return fd < 0 ? fd : attributesByHandle(fs, fd);
}

const here = newPlace();

/** Attributes of what a handle is open on, in the file system's `stat`. @returns 0 or a negative errno. */
export function attributesByHandle(fs: FileSystem, handle: number): number {
  return statx(handle, EMPTY, AT_EMPTY_PATH, STATE_MASK, fs.stat);
}

/**
 * A descriptor of an object that has no name any more, which stays until the node is forgotten: kept at its removal, or now made from
 * an open handle. -ESTALE if there is none.
 */
export function anyDescriptor(fs: FileSystem, node: NodeId): number {
  const { table } = fs;
  const pinned = table.pinned(node);
  if (pinned >= 0) return pinned;
  // A removed directory's own descriptors stay in the table; its handles may be listings.
  if (table.type(node) === S_IFDIR) return -ESTALE;
  table.lockHandles(); // so that the handle is not closed, and its number another file's
  const copy = table.handles(node, oneHandle, FILE_HANDLE) > 0 ? dupCloexec(oneHandle[0] as number) : -ESTALE;
  table.unlockHandles();
  if (copy >= 0 && !table.pin(node, copy)) close(copy);
  return copy < 0 ? copy : table.pinned(node);
}

const oneHandle = new Int32Array(1);

/** A descriptor of the directory that is shown, or of one that is removed and still open. @returns it, or a negative errno. */
export function directoryDescriptor(fs: FileSystem, node: NodeId): number {
  const layer = topSide(fs, node);
  if (layer >= 0) return side(fs, node, layer);
  return layer === -ENOENT ? anyDescriptor(fs, node) : layer;
}

function directoryAttributes(fs: FileSystem, node: NodeId): number {
  const layer = topSide(fs, node);
  if (layer >= 0) {
    const result = statx(side(fs, node, layer), EMPTY, AT_EMPTY_PATH, STATE_MASK, fs.stat);
    return result < 0 ? result : layer;
  }
  if (node === ROOT_ID || layer !== -ENOENT) return layer;
  const fd = anyDescriptor(fs, node);
  return fd < 0 ? fd : attributesByHandle(fs, fd);
}
