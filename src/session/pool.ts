// The workers, seen from the main thread: a few at the start, one more when all are busy and requests wait, up to a
// limit; those that waited for a storage end when it is quick again. A worker that dies is reported, its locks are
// released, the request that it had in hand is answered EIO (its caller would wait for ever), and it is replaced, a
// bounded number of times. The pool is over when the last worker has ended.

import { Worker } from 'node:worker_threads';
import { errnoName } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import type { Log } from '../log/index.ts';
import { Growth } from './growth.ts';
import { RequestSlots } from './interrupt.ts';
import { LockClock } from './lockclock.ts';
import { LockWaits } from './lockwaits.ts';
import { LowerPlaces } from './lowerplaces.ts';
import { LowerWaits } from './lowerwaits.ts';
import { allocateMemory, type PoolMemory } from './memory.ts';
import type { WorkerMessage, WorkerSetup } from './messages.ts';
import { Occupancy } from './occupancy.ts';
import { Parking } from './parking.ts';
import type { Unique } from './places.ts';
import { ReadTurn } from './readturn.ts';
import { Reaper } from './reaper.ts';
import { runnableThreads } from './runnable.ts';

/** How many workers a pool starts with: the second one sees to it that a slow first request holds nobody up. */
const FIRST_WORKERS = 2;

/**
 * Milliseconds without a request after which a worker ends, of those beyond the busy ones: each holds some 20 MB. One that starts is slow
 * at first, so bursts find those of the last one still there.
 */
const PATIENCE = 60_000;

/** Replacements in the life of a pool: a bug that kills workers must not become a loop of 40 ms starts. */
const REPLACEMENTS = 16;

// The sources and the build name the same file by different extensions.
const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

/**
 * What a request leaves behind is garbage when it is answered. Node would let that grow to 48 MB in each worker before it collects any;
 * a busy daemon of eight workers took 290 MB, with this bound 200.
 */
const resourceLimits = { maxYoungGenerationSizeMb: 4 };

function startWorker(setup: WorkerSetup): Worker {
  return new Worker(ENTRY, { workerData: setup, name: `migratefs-${setup.index}`, resourceLimits });
}

export interface PoolOptions {
  /** Starts a thread; one that runs `worker.ts` unless a test brings its own. */
  readonly startWorker?: ((setup: WorkerSetup) => Worker) | undefined;
  /** Everything but what differs by worker. */
  readonly setup: Omit<WorkerSetup, 'index' | 'patience' | 'memory'>;
  /** At most so many workers, at least 1. */
  readonly threads: number;
  /** Of these at most so many, unless most of them wait for a storage. */
  readonly busyThreads?: number | undefined;
  /** Milliseconds after which one of the others ends that has nothing to do. */
  readonly patience?: number | undefined;
  readonly log: Log;
  /** A worker is dead: release the locks that it held. @returns false when the session can't go on without it */
  readonly died: (worker: number, thread: number) => boolean;
  /** The worker with this request in hand is dead: answer it. */
  readonly abandoned: (uniqueLo: number, uniqueHi: number) => void;
  /** Has the kernel send a message that means nothing, about a file that it knows; whether it will come. */
  readonly knock: (file: NodeId) => boolean;
  /** Messages that are not the pool's own. */
  readonly message: (message: WorkerMessage) => void;
}

/** How a worker's thread ended, as far as it has told: `lacking` descriptors to start with, or by an `error` that is in the log. */
type WorkerEnd = 'orderly' | 'idle' | 'lacking' | 'error';

/** How a pool ended: `undefined` when the device went away, else why no worker is left. */
export type PoolEnd = Error | undefined;

export class Pool {
  /** Resolves when the first worker serves; rejects when all died before that. */
  readonly ready: Promise<void>;
  /** Resolves when no worker is left. */
  readonly ended: Promise<PoolEnd>;

  readonly #options: PoolOptions;
  readonly #memory: PoolMemory;
  readonly #readTurn: ReadTurn;
  readonly #slots: RequestSlots;
  readonly #parking: Parking;
  readonly #lockWaits: LockWaits;
  readonly #lowerPlaces: LowerPlaces;
  readonly #lowerWaits: LowerWaits;
  readonly #lockClock: LockClock;
  readonly #reaper: Reaper;
  readonly #occupancy: Occupancy;
  readonly #growth: Growth;
  readonly #busyThreads: number;
  readonly #workers: (Worker | undefined)[];
  #replacements = 0;
  #starting = 0;
  /** Whether a start has failed for want of descriptors; told once. */
  #lacked = false;
  #ending = false;
  #terminated = false;
  #lost = false;
  /** Why the device can't be served any more, and why a worker died last. */
  #failure: Error | undefined;
  #death: Error | undefined;
  #resolveReady!: () => void;
  #rejectReady!: (error: Error) => void;
  #resolveEnded!: (end: PoolEnd) => void;

  constructor(options: PoolOptions) {
    this.#options = options;
    const lowers = options.setup.fs.layers.length - 1;
    const memory = allocateMemory(options.threads, lowers);
    this.#memory = memory;
    this.#readTurn = new ReadTurn(memory.readTurn, -1);
    this.#slots = new RequestSlots(memory.slots);
    this.#parking = new Parking(memory.parking);
    this.#lockWaits = new LockWaits(memory.lockWaits);
    this.#lowerPlaces = new LowerPlaces(memory.lowerPlaces, lowers);
    this.#lowerWaits = new LowerWaits(memory.lowerWaits);
    this.#reaper = new Reaper(this.#lowerWaits, (request) =>
      options.abandoned(request.uniqueLo, request.uniqueHi),
    );
    this.#lockClock = new LockClock(this.#lockWaits, options.knock);
    this.#occupancy = new Occupancy(memory.occupancy);
    const { device } = options.setup;
    this.#busyThreads = options.busyThreads ?? options.threads;
    this.#growth = new Growth({
      occupancy: this.#occupancy,
      device,
      isOfUse: () => this.size < this.#busyThreads || runnableThreads() < this.#busyThreads / 2,
      grow: (most) => this.#grow(most),
    });
    this.#workers = new Array(options.threads).fill(undefined);
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    for (let index = 0; index < Math.min(FIRST_WORKERS, options.threads); index++) this.#start(index);
  }

  /** How many workers there are, starting ones included. */
  get size(): number {
    return this.#workers.reduce((count, worker) => count + (worker === undefined ? 0 : 1), 0);
  }

  /** The descriptors are within their budget again: workers may report `descriptors-short`. */
  allowReports(): void {
    this.#occupancy.allowReports();
  }

  #start(index: number): void {
    const setup: WorkerSetup = {
      ...this.#options.setup,
      index,
      patience: index < this.#busyThreads ? undefined : (this.#options.patience ?? PATIENCE),
      memory: this.#memory,
    };
    const worker = (this.#options.startWorker ?? startWorker)(setup);
    const thread = worker.threadId;
    let end: WorkerEnd | undefined;
    this.#workers[index] = worker;
    this.#starting++;
    let starting = true;
    const started = () => {
      if (!starting) return;
      starting = false;
      this.#starting--;
      // What the workers told while it started was for this one.
      if (this.#starting === 0 && this.size < this.#options.threads && !this.#ending) this.#growth.watch();
    };
    worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'idle') end = 'idle';
      else if (message.kind === 'ended' || message.kind === 'failed') end = 'orderly';
      if (message.kind === 'ready') {
        started();
        this.#resolveReady();
      } else {
        this.#receive(message);
      }
    });
    worker.on('error', (error) => {
      if (starting && /\bEMFILE\b/.test(error.message)) {
        end = 'lacking';
        if (!this.#lacked) this.#options.log.warn('worker_not_started', { reason: 'no descriptors' });
        this.#lacked = true;
        return;
      }
      end = 'error';
      this.#death = error;
      this.#options.log.error('worker_died', { worker: index, error: error.stack ?? error.message });
    });
    worker.on('exit', (code) => {
      this.#workers[index] = undefined;
      started();
      if (end === undefined && !this.#terminated)
        this.#options.log.error('worker_died', { worker: index, error: `exit code ${code}` });
      // One that never served is tried again, while others do, when there is need and there are descriptors.
      const isMissed = this.size === 0 || (end !== 'lacking' && end !== 'idle');
      if (isMissed) this.#exited(index, end === 'orderly' || end === 'idle' ? undefined : thread);
      else if (end === 'idle' && !this.#ending) this.#growth.watch();
    });
  }

  #receive(message: WorkerMessage): void {
    switch (message.kind) {
      case 'busy':
        if (!this.#ending) this.#growth.watch();
        break;
      case 'waiting':
        if (!this.#ending) this.#lockClock.look();
        break;
      case 'signalled':
        if (!this.#ending) this.#reaper.look();
        break;
      case 'idle':
        break;
      case 'ended':
        this.#ending = true;
        this.#lockClock.stop();
        this.#reaper.stop();
        break;
      default:
        if (message.kind === 'failed') {
          this.#ending = true;
          this.#failure = new Error(`the device can't be read: ${errnoName(message.errno)}`);
        }
        this.#options.message(message);
    }
  }

  /** Adds a worker, or, where most wait for a storage, as many as there are: one at a time would take seconds. */
  #grow(most: number): void {
    let wanted = this.size < this.#busyThreads ? 1 : Math.min(this.size, most);
    for (const [index, worker] of this.#workers.entries()) {
      if (worker === undefined && wanted-- > 0 && !this.#ending) this.#start(index);
    }
  }

  /** Makes the workers end that do not wait for the device. */
  terminate(): void {
    this.#terminated = true;
    for (const worker of this.#workers) worker?.terminate();
  }

  /** @param thread that died, undefined for an orderly end */
  #exited(index: number, thread: number | undefined): void {
    if (thread !== undefined && !this.#lost && !this.#options.died(index, thread)) {
      this.#lost = true;
      this.#ending = true;
      this.#failure ??= new Error('a worker died while it changed the inode table');
    }
    const inHand = this.#slots.inHand(index);
    if (inHand !== undefined) {
      this.#answer([inHand]);
      this.#slots.end(index);
    }
    const isOther = ({ uniqueLo, uniqueHi }: Unique) =>
      uniqueLo !== inHand?.uniqueLo || uniqueHi !== inHand?.uniqueHi;
    this.#answer(this.#parking.abandon(index).filter(isOther));
    this.#answer(this.#lockWaits.abandon(index).filter(isOther));
    this.#answer(this.#lowerWaits.abandon(index).filter(isOther));
    this.#lowerPlaces.leave(index);
    this.#readTurn.abandon(index);
    // It may have taken the message with it, and what has waited waits on.
    this.#lockWaits.knocked();
    if (!this.#ending) this.#lockClock.look();
    if (!this.#ending && this.#replacements < REPLACEMENTS) {
      this.#replacements++;
      this.#start(index);
      return;
    }
    // Nobody may come to take up what waited for the dead one.
    if (this.size > 0) {
      if (thread !== undefined) this.#answer([...this.#parking.drain(), ...this.#lowerWaits.drain()]);
      return;
    }
    this.#growth.stop();
    this.#lockClock.stop();
    this.#reaper.stop();
    const end = this.#failure ?? (this.#ending ? undefined : (this.#death ?? new Error('no worker is left')));
    this.#rejectReady(end ?? new Error('the device went away before the first request'));
    this.#resolveEnded(end);
  }

  #answer(requests: readonly Unique[]): void {
    for (const { uniqueLo, uniqueHi } of requests) this.#options.abandoned(uniqueLo, uniqueHi);
  }
}
