// The log of one thread. Each event is one write(2) or send(2), so lines of several threads and processes don't mix. The log never
// takes the service down: a line that cannot be written at once, or nearly so, is dropped and counted, and the count is told later, by
// whichever thread has the next line.
import { EAGAIN, ECONNREFUSED, EINTR, EIO, ENOTCONN, ENOTSOCK, errnoName } from '../../protocol/errno.ts';
import { POLLOUT } from '../sys/constants.ts';
import { cstring } from '../sys/cstring.ts';
import { poll, write } from '../sys/fd.ts';
import { connectUnixDatagram, MSG_DONTWAIT, MSG_NOSIGNAL, send } from '../sys/socket.ts';
import { formatEvent, type LogFields, type LogLevel, syslogHead } from './line.ts';
import { allocateLost, LOST, type LogTarget, replaceDescriptor, SYSLOG_SOCKET } from './target.ts';

export type { LogFields, LogLevel } from './line.ts';
export type { LogTarget } from './target.ts';

/** How long a line waits for a slow reader; while lines are being dropped, none waits. */
const PATIENCE_MS = 100;

// Pipes take up to PIPE_BUF bytes in one piece, syslog services 8 KiB; a file takes any path, escaped byte by byte.
const limits = { stderr: 4096, syslog: 8192, file: 65_536 };
const HEAD = 128; // more than time or syslog head, and the line's end

const ranks = { error: 0, warn: 1, info: 2, debug: 3 };

export class Log {
  readonly #target: LogTarget;
  readonly #rank: number;
  /** Of all threads that write to the target. */
  readonly #lost: Int32Array;
  #isSocket: boolean;

  /** `level`: the least important one that is written. */
  constructor(target: LogTarget, level: LogLevel = 'info') {
    this.#target = target;
    this.#rank = ranks[level];
    this.#lost = new Int32Array(target.lost ?? allocateLost());
    this.#isSocket = target.kind !== 'file'; // stderr may be one; the first send will tell
  }

  /** Something failed that somebody should look at. `event`: a short constant word; all that varies is a field. */
  error(event: string, fields: LogFields = {}): void {
    this.#emit('error', event, fields);
  }
  warn(event: string, fields: LogFields = {}): void {
    this.#emit('warn', event, fields);
  }
  info(event: string, fields: LogFields = {}): void {
    this.#emit('info', event, fields);
  }
  debug(event: string, fields: LogFields = {}): void {
    this.#emit('debug', event, fields);
  }

  /** Whether events of this level are written: ask before gathering costly fields. */
  enabled(level: LogLevel): boolean {
    return ranks[level] <= this.#rank;
  }

  /** Lines lost since the last one that could be written. */
  get dropped(): number {
    return Atomics.load(this.#lost, LOST.lines);
  }

  /** Tells of lost lines now, if that can be written: no further line may come. */
  end(): void {
    this.#tellLost();
  }

  #emit(level: LogLevel, event: string, fields: LogFields): void {
    if (!this.enabled(level)) return;
    const written = this.#tellLost() && this.#put(this.#line(level, event, fields), PATIENCE_MS);
    if (!written) Atomics.add(this.#lost, LOST.lines, 1);
  }

  /** @returns whether nothing is left to be told. */
  #tellLost(): boolean {
    // Taken, so that it is told once.
    const lines = Atomics.exchange(this.#lost, LOST.lines, 0);
    if (lines === 0) return true;
    const report = { lines, reason: errnoName(Atomics.load(this.#lost, LOST.error)) };
    const told = this.#put(this.#line('warn', 'log_lines_dropped', report), 0);
    if (!told) Atomics.add(this.#lost, LOST.lines, lines);
    return told;
  }

  #line(level: LogLevel, event: string, fields: LogFields): Buffer {
    const now = new Date();
    const text = formatEvent(level, event, fields, limits[this.#target.kind] - HEAD);
    if (this.#target.kind === 'syslog') return Buffer.from(syslogHead(level, now, process.pid) + text);
    // A line that a full disk cut short has no end: don't let this one become its tail.
    const isTorn = Atomics.load(this.#lost, LOST.torn) === 1;
    return Buffer.from(`${isTorn ? '\n' : ''}time=${now.toISOString()} ${text}\n`);
  }

  /** @param patience milliseconds that a slow reader is waited for */
  #put(line: Buffer, patience: number): boolean {
    const { kind, fd } = this.#target;
    const count = kind === 'syslog' ? this.#toSyslog(line, fd, patience) : this.#toStream(line, patience);
    if (count === line.length) {
      Atomics.store(this.#lost, LOST.torn, 0);
      return true;
    }
    if (count >= 0) Atomics.store(this.#lost, LOST.torn, 1);
    Atomics.store(this.#lost, LOST.error, count < 0 ? -count : EIO);
    return false;
  }

  #toSyslog(line: Buffer, fd: number, patience: number): number {
    const count = this.#send(fd, line, patience);
    if (count !== -ECONNREFUSED && count !== -ENOTCONN) return count;
    // The service was started anew, with a new socket. Under the old number, so that every thread has it.
    const fresh = connectUnixDatagram(cstring(SYSLOG_SOCKET));
    if (fresh < 0) return count;
    const result = replaceDescriptor(fresh, fd);
    return result < 0 ? result : this.#send(fd, line, patience);
  }

  #toStream(line: Buffer, patience: number): number {
    const fd = this.#target.fd ?? 2;
    if (this.#isSocket) {
      const count = this.#send(fd, line, patience);
      if (count !== -ENOTSOCK) return count;
      this.#isSocket = false;
    }
    return this.#isReady(fd, patience) ? write(fd, line, line.length) : -EAGAIN;
  }

  #send(fd: number, line: Buffer, patience: number): number {
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    const count = send(fd, line, flags);
    return count === -EAGAIN && this.#isReady(fd, patience) ? send(fd, line, flags) : count;
  }

  #isReady(fd: number, patience: number): boolean {
    let events: number;
    do events = poll(fd, POLLOUT, patience);
    while (events === -EINTR);
    return events !== 0; // an error shows in the write that follows
  }
}
