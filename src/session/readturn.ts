// Who reads the device, in memory that all threads share. Were all workers to wait in read(2), the kernel would wake the one that has waited
// longest for each request: another core, another compiled code, and beside the one that is awake anyway, since who has just been answered
// asks again. So one worker has the turn, keeps it while it serves what takes no time, and finds the next request itself. The others
// sleep. One of them watches: it takes the turn when the holder has been at one request for a whole tick.
//
// While requests queue up there is a turn for each core: more workers would take the cores from one another, and from those who ask. While
// requests take their time the device is open: everybody reads.
//
// It is nothing but a matter of speed: two workers that read at the same time do no harm.

import { availableParallelism } from 'node:os';

const WORKING = 0; // 1: who has the first turn is at work
const TAKEN = 1; // messages taken
const WATCHER = 2; // worker + 1
const DOZING = 3; // 1: the watcher sleeps until somebody is at work
const CALL = 4; // changes when those who sleep have to look
const QUEUED = 5; // messages in succession that were there already
const CROWDED = 6; // messages for which there are more turns than the first
const SLOW = 7; // how slow requests are
const OPEN = 8; // messages for which the device is still open
const ENDED = 9;
const LOOKING = 10; // 1: somebody looks out
const TURNS = 11; // worker + 1 of each, 0: nobody's
const MOST_TURNS = 8;
const WORDS = TURNS + MOST_TURNS;

/** Milliseconds for which a request may keep others waiting, or twice that. */
const TICK_MS = 2;

/** Ticks without a message after which the watcher sleeps. */
const QUIET = 10;

/** A client's own next request may be there already (a RELEASE is not waited for); so many in succession are several clients'. */
const MANY = 3;

const SLOW_MS = 1;

/** A slow request counts as much as so many quick ones: on a busy machine now and then one waits for a core, not for a storage. */
const SLOW_WEIGHT = 8;
const MOST_SLOW = 3 * SLOW_WEIGHT;

/** Messages for which there are more turns since one was one of many, and for which the device is open since one was slow. */
const REMEMBERED = 64;

/** Messages before the end of a crowd from which on it is asked whether it goes on. */
const RENEWED = 16;

export interface ReadTurnOptions {
  /** Milliseconds without a message after which this worker gives up; undefined: never. */
  readonly patience?: number | undefined;
  /** How many turns there are in a crowd, at most; by default, one for each core. */
  readonly turns?: number | undefined;
  /** Milliseconds from which on a request took its time. */
  readonly slow?: number | undefined;
}

export class ReadTurn {
  readonly #words: Int32Array;
  readonly #me: number;
  readonly #patience: number;
  readonly #turns: number;
  readonly #slow: number;
  /** Which of the turns this worker has beside the first, 0: none. */
  #other = 0;
  #begun = performance.now();

  /**
   * @param memory what `ReadTurn.allocate` gave, the same in every thread
   * @param worker this thread's, -1 for the main thread
   */
  constructor(memory: SharedArrayBuffer, worker: number, options: ReadTurnOptions = {}) {
    this.#words = new Int32Array(memory);
    this.#me = worker + 1;
    this.#patience = options.patience ?? Number.POSITIVE_INFINITY;
    this.#turns = Math.min(options.turns ?? availableParallelism(), MOST_TURNS);
    this.#slow = options.slow ?? SLOW_MS;
  }

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT);
  }

  /** Waits until this worker is to read, or the device has ended. @returns false when its patience is over, and others read */
  await(): boolean {
    const words = this.#words;
    while (Atomics.load(words, ENDED) === 0 && Atomics.load(words, OPEN) === 0) {
      if (this.#takeTurn()) return true;
      if (this.#patienceLeft <= 0) return false;
      if (Atomics.compareExchange(words, WATCHER, 0, this.#me) === 0) this.#watch();
      else this.#sleep();
    }
    return true;
  }

  /** @returns whether this worker is the one that looks out for the next request, if anybody; call `lookedOut` after. */
  lookOut(): boolean {
    // In a crowd the next one is there, and to ask whether it is costs a system call. Now and then it is asked, or a crowd would have no end.
    return (
      Atomics.load(this.#words, CROWDED) <= RENEWED &&
      Atomics.compareExchange(this.#words, LOOKING, 0, 1) === 0
    );
  }

  /** @param queued whether a message was there already */
  lookedOut(queued: boolean): void {
    const words = this.#words;
    Atomics.store(words, LOOKING, 0);
    if (!queued) Atomics.store(words, QUEUED, 0);
    else if (Atomics.add(words, QUEUED, 1) >= MANY) this.#remember(CROWDED);
  }

  /** This worker has got a message. */
  taken(): void {
    const words = this.#words;
    this.#begun = performance.now();
    Atomics.add(words, TAKEN, 1);
    this.#count(OPEN);
    this.#count(CROWDED);
    this.atWork();
  }

  /** This worker does not read now. */
  atWork(): void {
    const words = this.#words;
    if (Atomics.load(words, TURNS) !== this.#me) return;
    Atomics.store(words, WORKING, 1);
    if (Atomics.load(words, DOZING) === 1) this.#wakeWatcher();
  }

  /** What this worker has taken is answered. */
  done(): void {
    const words = this.#words;
    const isSlow = performance.now() - this.#begun > this.#slow;
    const slow = Atomics.load(words, SLOW);
    if (isSlow) Atomics.store(words, SLOW, Math.min(MOST_SLOW, slow + SLOW_WEIGHT));
    else if (slow > 0) Atomics.store(words, SLOW, slow - 1);
    if (isSlow && slow + SLOW_WEIGHT >= MOST_SLOW) this.#remember(OPEN);
  }

  /** Nobody waits from here on. */
  end(): void {
    Atomics.store(this.#words, ENDED, 1);
    this.#callAll();
  }

  /** A worker is dead. */
  abandon(worker: number): void {
    for (let turn = 0; turn < MOST_TURNS; turn++) {
      Atomics.compareExchange(this.#words, TURNS + turn, worker + 1, 0);
    }
    Atomics.compareExchange(this.#words, WATCHER, worker + 1, 0);
    Atomics.store(this.#words, LOOKING, 0);
    this.#callAll();
  }

  get #patienceLeft(): number {
    return this.#patience - (performance.now() - this.#begun);
  }

  #remember(what: typeof CROWDED | typeof OPEN): void {
    if (Atomics.exchange(this.#words, what, REMEMBERED) === 0) this.#callAll();
  }

  #count(what: typeof CROWDED | typeof OPEN): void {
    const left = Atomics.load(this.#words, what);
    if (left > 0) Atomics.compareExchange(this.#words, what, left, left - 1);
  }

  /** Whether this worker has a turn, now or still. */
  #takeTurn(): boolean {
    const words = this.#words;
    if (Atomics.load(words, TURNS) === this.#me || this.#claim(0, 0)) {
      this.#giveUpOther();
      Atomics.store(words, WORKING, 0);
      return true;
    }
    if (Atomics.load(words, CROWDED) === 0) {
      this.#giveUpOther();
      return false;
    }
    for (let turn = 1; this.#other === 0 && turn < this.#turns; turn++) {
      if (this.#claim(turn, 0)) this.#other = turn;
    }
    return this.#other !== 0;
  }

  #giveUpOther(): void {
    if (this.#other !== 0) Atomics.store(this.#words, TURNS + this.#other, 0);
    this.#other = 0;
  }

  /** Takes a turn from whom it was found with. */
  #claim(turn: number, holder: number): boolean {
    return Atomics.compareExchange(this.#words, TURNS + turn, holder, this.#me) === holder;
  }

  #callAll(): void {
    this.#call(Number.POSITIVE_INFINITY);
    this.#wakeWatcher();
  }

  #call(count: number): void {
    Atomics.add(this.#words, CALL, 1);
    Atomics.notify(this.#words, CALL, count);
  }

  #wakeWatcher(): void {
    if (Atomics.exchange(this.#words, DOZING, 0) === 1) Atomics.notify(this.#words, DOZING);
  }

  /** Whether there is nothing for this worker to do but to sleep. */
  get #isIdle(): boolean {
    const words = this.#words;
    if (Atomics.load(words, OPEN) !== 0 || Atomics.load(words, ENDED) !== 0) return false;
    if (Atomics.load(words, WATCHER) === 0) return false;
    const turns = Atomics.load(words, CROWDED) === 0 ? 1 : this.#turns;
    for (let turn = 0; turn < turns; turn++) if (Atomics.load(words, TURNS + turn) === 0) return false;
    return true;
  }

  /** Until something changes. Looked at again after the call was read, so nothing is missed. */
  #sleep(): void {
    const call = Atomics.load(this.#words, CALL);
    if (this.#isIdle) Atomics.wait(this.#words, CALL, call, this.#patienceLeft);
  }

  /** Looks after whom the first turn is with, until there is a turn for this worker, there are none, or its patience is over. */
  #watch(): void {
    const words = this.#words;
    for (let quiet = 0; ; ) {
      const call = Atomics.load(words, CALL);
      const taken = Atomics.load(words, TAKEN);
      const holder = Atomics.load(words, TURNS);
      if (!this.#isIdle || this.#patienceLeft <= 0) break;
      if (quiet < QUIET) Atomics.wait(words, CALL, call, TICK_MS);
      else this.#doze();
      if (Atomics.load(words, TAKEN) !== taken) quiet = 0;
      else if (Atomics.load(words, WORKING) === 0) quiet++;
      else if (this.#claim(0, holder)) break;
    }
    Atomics.store(words, WATCHER, 0);
    // Somebody else is to watch.
    this.#call(1);
  }

  /** Until somebody is at work. */
  #doze(): void {
    const words = this.#words;
    Atomics.store(words, DOZING, 1);
    if (Atomics.load(words, WORKING) === 0 && this.#isIdle)
      Atomics.wait(words, DOZING, 1, this.#patienceLeft);
    Atomics.store(words, DOZING, 0);
  }
}
