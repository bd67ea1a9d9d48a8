// The journal's main thread: while records come it has them written to disk once a second, and closes files that were put away or that nobody
// writes to; it sleeps until then. All of it happens beside the event loop, one thing at a time, so that a storage that hangs holds nothing else up.

import { close, constants, fdatasync, fsync, open } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Log } from '../log/log.ts';
import { type JournalSetup, journalName, WORD, wake } from './setup.ts';
import { endTurn, endTurnOf, takeTurn } from './turn.ts';

const sync = promisify(fdatasync);
const syncAll = promisify(fsync);
const end = promisify(close);
const openPath = promisify(open);

const EVERY_MS = 1000;
/** FUSE_SUPER_MAGIC (linux/magic.h): GlusterFS, sshfs… */
const FUSE = 0x65735546;
/** How long the end of a mount waits for the last sync. */
const LAST_MS = 5000;

export class JournalSync {
  readonly #setup: JournalSetup;
  readonly #words: Int32Array;
  readonly #log: Log;
  readonly #directory: string;
  readonly #ending = new AbortController();
  #running: Promise<void> | undefined;
  #failing = false;

  /** @param directory where the journal's directory is reached safely. */
  constructor(setup: JournalSetup, log: Log, directory: string) {
    this.#setup = setup;
    this.#words = new Int32Array(setup.words);
    this.#log = log;
    this.#directory = directory;
    void this.#watch();
  }

  /** A thread has died: it may have had the turn to write. */
  bury(thread: number): void {
    endTurnOf(this.#words, thread);
  }

  /** When no worker is left: the last records are synced and the file is closed. A storage that hangs is not waited for. */
  async end(): Promise<void> {
    this.#ending.abort();
    const done = this.#finish().then(() => true);
    if (!(await Promise.race([done, sleep(LAST_MS, false, { ref: false })]))) {
      this.#tell('ETIMEDOUT');
    }
    const lost = Atomics.load(this.#words, WORD.lost);
    if (lost > 0) this.#log.error('journal_lost', { path: this.#path, lost });
  }

  async #watch(): Promise<void> {
    const words = this.#words;
    const { signal } = this.#ending;
    while (!signal.aborted) {
      await Atomics.waitAsync(words, WORD.dirty, 0).value;
      do {
        await sleep(EVERY_MS, undefined, { ref: false });
        if (!signal.aborted) await this.#start();
      } while (!signal.aborted && (words[WORD.fd] !== -1 || words[WORD.retired] !== -1));
    }
  }

  async #finish(): Promise<void> {
    await this.#start();
    await this.#start(); // what came while the first one ran
    const fd = Atomics.exchange(this.#words, WORD.fd, -1);
    if (fd >= 0) await end(fd).catch(() => {});
  }

  #start(): Promise<void> {
    this.#running ??= this.#sync().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #sync(): Promise<void> {
    const words = this.#words;
    let fault: unknown;
    const attempt = async (work: () => Promise<unknown>) => {
      await work().catch((error: unknown) => {
        fault = error;
      });
    };
    const retired = Atomics.load(words, WORD.retired);
    if (retired >= 0) {
      await attempt(() => sync(retired));
      await attempt(() => end(retired));
      Atomics.store(words, WORD.retired, -1);
    }
    const isDirty = Atomics.exchange(words, WORD.dirty, 0) !== 0;
    // A file that a worker puts away from here on stays open, and is synced once more with the next turn.
    const fd = Atomics.load(words, WORD.fd);
    let synced = false;
    const syncWritten = async () => {
      synced = await this.#syncWritten(fd);
    };
    await attempt(isDirty && fd >= 0 ? syncWritten : () => this.#closeIdle());
    if (fault !== undefined) this.#tell((fault as NodeJS.ErrnoException).code ?? String(fault));
    else if (synced && this.#failing) {
      this.#failing = false;
      this.#log.warn('journal_synced', { path: this.#path });
    }
  }

  /**
   * With FUSE the kernel lets nobody write to a file that is being synced: who has a record would wait there, a user's operation with him, for as
   * long as the storage hangs. So they wait for their turn instead, which has an end. @returns false when somebody is writing: the next time then
   */
  async #syncWritten(fd: number): Promise<boolean> {
    const words = this.#words;
    const { type } = await statfs(`/proc/self/fd/${fd}`);
    const exclusive = type === FUSE;
    if (exclusive && !takeTurn(words, 0)) {
      wake(words);
      return false;
    }
    try {
      await sync(fd);
      if (Atomics.exchange(words, WORD.dirtyDirectory, 0) !== 0) await this.#syncDirectory();
      return true;
    } finally {
      if (exclusive) endTurn(words);
    }
  }

  /** An open file would keep the storage from being made read-only. */
  async #closeIdle(): Promise<void> {
    const words = this.#words;
    if (!takeTurn(words, 0)) return;
    const isIdle = Atomics.load(words, WORD.dirty) === 0;
    const fd = isIdle ? Atomics.exchange(words, WORD.fd, -1) : -1;
    endTurn(words);
    if (fd >= 0) await end(fd);
  }

  async #syncDirectory(): Promise<void> {
    const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
    const fd = await openPath(this.#directory, flags);
    try {
      await syncAll(fd);
    } finally {
      await end(fd);
    }
  }

  get #path(): string {
    return `${this.#setup.path}/${journalName(this.#setup.host)}`;
  }

  #tell(error: string): void {
    if (this.#failing) return;
    this.#failing = true;
    this.#log.error('journal_not_synced', {
      path: this.#path,
      error,
      consequence: 'a crash of the machine may lose records that were written since',
    });
  }
}
