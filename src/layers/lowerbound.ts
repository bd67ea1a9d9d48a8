// A lower layer that hangs holds every worker that asks it for something. So that it never has all of them, only some of a mount's workers may be
// at work on lower layers at once, and fewer on one of several; a request that would be one too many is put aside, and handled from its beginning
// when there is room. Therefore it says which lower layers it needs before it has changed anything.

/** A set of lower layers: a bit for each, as `lowerSet` has it. */
export type LowerSet = number;

/** Layers from this one on are counted as one. */
export const MOST_SETS = 12;

/** The set of one lower layer. */
export function lowerSet(layer: number): LowerSet {
  return 1 << Math.min(layer, MOST_SETS - 1);
}

/** The request in hand and the mount's room for work on lower layers. */
export interface LowerBound {
  /**
   * The request needs these layers from here on, until its end, besides those that it has named before. @param changes whether it may change
   * something, which may take hours (a copy-up): these leave room for the others. @returns 0, `PARKED`, or -EBUSY when not even that can be done
   */
  enter(layers: LowerSet, changes: boolean): number;
  /** The request may turn out to need some: `need` finds out. */
  mayNeed(): void;
  /** A lower layer is about to be asked. @returns 0 or as `enter`; always 0 for a request that has not said `mayNeed` */
  need(layer: number): number;
  /** The request is at its end, or put aside. */
  leave(): void;
}

/** No bound: for who serves alone. */
export const UNBOUNDED: LowerBound = {
  enter: () => 0,
  mayNeed: () => {},
  need: () => 0,
  leave: () => {},
};
