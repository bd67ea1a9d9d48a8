// A name in a merged directory, as records tell it that outlive the daemon: from the root of a layer, one name after the other.

import type { NodeId } from '../../protocol/types.ts';
import { newNameRef, ROOT_ID } from '../inodes/table.ts';
import {
  AT_EMPTY_PATH,
  AT_STATX_DONT_SYNC,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  STATX_INO,
} from '../sys/constants.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { close, dupCloexec, openat } from '../sys/fd.ts';
import { statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';

/** A name in a directory, by the names of its parents from the root; each as a string of bytes (latin1). */
export interface Spot {
  readonly parents: readonly string[];
  readonly name: string;
}

export function spotOf(fs: FileSystem, parent: NodeId, name: CString): Spot {
  const parents: string[] = [];
  const ref = newNameRef();
  for (let node = parent; node !== ROOT_ID && fs.table.nameOf(node, ref); node = ref.parent) {
    parents.unshift(textOf(ref.bytes));
  }
  return { parents, name: textOf(name) };
}

/**
 * A name of a layer as marks tell it: by the directory itself, which another host may rename meanwhile, and all that is in it with it.
 * @param dir a descriptor of it in that layer
 */
export function placeIn(dir: number, name: CString): string {
  const found = statx(dir, EMPTY, AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, stat);
  return `${found < 0 ? '' : inodeText(stat)}/${textOf(name)}`;
}

const stat = new Stat();

/** Whether what was read from a record is a spot, each of whose names is one. */
export function isSpot(value: unknown): value is Spot {
  const { parents, name } = (value ?? {}) as Partial<Spot>;
  return isName(name) && Array.isArray(parents) && parents.every(isName);
}

/** One name in a directory, as a string of bytes: of what is none (U+012F), half would be taken for a byte (`/`). */
export const isName = (value: unknown): value is string =>
  typeof value === 'string' && !/^\.{0,2}$|[/\0]|[^\0-\xff]/.test(value);

/**
 * The spot's directory in a layer. Each name is taken for the directory itself, never for what a symlink there points to.
 * @param root the layer's. @returns an O_PATH descriptor to be closed, or a negative errno.
 */
export function openParent(root: number, { parents }: Spot): number {
  let dir = dupCloexec(root);
  for (const name of parents) {
    if (dir < 0) return dir;
    const next = openat(dir, bytesOf(name), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    close(dir);
    dir = next;
  }
  return dir;
}

/** The path for the log. */
export const pathOfSpot = ({ parents, name }: Spot): Buffer =>
  Buffer.from([...parents, name].join('/'), 'latin1');

export const textOf = (name: CString): string => Buffer.from(name.subarray(0, -1)).toString('latin1');

export function bytesOf(name: string): CString {
  const terminated = new Uint8Array(name.length + 1);
  Buffer.from(terminated.buffer).write(name, 'latin1');
  return terminated;
}

/** For a name: an inode number. */
export function inodeText({ inoHi, inoLo }: Pick<Stat, 'inoHi' | 'inoLo'>): string {
  const hex = (word: number) => word.toString(16).padStart(8, '0');
  return `${hex(inoHi)}${hex(inoLo)}`;
}
