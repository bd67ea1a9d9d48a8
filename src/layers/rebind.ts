// A node changes what it shows and keeps the inode number that it has: after a copy-up, or when a directory gains a side further up.

import type { NodeId } from '../../protocol/types.ts';
import type { Identity } from '../inodes/table.ts';
import type { FileSystem } from './filesystem.ts';

const number = { lo: 0, hi: 0 };

/** The node shows another object from now on (copied up, or a directory with a side further up), under the number it had. */
export function rebind(fs: FileSystem, node: NodeId, identity: Identity): void {
  fs.table.presented(node, number);
  fs.table.remember(identity.device, identity.inoLo, identity.inoHi, number.lo, number.hi);
  fs.table.rebind(node, identity);
}
