// Renames that daemons of other hosts have left half done: whoever finds such a record (intent.ts), and its maker without a sign of life
// (life.ts) for long enough, finishes it or takes it back, with whatever else that daemon has left. All hosts keep watch, on their main threads;
// looking costs one directory, which is empty nearly always.

import { setTimeout as sleep } from 'node:timers/promises';
import { errnoName } from '../../protocol/errno.ts';
import type { Log } from '../log/log.ts';
import { finishGone } from './finishgone.ts';
import { Life, OtherLife } from './life.ts';
import { goneFrom, type Maker, nameOfMaker } from './maker.ts';
import { makersOfIntents } from './recover.ts';
import type { FileSystemSetup } from './setup.ts';

/** Milliseconds between two signs of life, and between two looks. Tests alone can have it shorter, as in faultpoint.ts. */
const EVERY_MS =
  (globalThis as { [key: symbol]: number | undefined })[Symbol.for('migratefs.beat')] ?? 30_000;
/** Looks at the same sign after which a daemon is dead, if no lock says otherwise. */
const LOOKS = 5;
/** How long the end of a mount waits for a look. */
const LAST_MS = 2000;

interface Watched {
  readonly maker: Maker;
  sign: string;
  looks: number;
  /** What could be done for it has been done; the log tells what stays. */
  finished: boolean;
}

export class Vigil {
  readonly #setup: FileSystemSetup;
  readonly #log: Log;
  readonly #life: Life;
  readonly #isOwn: (maker: Maker) => boolean;
  readonly #ending = new AbortController();
  readonly #running: Promise<void>;
  #watched = new Map<string, Watched>();
  #failing = false;

  constructor(setup: FileSystemSetup, log: Log) {
    this.#setup = setup;
    this.#log = log;
    this.#life = new Life(setup);
    this.#isOwn = goneFrom(setup.host);
    this.#running = this.#run();
  }

  /** When no worker is left. A storage that hangs is not waited for. */
  async end(): Promise<void> {
    this.#ending.abort();
    const done = this.#running.then(() => true);
    if (await Promise.race([done, sleep(LAST_MS, false, { ref: false })])) this.#life.end();
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      await this.#turn().then(
        () => {
          this.#failing = false;
        },
        (error: Error) => this.#fail(error),
      );
      await sleep(EVERY_MS, undefined, { ref: false, signal }).catch(() => {});
    }
  }

  async #turn(): Promise<void> {
    await this.#life.beat();
    const watched = new Map<string, Watched>();
    for (const maker of await makersOfIntents(this.#setup)) {
      if (maker.host === this.#setup.host && maker.pid === process.pid) continue;
      const key = nameOfMaker(maker);
      const each = this.#watched.get(key) ?? { maker, sign: '', looks: 0, finished: false };
      watched.set(key, each);
      if (!each.finished) await this.#look(each);
    }
    this.#watched = watched;
  }

  async #look(watched: Watched): Promise<void> {
    const { maker } = watched;
    if (maker.host === this.#setup.host) {
      // A number of this host tells at once.
      if (this.#isOwn(maker)) await this.#finish(watched);
      return;
    }
    const life = OtherLife.open(this.#setup, maker);
    if (typeof life === 'number') {
      if (watched.looks++ === 0) this.#tellUnknown(maker, life);
      return;
    }
    try {
      const sign = await life.look();
      if (sign !== watched.sign) Object.assign(watched, { sign, looks: 0 });
      if (++watched.looks < LOOKS || life.isLocked()) return;
      if (await this.#finish(watched)) life.remove();
    } finally {
      life.close();
    }
  }

  #tellUnknown({ host, pid }: Maker, error: number): void {
    const mend = 'mount there once; until then a directory may be in two places';
    this.#log.warn('intent_of_other_host', { host, pid, error: errnoName(-error), mend });
  }

  /** @returns whether no record of the daemon's is left. */
  async #finish(watched: Watched): Promise<boolean> {
    const { host, pid } = watched.maker;
    this.#log.info('daemon_gone', { host, pid });
    const isIt = (maker: Maker) => maker.host === host && maker.pid === pid;
    finishGone(this.#setup, this.#log, isIt);
    watched.finished = true;
    return !(await makersOfIntents(this.#setup)).some(isIt);
  }

  #fail(error: Error): void {
    if (!this.#failing) this.#log.warn('sign_of_life_failed', { error: error.message });
    this.#failing = true;
  }
}
