// What the table tells of itself.

import type { Dentries } from './dentries.ts';
import type { Directories } from './directories.ts';
import type { Nodes } from './nodes.ts';
import type { Numbers } from './numbers.ts';
import { HEADER, type Region } from './region.ts';

/** Counts, and the bytes of the region that were ever touched. */
export interface TableStats {
  nodes: number;
  dentries: number;
  handles: number;
  descriptors: number;
  numbers: number;
  /** Bytes in use or free for reuse: resident memory, about. */
  bytesUsed: number;
  bytesReserved: number;
  /** FORGETs of unknown nodes, or of more lookups than there were. */
  overForgets: number;
  /** Slots whose generations are used up. */
  retiredSlots: number;
}

export function statsOf(
  region: Region,
  nodes: Nodes,
  dentries: Dentries,
  numbers: Numbers,
  directories: Directories,
): TableStats {
  return {
    nodes: nodes.used,
    dentries: dentries.used,
    handles: Atomics.load(region.header, HEADER.openHandles),
    descriptors: directories.descriptors(),
    numbers: numbers.count,
    bytesUsed: nodes.bytes + dentries.bytes + numbers.bytes + directories.bytes,
    bytesReserved: region.buffer.byteLength,
    overForgets: Atomics.load(region.header, HEADER.overForgets),
    retiredSlots: Atomics.load(region.header, HEADER.retired),
  };
}
