// A lower layer that hangs holds every worker that asks it for something. So that it never has all of them, only some of a mount's workers may be
// at work on lower layers at once; a request that would be one too many is put aside, and handled from its beginning when there is room.
// Therefore it says that it needs a lower layer before it has changed anything.

/** The request in hand and the mount's room for work on lower layers. */
export interface LowerBound {
  /**
   * The request needs a lower layer from here on, until its end. @param changes whether it may change something, which may take hours
   * (a copy-up): these leave room for the others. @returns 0, `PARKED`, or -EBUSY when not even that can be done
   */
  enter(changes: boolean): number;
  /** The request may turn out to need one: `need` finds out. */
  mayNeed(): void;
  /** A lower layer is about to be asked. @returns 0 or as `enter`; always 0 for a request that has not said `mayNeed` */
  need(): number;
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
