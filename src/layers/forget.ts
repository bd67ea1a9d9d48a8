// Lookup counts taken back: by the kernel's FORGET, or by an operation that failed after it had counted one.

import { ENOMEM } from '../../protocol/errno.ts';
import type { Int64, NodeId } from '../../protocol/types.ts';
import type { InodeTable } from '../inodes/table.ts';
import { close } from '../sys/fd.ts';
import type { FileSystem } from './filesystem.ts';

/** Takes lookup counts back, and closes what was kept open for nodes that end. */
export function forget(fs: FileSystem, node: NodeId, count: Int64): void {
  closeThose((closing) => fs.table.forget(node, count, closing));
}

/** The request in hand is done: what it has used may be closed. */
export function endUse(table: InodeTable): void {
  closeThose((closing) => table.endUse(closing));
}

/** Closes what the table gives up. @returns what `work` returns */
function closeThose<T>(work: (closing: number[]) => T): T {
  const closing: number[] = [];
  const result = work(closing);
  for (const fd of closing) close(fd);
  return result;
}

/** With `handles=keep`, ends the nodes that are kept for file handles alone: room is needed. @returns whether there were any */
export function letGo(table: InodeTable): boolean {
  if (!table.keeps) return false;
  return closeThose((closing) => table.letGo(closing)) > 0;
}

/** Closes the descriptors of directories that live on, and are found by name when they are needed. */
export function giveUp(table: InodeTable, nodes: readonly NodeId[]): void {
  closeThose((closing) => table.clock.giveUp(nodes, closing));
}

/** Enters something in the table; where that is full, once more after letting go. */
export function withRoom(table: InodeTable, enter: () => number): number {
  const result = enter();
  return result === -ENOMEM && letGo(table) ? enter() : result;
}
