// The workers, seen from the main thread: a few at the start, one more whenever all are busy, up to a limit. A worker
// that dies is reported, the request that it had in hand is answered EIO (its caller would wait for ever), and it is
// replaced, a bounded number of times. The pool is over when the last worker has ended.

import { Worker } from 'node:worker_threads';
import { errnoName } from '../../protocol/errno.ts';
import type { Log } from '../log/index.ts';
import { RequestSlots } from './interrupt.ts';
import type { WorkerMessage, WorkerSetup } from './messages.ts';
import { Occupancy } from './occupancy.ts';

/** How many workers a pool starts with: the second one sees to it that a slow first request holds nobody up. */
const FIRST_WORKERS = 2;

/** Replacements in the life of a pool: a bug that kills workers must not become a loop of 40 ms starts. */
const REPLACEMENTS = 16;

// The sources and the build name the same file by different extensions.
const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

function startWorker(setup: WorkerSetup): Worker {
  return new Worker(ENTRY, { workerData: setup, name: `migratefs-${setup.index}` });
}

export interface PoolOptions {
  /** Starts a thread; one that runs `worker.ts` unless a test brings its own. */
  readonly startWorker?: ((setup: WorkerSetup) => Worker) | undefined;
  /** Everything but what differs by worker. */
  readonly setup: Omit<WorkerSetup, 'index' | 'slots' | 'occupancy'>;
  /** At most so many workers, at least 1. */
  readonly threads: number;
  readonly log: Log;
  /** The worker with this request in hand is dead: answer it. */
  readonly abandoned: (uniqueLo: number, uniqueHi: number) => void;
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
  readonly #occupancyMemory = Occupancy.allocate();
  readonly #slots: RequestSlots;
  readonly #occupancy: Occupancy;
  readonly #workers: (Worker | undefined)[];
  #replacements = 0;
  #starting = 0;
  #ending = false;
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
    this.#occupancy = new Occupancy(this.#occupancyMemory);
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
      occupancy: this.#occupancyMemory,
    };
    const worker = (this.#options.startWorker ?? startWorker)(setup);
    this.#workers[index] = worker;
    this.#starting++;
    let starting = true;
    const started = () => {
      if (!starting) return;
      starting = false;
      this.#starting--;
      if (this.#starting === 0 && this.size < this.#options.threads) this.#occupancy.allowGrowth();
    };
    worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'ready') {
        started();
        this.#resolveReady();
      } else {
        this.#receive(message);
      }
    });
    worker.on('error', (error) => {
      this.#death = error;
      this.#options.log.error('worker_died', { worker: index, error: error.stack ?? error.message });
    });
    worker.on('exit', () => {
      this.#workers[index] = undefined;
      started();
      this.#exited(index);
    });
  }

  #receive(message: WorkerMessage): void {
    switch (message.kind) {
      case 'grow': {
        const free = this.#workers.indexOf(undefined);
        if (free >= 0 && !this.#ending) this.#start(free);
        break;
      }
      case 'ended':
        this.#ending = true;
        break;
      default:
        if (message.kind === 'failed') {
          this.#ending = true;
          this.#failure = new Error(`the device can't be read: ${errnoName(message.errno)}`);
        }
        this.#options.message(message);
    }
  }

  #exited(index: number): void {
    const inHand = this.#slots.inHand(index);
    if (inHand !== undefined) {
      this.#options.abandoned(inHand.uniqueLo, inHand.uniqueHi);
      this.#slots.end(index);
    }
    if (!this.#ending && this.#replacements < REPLACEMENTS) {
      this.#replacements++;
      this.#start(index);
      return;
    }
    if (this.size > 0) return;
    const end = this.#failure ?? (this.#ending ? undefined : (this.#death ?? new Error('no worker is left')));
    this.#rejectReady(end ?? new Error('the device went away before the first request'));
    this.#resolveEnded(end);
  }
}
