// The journal as one thread writes it: a record is one write(2) to the end of a file that all threads share, so what has been written
// survives the daemon. It never fails what it records: a record that cannot be written is lost and counted, which is reported when it begins
// and when it is over.

import {
  EACCES,
  EDQUOT,
  EISDIR,
  ELOOP,
  EMLINK,
  ENOSPC,
  EPERM,
  ETIMEDOUT,
  errnoName,
} from '../../protocol/errno.ts';
import type { Log } from '../log/log.ts';
import { SEEK_END } from '../sys/constants.ts';
import { close, lseek, pread, write } from '../sys/fd.ts';
import { settle } from './files.ts';
import { type JournalRecord, Line } from './line.ts';
import { type JournalSetup, journalName, WORD, wake } from './setup.ts';
import { endTurn, takeTurn } from './turn.ts';

/**
 * Calls `work` as the daemon, with the journal's directory, which is made if need be.
 * @returns what it returns, or the negative errno with which there is no directory
 */
export type InDirectory = (work: (dir: number) => number) => number;

const NEWLINE = 0x0a;
const last = new Uint8Array(new ArrayBuffer(1));

export class Journal {
  readonly #setup: JournalSetup;
  readonly #words: Int32Array;
  readonly #log: Log;
  readonly #inDirectory: InDirectory;
  readonly #line = new Line();
  readonly #whole = this.#line.bytes;
  readonly #body = this.#line.bytes.subarray(1);

  constructor(setup: JournalSetup, log: Log, inDirectory: InDirectory) {
    this.#setup = setup;
    this.#words = new Int32Array(setup.words);
    this.#log = log;
    this.#inDirectory = inDirectory;
  }

  /** Tries at the start of a mount whether the file can be opened, so that what is wrong with it is told then. */
  tryOut(): void {
    const result = this.#look(Date.now());
    if (result < 0) this.#failed(-result);
    else {
      close(this.#words[WORD.fd] as number);
      this.#words[WORD.fd] = -1;
    }
  }

  append(record: JournalRecord): void {
    const words = this.#words;
    const hangs = Atomics.load(words, WORD.state) === ETIMEDOUT;
    let result = -ETIMEDOUT;
    if (takeTurn(words, hangs ? 0 : this.#setup.patienceMs)) {
      try {
        result = this.#write(record);
      } finally {
        endTurn(words);
      }
    }
    if (result < 0) this.#lose(-result);
    else if (Atomics.load(words, WORD.state) !== 0) this.#works();
  }

  #write(record: JournalRecord): number {
    const words = this.#words;
    const time = new Date();
    const now = time.getTime();
    const isClosed = words[WORD.fd] === -1 && words[WORD.openError] === 0;
    // The clock may be set back.
    if (isClosed || Math.abs((now - (words[WORD.checked] as number)) | 0) >= this.#setup.checkMs) {
      const looked = this.#look(now);
      if (looked < 0) return looked;
    }
    const fd = words[WORD.fd] as number;
    if (fd < 0) return -(words[WORD.openError] as number);
    const end = this.#line.write(this.#setup.host, time, record);
    const size = Number(lseek(fd, 0, SEEK_END));
    // Somebody else has written since, or nobody knows how the last write ended. Whose line is cut short gets its end here.
    const cut = words[WORD.end] !== wrapped(size) && isCut(fd, size);
    const from = cut ? this.#whole : this.#body;
    const length = cut ? end : end - 1;
    if (cut) this.#whole[0] = NEWLINE;
    let count = write(fd, from, length);
    // A storage that asks who is writing, and not who has opened the file.
    if (count === -EACCES || count === -EPERM) count = this.#inDirectory(() => write(fd, from, length));
    words[WORD.end] = count === length ? wrapped(size + length) : -1;
    if (count < 0) return count;
    wake(words);
    return count === length ? 0 : -ENOSPC;
  }

  #look(now: number): number {
    const words = this.#words;
    words[WORD.checked] = now | 0;
    let reached = false;
    const result = this.#inDirectory((dir) => {
      reached = true;
      return settle(this.#setup, words, dir, (why) => this.#stuck(why));
    });
    if (reached || result >= 0) return result;
    if ((words[WORD.fd] as number) < 0) {
      words[WORD.openError] = -result;
      return result;
    }
    this.#stuck(result); // no descriptor to be had, say: the open file is as good as it was
    return 0;
  }

  get #path(): string {
    return `${this.#setup.path}/${journalName(this.#setup.host)}`;
  }

  #lose(errno: number): void {
    Atomics.add(this.#words, WORD.lost, 1);
    this.#failed(errno);
  }

  #failed(errno: number): void {
    if (Atomics.exchange(this.#words, WORD.state, errno) !== 0) return;
    this.#log.error('journal_failed', {
      path: this.#path,
      error: errnoName(errno),
      consequence: 'files move, and are renamed and deleted, without a record until it works again',
      mend: mendOf(errno),
    });
  }

  #works(): void {
    if (Atomics.exchange(this.#words, WORD.state, 0) === 0) return;
    const lost = Atomics.exchange(this.#words, WORD.lost, 0);
    this.#log.warn('journal_works', { path: this.#path, lost });
  }

  #stuck(result: number): void {
    if (this.#words[WORD.stuck] !== 0) return;
    this.#words[WORD.stuck] = 1;
    this.#log.warn('journal_not_rotated', {
      path: this.#path,
      error: errnoName(-result),
      consequence: 'records go on into the file that is open',
    });
  }
}

/** A file's size as a word of shared memory, good enough to tell whether it has changed. */
const wrapped = (size: number): number => size % 2 ** 31;

function isCut(fd: number, size: number): boolean {
  return size > 0 && pread(fd, last, 1, size - 1) === 1 && last[0] !== NEWLINE;
}

function mendOf(errno: number): string {
  switch (errno) {
    case ENOSPC:
    case EDQUOT:
      return 'make room on the new storage';
    case EISDIR:
    case ELOOP:
    case EMLINK:
    case EPERM:
      return 'something else has its name: look at it and move it away';
    default:
      return 'see what is wrong with the new storage, or mount with journal=off';
  }
}
