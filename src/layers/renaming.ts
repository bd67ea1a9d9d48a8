// A name that a directory loses through this mount: the layers know before the inode table does.

import type { NodeId } from '../../protocol/types.ts';
import type { NameRef } from '../inodes/table.ts';
import type { FileSystem } from './filesystem.ts';
import { WAIT, waitWhile } from './waitwhile.ts';

/** How long another worker is waited for, in milliseconds: it has a step or two to go. */
const PATIENCE_MS = 1000;

/**
 * Waits until the worker that renames or removes a directory has told the inode table. Its lock is not taken: who waits here may hold others.
 * @param ref the name that a layer does not have any more. @returns 1 when the directory has lost it, 0 when it has not, since another host has made
 * the change or this very request is making it; -EINTR
 */
export function awaitRenamed(fs: FileSystem, node: NodeId, ref: NameRef): number {
  const { table, worker } = fs;
  const look = () => {
    const holder = table.lockOwner(node);
    if (table.find(ref.parent, ref.bytes) !== node) return 1;
    return holder === 0 || holder === worker ? 0 : WAIT;
  };
  const waited = waitWhile(fs, PATIENCE_MS, look, 1);
  return waited === WAIT ? 0 : waited;
}
