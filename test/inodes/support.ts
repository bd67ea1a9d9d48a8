// A small table, and short ways to say names and nodes.

import type { NodeId } from '../../protocol/types.ts';
import { InodeTable, type NewNode, newNewNode } from '../../src/inodes/table.ts';

export const FILE = 0o100000;
export const DIRECTORY = 0o040000;
export const SYMLINK = 0o120000;

export function smallTable(bytes = 1 << 20): InodeTable {
  return new InodeTable(InodeTable.reserve({ bytes, layers: 2, handles: 64 }));
}

export function cname(text: string): Uint8Array {
  return Buffer.from(`${text}\0`);
}

export function object(type: number, ino: number, layer = 1, device = 1): NewNode {
  return { ...newNewNode(), type, inoLo: ino, layer, device, presentedLo: ino };
}

/** Interns and insists on success. */
export function add(table: InodeTable, parent: NodeId, name: string, type: number, ino: number): NodeId {
  const node = table.intern(parent, cname(name), object(type, ino));
  if (node <= 0) throw new Error(`intern of ${name} returned ${node}`);
  return node as NodeId;
}

export function pathText(table: InodeTable, node: NodeId, room = 4096): string {
  const out = Buffer.alloc(room);
  return out.toString('utf8', 0, table.path(node, out));
}

export function forget(table: InodeTable, node: NodeId, count: number | bigint = 1): number[] {
  const closing: number[] = [];
  table.forget(node, count, closing);
  return closing;
}

export const never = (): boolean => false;
