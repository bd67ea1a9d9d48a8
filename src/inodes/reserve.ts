// What is left of a process's descriptors for all that is neither a directory nor an open file: the process itself, its workers, and what
// they open in passing.

/** @param limit of descriptors of the process */
export function reservedOf(limit: number): number {
  return Math.floor(Math.min(1000, Math.max(150, limit / 3)));
}

/** How many workers that is enough for: each keeps some, and opens some more in passing. */
export function workersWithin(reserved: number): number {
  return Math.max(1, Math.floor((reserved - 54) / 6));
}
