// The ends of a rename, and how one of them gets to the upper layer.

import { EBUSY } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import type { CString } from '../sys/cstring.ts';
import type { Stat } from '../sys/stat.ts';
import { copyUp } from './copyup.ts';
import type { FileSystem } from './filesystem.ts';
import { forget } from './forget.ts';
import { locate, newPlace } from './locate.ts';
import { lookup } from './lookup.ts';
import { UPPER } from './setup.ts';

/** A name in a merged directory, and what the merged tree shows there. */
export interface End {
  readonly parent: NodeId;
  readonly name: CString;
  /** The layer that shows it, or -ENOENT. */
  layer: number;
  readonly stat: Stat;
}

const at = newPlace();

/** Copies what a name shows up, under this name; the caller has been checked and holds the node's lock. @returns 0 or a negative errno. */
export function bringUp(fs: FileSystem, end: End): number {
  const node = lookup(fs, end.parent, end.name);
  if (node < 0) return node;
  const copied = copyUp(fs, node as NodeId, at);
  forget(fs, node as NodeId, 1);
  if (copied < 0) return copied;
  // A file with several names may have come up under another one; looking for this one gives it to the copy.
  const layer = locate(fs, end.parent, end.name, end.stat);
  if (layer !== UPPER) return layer < 0 ? layer : -EBUSY;
  end.layer = layer;
  return 0;
}
