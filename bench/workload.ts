// What a workload is.

import type { Bed } from './bed.ts';
import type { Peer } from './peers.ts';

/** Of these more is better: whatever has a rate. Of the others less is. */
export type Unit = 'ops/s' | 'files/s' | 'names/s' | 'MiB/s' | 's' | 'ms' | 'µs' | 'MB' | 'bytes';

export const moreIsBetter = (unit: Unit): boolean => unit.endsWith('/s');

export type Storage = 'tmpfs' | 'ext4';

export type Figures = number | Readonly<Record<string, number>>;

export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly unit: Unit;
  /** What a run gives, if it is more than one figure: names, and units where they differ. */
  readonly parts?: Readonly<Record<string, Unit>>;
  /** The programs without which it cannot run. */
  readonly needs: readonly string[];
  /** Which storages it says something about; default: all. */
  readonly storages?: readonly Storage[];
  /** Whom it can be run on; default: everything that has a tree. */
  readonly takes?: (peer: Peer) => boolean;
  /** Other settings of a peer that are worth a look. */
  readonly variants?: readonly string[];
  /** Whom the ratios are to; default: the plain directory. */
  readonly baseline?: string;
  /** A run wants a new mount, and leaves things that nobody has room for: `lay` and a mount come before each run. */
  readonly fresh?: true;
  /** The lower layer is a file system that can be told to be slow or to hang. */
  readonly sick?: true;
  /** Lays what all runs share, before the mount. */
  readonly prepare?: (bed: Bed) => Promise<void>;
  /** Lays what one run uses up, below `name` on the layers, before the mount. */
  readonly lay?: (bed: Bed, name: string) => Promise<void>;
  /** What must be just before a run, and is not measured. */
  readonly before?: (bed: Bed) => Promise<void>;
  readonly run: (bed: Bed, name: string) => Promise<Figures>;
}

export interface Family {
  readonly name: string;
  readonly title: string;
  readonly workloads: readonly Workload[];
}
