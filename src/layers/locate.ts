// Which layer shows a name, or a node: the question that every operation begins with. The topmost layer that has the name wins, and
// a layer that fails is never taken for one that does not have it.

import { ENOENT, ESTALE } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { type Identity, type NameRef, newIdentity, newNameRef, ROOT_ID } from '../inodes/table.ts';
import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  S_IFDIR,
  STATX_BASIC_STATS,
  STATX_BTIME,
} from '../sys/constants.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { statx } from '../sys/path.ts';
import type { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { isPrivate } from './private.ts';
import { side, topSide } from './sides.ts';

const MASK = STATX_BASIC_STATS | STATX_BTIME;

/**
 * Finds `name` in the merged directory `parent` and fills `found` with its attributes.
 * @returns layer index, -ENOENT, or the error of the first layer that could not answer.
 */
export function locate(fs: FileSystem, parent: NodeId, name: CString, found: Stat): number {
  if (isPrivate(parent, name)) return -ENOENT;
  for (;;) {
    const stamp = fs.table.stamp(parent, name);
    const layer = search(fs, parent, name, found);
    // Looked for above while it was below, and below when it had come up: a copy-up changes the stamp before the source goes.
    if (layer !== -ENOENT || fs.table.stamp(parent, name) === stamp) return layer;
  }
}

function search(fs: FileSystem, parent: NodeId, name: CString, found: Stat): number {
  const count = fs.layers.length;
  for (let layer = 0; layer < count; layer++) {
    const dir = side(fs, parent, layer);
    if (dir < 0) {
      if (dir === -ENOENT) continue;
      return dir;
    }
    const result = statx(dir, name, AT_SYMLINK_NOFOLLOW, MASK, found);
    if (result === 0) return layer;
    if (result !== -ENOENT) return result;
  }
  return -ENOENT;
}

/** Where a node's visible object is: `dir` and `name` on `layer`, with its attributes in the file system's `stat`. */
export interface Place {
  layer: number;
  /** Descriptor of the directory in that layer. */
  dir: number;
  /** Parent and name as the inode table has them. */
  readonly ref: NameRef;
}

export function newPlace(): Place {
  return { layer: -1, dir: -1, ref: newNameRef() };
}

/**
 * Finds the object that a node with a name shows now, whichever layer has it.
 * @returns 0, -ESTALE for a node without a name or whose name is gone (the kernel looks it up again), or a layer's error.
 */
export function place(fs: FileSystem, node: NodeId, out: Place): number {
  if (!fs.table.nameOf(node, out.ref)) return -ESTALE;
  let layer = locate(fs, out.ref.parent, out.ref.bytes, fs.stat);
  // The node is known, so its name was there: another host may have brought it up between two questions.
  if (layer === -ENOENT) layer = locate(fs, out.ref.parent, out.ref.bytes, fs.stat);
  if (layer < 0) return layer === -ENOENT ? -ESTALE : layer;
  if (fs.stat.type !== fs.table.type(node)) return -ESTALE;
  out.layer = layer;
  out.dir = side(fs, out.ref.parent, layer);
  return 0;
}

const identity: Identity = newIdentity();

/** Whether the attributes just found are those of the object that the node is known to show. */
export function isSameObject(fs: FileSystem, node: NodeId, layer: number, found: Stat): boolean {
  return (
    fs.table.identity(node, identity) &&
    identity.layer === layer &&
    identity.inoLo === found.inoLo &&
    identity.inoHi === found.inoHi
  );
}

/**
 * Attributes of a node, in the file system's `stat`: by its name, or by a descriptor when it has none any more.
 * @returns the layer that they are of, or a negative errno.
 */
export function attributes(fs: FileSystem, node: NodeId): number {
  if (fs.table.type(node) === S_IFDIR) return directoryAttributes(fs, node);
  const layer = place(fs, node, here);
  if (layer === 0 && (isSameObject(fs, node, here.layer, fs.stat) || fs.table.openCount(node) === 0))
    return here.layer;
  if (layer < 0 && layer !== -ESTALE) return layer;
  const fd = anyDescriptor(fs, node);
  return fd < 0 ? fd : attributesByHandle(fs, fd);
}

const here = newPlace();

/** Attributes of what a handle is open on, in the file system's `stat`. @returns 0 or a negative errno. */
export function attributesByHandle(fs: FileSystem, handle: number): number {
  return statx(handle, EMPTY, AT_EMPTY_PATH, MASK, fs.stat);
}

/** A descriptor of an object that has no name any more: kept at its removal, or that of an open handle. -ESTALE if there is none. */
export function anyDescriptor(fs: FileSystem, node: NodeId): number {
  const pinned = fs.table.pinned(node);
  if (pinned >= 0) return pinned;
  return fs.table.handles(node, oneHandle) > 0 ? (oneHandle[0] as number) : -ESTALE;
}

const oneHandle = new Int32Array(1);

function directoryAttributes(fs: FileSystem, node: NodeId): number {
  const layer = topSide(fs, node);
  if (layer >= 0) {
    const result = statx(side(fs, node, layer), EMPTY, AT_EMPTY_PATH, MASK, fs.stat);
    return result < 0 ? result : layer;
  }
  if (node === ROOT_ID || layer !== -ENOENT) return layer;
  const fd = anyDescriptor(fs, node);
  return fd < 0 ? fd : attributesByHandle(fs, fd);
}
