// LOOKUP: a name becomes a node that the kernel holds. What a name shows is known by layer, device and inode, so the same object
// keeps its node and another object that has taken the name gets a new one.

import { EAGAIN, EMFILE, ENOENT, ESTALE } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { type NewNode, newIdentity, newNewNode, ROOT_ID } from '../inodes/table.ts';
import { S_IFDIR } from '../sys/constants.ts';
import type { CString } from '../sys/cstring.ts';
import { close } from '../sys/fd.ts';
import { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { forget, withRoom } from './forget.ts';
import { isCopied, isLinked } from './linkindex.ts';
import { type Borrowed, locate } from './locate.ts';
import { settle } from './locking.ts';
import { openSide } from './openside.ts';
import { rebind } from './rebind.ts';
import { UPPER } from './setup.ts';
import { adoptSide, refreshSides, side } from './sides.ts';

/**
 * Looks `name` up in `parent` and counts one lookup of the node. The attributes are in `fs.stat`.
 * @returns the node, or a negative errno (-ENOENT when no layer has it).
 */
export function lookup(fs: FileSystem, parent: NodeId, name: CString): number {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const stamp = fs.table.stamp(parent, name);
    const layer = locate(fs, parent, name, fs.stat, elsewhere);
    if (layer < 0) return layer;
    const node = intern(fs, parent, name, layer, fs.stat, stamp);
    if (node !== -EAGAIN && (node < 0 || isCurrent(fs, layer))) return node;
    if (node !== -EAGAIN) {
      forget(fs, node as NodeId, 1);
      continue;
    }
    // A copy-up, rename or removal ended between the question and its answer, or is about to.
    const changing = fs.table.find(parent, name);
    const settled = changing ? settle(fs, changing) : 0;
    if (settled < 0) return settled;
  }
  return -ESTALE;
}

// A file may have come up by another name since this one was found below: the stamp of this one did not tell, if it was not known then.
function isCurrent(fs: FileSystem, layer: number): boolean {
  return layer === UPPER || !isLinked(fs.stat) || isCopied(fs, layer, fs.stat) === 0;
}

const ATTEMPTS = 16;
const elsewhere: Borrowed = { path: undefined };

const fresh: NewNode = newNewNode();
const number = { lo: 0, hi: 0 };

/**
 * Counts one lookup of the node for an object that was just found or made on `layer` and whose attributes are `found`.
 * @param stamp of the name from before it was looked for; not needed by who has just made it. @returns the node, -EAGAIN to look again
 * (with a stamp), or a negative errno.
 */
export function intern(
  fs: FileSystem,
  parent: NodeId,
  name: CString,
  layer: number,
  found: Stat,
  stamp?: number,
): number {
  const { table } = fs;
  const device = table.deviceIndex(found.devMajor, found.devMinor, layer);
  if (device < 0) return device;
  if (found.type === S_IFDIR) return internDirectory(fs, parent, name, layer, device, found, stamp);
  table.presentedOf(device, found.inoLo, found.inoHi, number);
  fill(layer, device, found);
  return withRoom(table, () => table.intern(parent, name, fresh, stamp));
}

/** A node for a file without a name, just made on the upper layer (O_TMPFILE). @returns the node with one lookup counted, or -ENOMEM. */
export function internNameless(fs: FileSystem, found: Stat): number {
  const { table } = fs;
  const device = table.deviceIndex(found.devMajor, found.devMinor, UPPER);
  if (device < 0) return device;
  table.presentedOf(device, found.inoLo, found.inoHi, number);
  fill(UPPER, device, found);
  return withRoom(table, () => table.create(fresh));
}

function fill(layer: number, device: number, found: Stat): void {
  fresh.layer = layer;
  fresh.device = device;
  fresh.inoLo = found.inoLo;
  fresh.inoHi = found.inoHi;
  fresh.birth = found.birth;
  fresh.type = found.type;
  fresh.presentedLo = number.lo;
  fresh.presentedHi = number.hi;
}

function internDirectory(
  fs: FileSystem,
  parent: NodeId,
  name: CString,
  layer: number,
  device: number,
  found: Stat,
  stamp?: number,
): number {
  const { table } = fs;
  gainSide(fs, parent, name, layer);
  table.presentedOf(device, found.inoLo, found.inoHi, number);
  fill(layer, device, found);
  const node = withRoom(table, () => table.intern(parent, name, fresh, stamp));
  if (node < 0 || table.dirState(node as NodeId, layer) >= 0) return node;
  const dir = side(fs, parent, layer);
  let fd =
    dir < 0 ? dir : table.openHandles.isFull(table.descriptors()) ? -EMFILE : openSide(dir, name, opened);
  if (fd >= 0 && (opened.inoLo !== found.inoLo || opened.inoHi !== found.inoHi)) {
    close(fd);
    fd = -ESTALE;
  }
  const kept = fd < 0 ? fd : adoptSide(fs, node as NodeId, layer, fd, opened);
  // Without a descriptor to spare the side is found when it is needed: a look at a name never fails for that.
  if (kept >= 0 || kept === -EMFILE) return node;
  forget(fs, node as NodeId, 1);
  return kept;
}

const opened = new Stat();
const known = newIdentity();

// A directory that this mount knows from a lower layer may have got a side on a higher one: made by this mount (the table knows
// it) or by another host. `side` checks that it is the same directory before it joins them; then the node goes on under its new
// identity. A side that was replaced leaves the node as it is, and the new identity makes a new node.
function gainSide(fs: FileSystem, parent: NodeId, name: CString, layer: number): void {
  const { table } = fs;
  const node = table.find(parent, name) as NodeId;
  if (!node || node === ROOT_ID || table.type(node) !== S_IFDIR || !table.identity(node, known)) return;
  if (known.layer <= layer) return;
  if (table.dirState(node, layer) < 0) {
    refreshSides(fs, node);
    const fd = side(fs, node, layer);
    if (fd < 0 && fd !== -ENOENT) return;
  }
  if (table.dirState(node, layer) >= 0 && table.dirIdentity(node, layer, known)) rebind(fs, node, known);
}
