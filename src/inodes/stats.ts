// What the table tells of itself.

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
