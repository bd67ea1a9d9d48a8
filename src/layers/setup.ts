// What one worker needs to serve the merged tree: plain data, made once by prepare.ts on the main thread and posted to every
// worker. Descriptors belong to the process, so all workers may use the same numbers.

import type { JournalSetup } from '../journal/setup.ts';
import type { LogLevel, LogTarget } from '../log/log.ts';

/** One layer. Index 0 of the list is the upper layer, then the lower ones from top to bottom. */
export interface LayerSetup {
  /** As the administrator gave it: for messages only, never walked again. */
  readonly path: string;
  /** O_PATH | O_DIRECTORY descriptor of the layer's root. */
  readonly fd: number;
  /**
   * The same of our directory in it, found to be ours alone. As long as there is none, of a directory that holds nothing of ours, so that
   * whoever looks finds nothing; the number stays when there is one (claim.ts, private.ts).
   */
  readonly ours: number;
}

/** What the mount options decide about the tree. */
export interface Policy {
  /** Milliseconds that the kernel may keep a name without asking again: `cache=none` 0, `shared` 1000, `exclusive` a day. */
  readonly entryTimeoutMs: number;
  /** Milliseconds that the kernel may keep attributes without asking again. */
  readonly attrTimeoutMs: number;
  /** `default`: the kernel checks with our attributes and the layer has the last word; `layer`: the layer alone. */
  readonly permissions: 'default' | 'layer';
  /** Where a change of a lower object's metadata is made: on its layer, or on the upper after a copy-up. */
  readonly metadata: 'layer' | 'copyup';
  /** Whether an xattr that the upper layer cannot hold fails the copy-up or is dropped with a warning. */
  readonly xattrs: 'strict' | 'best-effort';
  readonly readOnly: boolean;
  /** Who keeps flock and fcntl locks: the kernel, for this host, or the layers' files, for all (locks.ts). */
  readonly locks: 'local' | 'cluster';
  /** Whether the kernel reads and writes files of the upper layer by itself, where it can (passthrough.ts). */
  readonly passthrough: 'off' | 'upper';
  /** A root daemon takes on each caller's identity; any other serves its own user alone. */
  readonly switchCredentials: boolean;
}

/** Whether no other host uses the layers: only then may the kernel keep a name for longer than a minute. */
export function isExclusive({ entryTimeoutMs }: Pick<Policy, 'entryTimeoutMs'>): boolean {
  return entryTimeoutMs > 60_000;
}

export interface FileSystemSetup {
  /** The inode table (src/inodes). */
  readonly region: SharedArrayBuffer;
  /** See entrychanges.ts. */
  readonly changes: SharedArrayBuffer;
  readonly layers: readonly LayerSetup[];
  readonly policy: Policy;
  /** Without it nothing is recorded. */
  readonly journal?: JournalSetup | undefined;
  readonly log: LogTarget;
  readonly logLevel: LogLevel;
  /** A random u32 of this mount. */
  readonly generation: number;
  /** This host's name, part of the names of temporaries. */
  readonly host: string;
}

/** The layer that takes everything new. */
export const UPPER = 0;

/** The directory in a layer's root that is ours: never shown, never named through the mount. */
export const PRIVATE_NAME = '.migratefs';
