// Node ids: slot + generation × 2^32, and the plain shapes that the table exchanges with its callers.
// A generation has 21 bits, so that an id is an exact number below 2^53; a slot that has used up its
// generations is never used again, which is what makes an id unique for the life of a mount.

import { type CString, FUSE_ROOT_ID, type Int64, type NodeId, TWO_32 } from '../../protocol/types.ts';

export type { CString, Int64, NodeId };
export { TWO_32 };

/** The root's node: always there, never counted, never freed. */
export const ROOT_ID = FUSE_ROOT_ID;
/** The file type bits of a directory (inode(7)). */
export const S_IFDIR = 0o040000;
export const ROOT_SLOT = 1;
export const LAST_GENERATION = 2 ** 21 - 1;

/** The longest name, in bytes without the NUL (NAME_MAX of Linux). */
export const NAME_MAX = 255;

/** Which object of which layer a node shows: the layer, the device's index in the mount, and the inode number as two u32 words. */
export interface Identity {
  layer: number;
  device: number;
  inoLo: number;
  inoHi: number;
  /** An i32 made of the time of birth, which tells objects apart that had one inode number after another; 0: not known. */
  birth: number;
}

/** A node to be made known: what it shows, its S_IFMT bits, and the inode number that the mount presents. */
export interface NewNode extends Identity {
  type: number;
  presentedLo: number;
  presentedHi: number;
}

/** An inode number as two u32 words. */
export interface Words64 {
  lo: number;
  hi: number;
}

export function newIdentity(): Identity {
  return { layer: 0, device: 0, inoLo: 0, inoHi: 0, birth: 0 };
}

export function newNewNode(): NewNode {
  return { ...newIdentity(), type: 0, presentedLo: 0, presentedHi: 0 };
}

/** Whether two births may be of one object. */
export function sameBirth(a: number, b: number): boolean {
  return a === b || a === 0 || b === 0;
}

export function makeId(slot: number, generation: number): NodeId {
  return (generation * TWO_32 + slot) as NodeId;
}
