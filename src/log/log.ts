// The log of one thread. Each event is one write(2) or send(2), so lines of several threads and processes don't mix. The log never
// takes the service down: a line that cannot be written at once, or nearly so, is dropped and counted, and the count is told later.
import { EAGAIN, ECONNREFUSED, EINTR, EIO, ENOTCONN, ENOTSOCK, errnoName } from '../../protocol/errno.ts';
import { POLLOUT } from '../sys/constants.ts';
import { cstring } from '../sys/cstring.ts';
import { poll, write } from '../sys/fd.ts';
import { connectUnixDatagram, MSG_DONTWAIT, MSG_NOSIGNAL, send } from '../sys/socket.ts';
import { formatEvent, type LogFields, type LogLevel, syslogHead } from './line.ts';
import { type LogTarget, replaceDescriptor, SYSLOG_SOCKET } from './target.ts';

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
  #isSocket: boolean;
  #dropped = 0;
  #error = 0;
  #torn = false;

  /** `level`: the least important one that is written. */
  constructor(target: LogTarget, level: LogLevel = 'info') {
    this.#target = target;
    this.#rank = ranks[level];
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
    return this.#dropped;
  }

  #emit(level: LogLevel, event: string, fields: LogFields): void {
    if (!this.enabled(level)) return;
    if (this.#dropped > 0) {
      const report = { lines: this.#dropped, reason: errnoName(this.#error) };
      if (this.#put(this.#line('warn', 'log_lines_dropped', report))) this.#dropped = 0;
    }
    if (this.#dropped > 0 || !this.#put(this.#line(level, event, fields))) this.#dropped++;
  }

  #line(level: LogLevel, event: string, fields: LogFields): Buffer {
    const now = new Date();
    const text = formatEvent(level, event, fields, limits[this.#target.kind] - HEAD);
    if (this.#target.kind === 'syslog') return Buffer.from(syslogHead(level, now, process.pid) + text);
    // A line that a full disk cut short has no end: don't let this one become its tail.
    return Buffer.from(`${this.#torn ? '\n' : ''}time=${now.toISOString()} ${text}\n`);
  }

  #put(line: Buffer): boolean {
    const count =
      this.#target.kind === 'syslog' ? this.#toSyslog(line, this.#target.fd) : this.#toStream(line);
    if (count === line.length) {
      this.#torn = false;
      return true;
    }
    if (count >= 0) this.#torn = true;
    this.#error = count < 0 ? -count : EIO;
    return false;
  }

  #toSyslog(line: Buffer, fd: number): number {
    const count = this.#send(fd, line);
    if (count !== -ECONNREFUSED && count !== -ENOTCONN) return count;
    // The service was started anew, with a new socket. Under the old number, so that every thread has it.
    const fresh = connectUnixDatagram(cstring(SYSLOG_SOCKET));
    if (fresh < 0) return count;
    const result = replaceDescriptor(fresh, fd);
    return result < 0 ? result : this.#send(fd, line);
  }

  #toStream(line: Buffer): number {
    const fd = this.#target.fd ?? 2;
    if (this.#isSocket) {
      const count = this.#send(fd, line);
      if (count !== -ENOTSOCK) return count;
      this.#isSocket = false;
    }
    return this.#isReady(fd) ? write(fd, line, line.length) : -EAGAIN;
  }

  #send(fd: number, line: Buffer): number {
    const count = send(fd, line, MSG_DONTWAIT | MSG_NOSIGNAL);
    return count === -EAGAIN && this.#isReady(fd) ? send(fd, line, MSG_DONTWAIT | MSG_NOSIGNAL) : count;
  }

  #isReady(fd: number): boolean {
    let events: number;
    do events = poll(fd, POLLOUT, this.#dropped > 0 ? 0 : PATIENCE_MS);
    while (events === -EINTR);
    return events !== 0; // an error shows in the write that follows
  }
}
