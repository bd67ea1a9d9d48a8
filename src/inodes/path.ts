// The path of a node, for log lines only: nothing is ever opened by it.

import { DENTRY, type Dentries } from './dentries.ts';
import { NAME_MAX, ROOT_SLOT } from './ids.ts';
import { NODE, type Nodes } from './nodes.ts';

const SLASH = 0x2f;
const UNKNOWN = 0x3f; // '?', for a directory without a name

const name = new Uint8Array(NAME_MAX);

/**
 * Writes the path of a live node into `out`: '/' and the names from the root on, or '?' instead of what lies above a
 * nameless node. Of a path that is longer than `out` its end. Returns the bytes written. The caller holds the mutex.
 */
export function pathOf(nodes: Nodes, dentries: Dentries, node: number, out: Uint8Array): number {
  let start = out.length; // the path grows from the end of `out` towards its beginning
  let at = node;
  while (start > 0) {
    const dentry = nodes.get(at, NODE.firstName);
    if (dentry === 0) break;
    const length = dentries.get(dentry, DENTRY.length);
    dentries.arena.copy(dentries.get(dentry, DENTRY.block), length, name);
    const part = Math.min(length, start);
    start -= part;
    out.set(name.subarray(length - part, length), start);
    if (start > 0) out[--start] = SLASH;
    at = dentries.get(dentry, DENTRY.parent);
  }
  const whole = start > 0;
  if (whole && at !== ROOT_SLOT) out[--start] = UNKNOWN;
  if (whole && start === out.length) out[--start] = SLASH;
  out.copyWithin(0, start);
  return out.length - start;
}
