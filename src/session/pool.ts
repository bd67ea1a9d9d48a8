// The workers, seen from the main thread: a few at the start, one more when all are busy and requests wait, up to a
// limit. A worker that dies is reported, its locks are released, the request that it had in hand is answered EIO (its
// caller would wait for ever), and it is replaced, a bounded number of times. The pool is over when the last worker has
// ended.

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
import type { WorkerMessage, WorkerSetup } from './messages.ts';
import { Occupancy } from './occupancy.ts';
import { Parking } from './parking.ts';
import type { Unique } from './places.ts';
import { Reaper } from './reaper.ts';

/** How many workers a pool starts with: the second one sees to it that a slow first request holds nobody up. */
const FIRST_WORKERS = 2;

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
  readonly setup: Omit<
    WorkerSetup,
    'index' | 'slots' | 'parking' | 'lockWaits' | 'lowerPlaces' | 'lowerWaits' | 'occupancy'
  >;
  /** At most so many workers, at least 1. */
  readonly threads: number;
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

/** How a pool ended: `undefined` when the device went away, else why no worker is left. */
export type PoolEnd = Error | undefined;

export class Pool {
  /** Resolves when the first worker serves; rejects when all died before that. */
  readonly ready: Promise<void>;
  /** Resolves when no worker is left. */
  readonly ended: Promise<PoolEnd>;

  readonly #options: PoolOptions;
  readonly #slotMemory: SharedArrayBuffer;
  readonly #parkingMemory = Parking.allocate();
  readonly #lockWaitsMemory = LockWaits.allocate();
  readonly #lowerPlacesMemory: SharedArrayBuffer;
  readonly #lowerWaitsMemory = LowerWaits.allocate();
  readonly #occupancyMemory = Occupancy.allocate();
  readonly #slots: RequestSlots;
  readonly #parking: Parking;
  readonly #lockWaits: LockWaits;
  readonly #lowerPlaces: LowerPlaces;
  readonly #lowerWaits: LowerWaits;
  readonly #lockClock: LockClock;
  readonly #reaper: Reaper;
  readonly #occupancy: Occupancy;
  readonly #growth: Growth;
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
    this.#slotMemory = RequestSlots.allocate(options.threads);
    this.#slots = new RequestSlots(this.#slotMemory);
    this.#parking = new Parking(this.#parkingMemory);
    this.#lockWaits = new LockWaits(this.#lockWaitsMemory);
    this.#lowerPlacesMemory = LowerPlaces.allocate(options.threads);
    this.#lowerPlaces = new LowerPlaces(this.#lowerPlacesMemory);
    this.#lowerWaits = new LowerWaits(this.#lowerWaitsMemory);
    this.#reaper = new Reaper(this.#lowerWaits, (request) =>
      options.abandoned(request.uniqueLo, request.uniqueHi),
    );
    this.#lockClock = new LockClock(this.#lockWaits, options.knock);
    this.#occupancy = new Occupancy(this.#occupancyMemory);
    const { device } = options.setup;
    this.#growth = new Growth({ occupancy: this.#occupancy, device, grow: () => this.#grow() });
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
      slots: this.#slotMemory,
      parking: this.#parkingMemory,
      lockWaits: this.#lockWaitsMemory,
      lowerPlaces: this.#lowerPlacesMemory,
      lowerWaits: this.#lowerWaitsMemory,
      occupancy: this.#occupancyMemory,
    };
    const worker = (this.#options.startWorker ?? startWorker)(setup);
    const thread = worker.threadId;
    let orderly = false;
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
      orderly = message.kind === 'ended' || message.kind === 'failed';
      if (message.kind === 'ready') {
        started();
        this.#resolveReady();
      } else {
        this.#receive(message);
      }
    });
    let lacking = false;
    let told = false;
    worker.on('error', (error) => {
      lacking = starting && /\bEMFILE\b/.test(error.message);
      if (lacking) {
        if (!this.#lacked) this.#options.log.warn('worker_not_started', { reason: 'no descriptors' });
        this.#lacked = true;
        return;
      }
      told = true;
      this.#death = error;
      this.#options.log.error('worker_died', { worker: index, error: error.stack ?? error.message });
    });
    worker.on('exit', (code) => {
      this.#workers[index] = undefined;
      started();
      if (!orderly && !lacking && !told && !this.#terminated)
        this.#options.log.error('worker_died', { worker: index, error: `exit code ${code}` });
      // It never served. While others do, it is tried again when there is need and there are descriptors.
      if (lacking && this.size > 0) return;
      this.#exited(index, orderly ? undefined : thread);
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

  #grow(): void {
    const free = this.#workers.indexOf(undefined);
    if (free >= 0 && !this.#ending) this.#start(free);
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
