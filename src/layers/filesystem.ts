// The state that the functions of this folder share in one worker: the inode table, the layers, who the caller is, the log, and
// buffers that are used again and again.

import type { NodeId } from '../../protocol/types.ts';
import { InodeTable } from '../inodes/table.ts';
import { Journal } from '../journal/journal.ts';
import { Log } from '../log/log.ts';
import { close } from '../sys/fd.ts';
import { Stat } from '../sys/stat.ts';
import { Caller } from './caller.ts';
import { EntryChanges } from './entrychanges.ts';
import { type LockQueue, MAY_WAIT, type MayWait, NO_QUEUE } from './locking.ts';
import { type LowerBound, UNBOUNDED } from './lowerbound.ts';
import type { Backing } from './passthrough.ts';
import { openFolder } from './private.ts';
import { type FileSystemSetup, type LayerSetup, type Policy, UPPER } from './setup.ts';

export class FileSystem {
  readonly table: InodeTable;
  readonly layers: readonly LayerSetup[];
  readonly policy: Policy;
  /** Which directories' entries users change at the moment. */
  readonly changes: EntryChanges;
  readonly caller: Caller;
  readonly log: Log;
  /** What has become of users' files, see journal.ts. */
  readonly journal: Journal | undefined;
  readonly host: string;
  readonly generation: number;
  /** Distinguishes the workers of a mount as owners of locks; from 1. */
  readonly worker: number;
  /** Whether the request in hand has been interrupted. */
  readonly interrupted: () => boolean;
  /** Whether the request in hand may wait for a node's lock, see locking.ts. */
  readonly mayWait: MayWait;
  /** Where the request in hand waits for a file lock, see locking.ts. */
  readonly lockQueue: LockQueue;
  /** Set where the kernel may read and write files of the upper layer by itself. */
  readonly backing: Backing | undefined;
  /** Room for work on lower layers. */
  readonly lower: LowerBound;
  /** Has the kernel ask for a node's attributes anew: what it knows may be old before their time is up. */
  readonly outdated: (node: NodeId) => void;
  /** The attributes that the last locate, lookup or getattr found. */
  readonly stat = new Stat();

  /** A layer's directory as the administrator named it, for the log. */
  pathOf(layer: number): string {
    return this.layers[layer]?.path ?? '';
  }

  /** @param worker number from 1, unique among the threads of the mount. */
  constructor(
    setup: FileSystemSetup,
    worker: number,
    interrupted: () => boolean,
    mayWait: MayWait = MAY_WAIT,
    lockQueue: LockQueue = NO_QUEUE,
    outdated: (node: NodeId) => void = () => {},
    lower: LowerBound = UNBOUNDED,
    backing?: Backing,
  ) {
    this.table = new InodeTable(setup.region, worker);
    this.layers = setup.layers;
    this.policy = setup.policy;
    this.changes = new EntryChanges(setup.changes, worker);
    this.caller = new Caller(setup.policy.switchCredentials, setup.policy.permissions === 'default');
    this.log = new Log(setup.log, setup.logLevel);
    if (setup.journal !== undefined) {
      const inFolder = (work: (dir: number) => number) =>
        this.caller.asDaemon(() => inJournalFolder(setup, work));
      this.journal = new Journal(setup.journal, this.log, inFolder);
    }
    this.host = setup.host;
    this.generation = setup.generation;
    this.worker = worker;
    this.interrupted = interrupted;
    this.mayWait = mayWait;
    this.lockQueue = lockQueue;
    this.outdated = outdated;
    this.lower = lower;
    this.backing = backing;
  }
}

/** Call it as the daemon. @returns what `work` returns, or the errno with which the folder cannot be opened. */
export function inJournalFolder(
  { layers }: Pick<FileSystemSetup, 'layers'>,
  work: (dir: number) => number,
): number {
  const dir = openFolder(layers[UPPER] as LayerSetup, 'journal');
  if (dir < 0) return dir;
  const result = work(dir);
  close(dir);
  return result;
}
