// A mount's life from the answered INIT to its end, on the main thread. The end is always the device going away, by
// umount(8) from outside or by `stop`: a worker blocked in read(2) ends in no other way, and the process can't exit before.

import { EBUSY, EIO, errnoName } from '../../protocol/errno.ts';
import { type Dialect, Reply } from '../../protocol/index.ts';
import { InodeTable } from '../inodes/table.ts';
import { JournalSync } from '../journal/sync.ts';
import { type FileSystemSetup, type LayerSetup, UPPER } from '../layers/setup.ts';
import { Vigil } from '../layers/vigil.ts';
import { Log } from '../log/index.ts';
import { O_NONBLOCK } from '../sys/constants.ts';
import { close, getFlags, setFlags, write } from '../sys/fd.ts';
import { abortConnection, killSelf } from './abort.ts';
import { Eviction } from './eviction.ts';
import { ownerOf, type WorkerMessage } from './messages.ts';
import { openSession, wantedFlags } from './negotiation.ts';
import { Notifier } from './notify.ts';
import { Pool, type PoolEnd, type PoolOptions } from './pool.ts';

export interface SessionOptions {
  /** A mounted /dev/fuse descriptor whose INIT has not been read. The session owns it from here on, and closes it. */
  readonly device: number;
  readonly fs: FileSystemSetup;
  /** At most so many worker threads, at least 1. */
  readonly threads: number;
  readonly busyThreads?: PoolOptions['busyThreads'];
  /** Print every message to the log (level debug). */
  readonly debug: boolean;
  /** No other host writes to the layers (`cache=exclusive`): the kernel may keep symlinks. */
  readonly exclusive: boolean;
  /** Directory descriptors from which on the kernel is asked to forget directories; without it, never. */
  readonly descriptorBudget?: number | undefined;
  /** Takes the mount away; `lazy` detaches a busy one. @returns 0 or a negative errno */
  readonly unmount: (lazy: boolean) => Promise<number>;
  /** Whether it is still there although its connection has ended. */
  readonly isLeft?: (() => Promise<boolean>) | undefined;
  /** The FUSE connection's number, when it is known. */
  readonly connection: number | undefined;
  /** Starts a worker's thread, for tests: sources need a loader, which makes every start slow. */
  readonly startWorker?: PoolOptions['startWorker'];
}

/** Why a session ended: the device went away, or what made it impossible to go on. */
export type SessionEnd = 'unmounted' | Error;

/**
 * Answers INIT and starts the workers.
 * @returns when requests are being served
 * @throws SessionError when the kernel is too old or the device is no mounted one, Error when no worker can start. The device
 * is closed then; the mount point is the caller's to unmount.
 */
export async function startSession(options: SessionOptions): Promise<Session> {
  const { device, fs } = options;
  // A descriptor that was handed over may be non-blocking: its readers would spin.
  const flags = getFlags(device);
  if (flags >= 0 && (flags & O_NONBLOCK) !== 0) setFlags(device, flags & ~O_NONBLOCK);
  try {
    const dialect = openSession(device, wantedFlags(fs.policy, options.exclusive));
    const session = new Session(options, dialect);
    await session.ready;
    return session;
  } catch (error) {
    close(device);
    throw error;
  }
}

/** A mount that is being served. Made by `startSession`. */
export class Session {
  readonly dialect: Dialect;
  /** Resolves when no worker is left: nothing keeps the process from exiting then. Never rejects. */
  readonly ended: Promise<SessionEnd>;
  readonly #options: SessionOptions;
  readonly #log: Log;
  readonly #pool: Pool;
  readonly #notifier: Notifier;
  readonly #eviction: Eviction | undefined;
  readonly #journal: JournalSync | undefined;
  readonly #vigil: Vigil | undefined;
  readonly #table: InodeTable;
  #stops = 0;

  constructor(options: SessionOptions, dialect: Dialect) {
    const { device, fs, threads, busyThreads, debug } = options;
    this.dialect = dialect;
    this.#options = options;
    this.#log = new Log(fs.log, fs.logLevel);
    this.#notifier = new Notifier(device, this.#log);
    this.#table = new InodeTable(fs.region);
    if (fs.journal !== undefined) {
      const { ours } = fs.layers[UPPER] as LayerSetup;
      this.#journal = new JournalSync(fs.journal, this.#log, `/proc/self/fd/${ours}/journal`);
    }
    if (!fs.policy.readOnly) this.#vigil = new Vigil(fs, this.#log);
    const { minor, flags } = dialect;
    const budget = options.descriptorBudget;
    this.#pool = new Pool({
      setup: { device, fs, debug, dialect: { minor, flags }, descriptorBudget: budget },
      threads,
      busyThreads,
      startWorker: options.startWorker,
      log: this.#log,
      died: (worker, thread) => this.#bury(worker, thread),
      knock: (file) => this.#notifier.knock(file),
      abandoned: (uniqueLo, uniqueHi) => this.#answerAbandoned(uniqueLo, uniqueHi),
      message: (message) => this.#receive(message),
    });
    if (budget !== undefined) {
      this.#eviction = new Eviction({
        table: this.#table,
        notifier: this.#notifier,
        budget,
        connection: options.connection,
        done: () => this.#pool.allowReports(),
      });
    }
    this.ended = this.#pool.ended.then((end) => this.#end(end));
  }

  /** Resolves when the first worker serves, rejects when none could start. */
  get ready(): Promise<void> {
    return this.#pool.ready;
  }

  /**
   * Brings the end about; `ended` tells when it is there. The first call unmounts, and when the mount is in use detaches it: its
   * users keep it until they are done. The second aborts the connection, which fails their requests. Where even that can't be
   * done, or a third call comes because a layer hangs, the process is killed.
   */
  async stop(): Promise<void> {
    this.#stops++;
    if (this.#stops === 1) return this.#unmount();
    this.#log.warn('aborting', { reason: 'asked to stop again while the mount is in use' });
    if (this.#stops === 2 && abortConnection(this.#options.connection, this.#log)) return;
    this.#log.error('killed', { reason: 'the session could not be ended in any other way' });
    killSelf();
  }

  async #unmount(): Promise<void> {
    const { unmount } = this.#options;
    let result = await unmount(false);
    if (result === -EBUSY) {
      this.#log.warn('detached', { reason: 'the mount is in use', until: 'its last user is done' });
      result = await unmount(true);
    }
    if (result < 0) this.#log.error('unmount_failed', { error: errnoName(result) });
  }

  #receive(message: WorkerMessage): void {
    switch (message.kind) {
      case 'descriptors-short':
        this.#eviction?.start(message.exhausted);
        break;
      case 'inval-entry':
        this.#notifier.invalidateEntry(message.parent, message.name);
        break;
      case 'inval-inode':
        this.#notifier.invalidateInode(message.node, message.offset, message.length);
        break;
      case 'failed':
        // The other workers are still blocked on the device: only its end gets them out.
        this.#log.error('device_failed', { error: errnoName(message.errno) });
        this.#options.unmount(true).then(() => this.#abortOrKill());
        break;
    }
  }

  #abortOrKill(): void {
    if (this.#pool.size > 0 && !abortConnection(this.#options.connection, this.#log)) killSelf();
  }

  /** A dead worker's locks are released. Where that can't be done, nothing that needs the table can be answered: the end. */
  #bury(worker: number, thread: number): boolean {
    this.#journal?.bury(thread);
    if (this.#table.releaseOwner(ownerOf(worker), thread)) return true;
    const hint = 'users get errors until it is mounted again; the storages are whole';
    this.#log.error('session_lost', { reason: 'a worker died while it changed the inode table', hint });
    this.#options.unmount(true).then(() => {
      if (this.#options.connection !== undefined) abortConnection(this.#options.connection, this.#log);
      // Those who wait for the table end by this, those who wait for the device by the above.
      this.#pool.terminate();
      setTimeout(() => this.#killIfLeft(), LAST_MS).unref();
    });
    return false;
  }

  #killIfLeft(): void {
    if (this.#pool.size > 0) killSelf();
  }

  /** A dead worker's request: its caller would wait for ever. */
  #answerAbandoned(uniqueLo: number, uniqueHi: number): void {
    const bytes = new Uint8Array(ABANDONED_SIZE);
    write(this.#options.device, bytes, new Reply(bytes).finish({ uniqueLo, uniqueHi }, -EIO));
  }

  async #end(pool: PoolEnd): Promise<SessionEnd> {
    this.#eviction?.stop();
    const end = pool ?? (await this.#cutOff());
    // Closed last: with no descriptor left the kernel aborts what is still waiting.
    if (end !== undefined) await this.#options.unmount(true);
    close(this.#options.device);
    await Promise.all([this.#journal?.end(), this.#vigil?.end()]);
    return end ?? 'unmounted';
  }

  /** The device ends alike for who unmounts and for who aborts the connection; but only the latter leaves a dead mount behind. */
  async #cutOff(): Promise<Error | undefined> {
    if (this.#stops > 0 || !(await this.#options.isLeft?.())) return undefined;
    return new Error('the connection was aborted from outside, by fusectl or umount -f');
  }
}

const ABANDONED_SIZE = 16;

/** Milliseconds that workers have to end when the session is lost. */
const LAST_MS = 2000;
