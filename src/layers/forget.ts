// Lookup counts taken back: by the kernel's FORGET, or by an operation that failed after it had counted one.

import { ENOMEM } from '../../protocol/errno.ts';
import type { Int64, NodeId } from '../../protocol/types.ts';
import type { InodeTable } from '../inodes/table.ts';
import { close } from '../sys/fd.ts';
import type { FileSystem } from './filesystem.ts';

/** Takes lookup counts back, and closes what was kept open for nodes that end. */
export function forget(fs: FileSystem, node: NodeId, count: Int64): void {
  const closing: number[] = [];
  fs.table.forget(node, count, closing);
  for (let i = 0; i < closing.length; i++) close(closing[i] as number);
}

/** With `handles=keep`, ends the nodes that are kept for file handles alone: room is needed. @returns whether there were any */
export function letGo(table: InodeTable): boolean {
  if (!table.keeps) return false;
  const closing: number[] = [];
  const ended = table.letGo(closing);
  for (const fd of closing) close(fd);
  return ended > 0;
}

/** Enters something in the table; where that is full, once more after letting go. */
export function withRoom(table: InodeTable, enter: () => number): number {
  const result = enter();
  return result === -ENOMEM && letGo(table) ? enter() : result;
}
