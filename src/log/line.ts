// One event as one line of logfmt: `time=… level=info event=migrated path="a/b c" uid=1000`.
import { escapeValue, type LogValue } from './escape.ts';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
export type LogFields = Readonly<Record<string, LogValue>>;

/** `level=… event=… key=value …` in at most `limit` bytes of UTF-8; values that are too long for it end in `…`. */
export function formatEvent(level: LogLevel, event: string, fields: LogFields, limit: number): string {
  const values: [string, Exclude<LogValue, undefined>][] = [['event', event]];
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) values.push([key.replace(/[^\w.-]/g, '_'), value]);
  }
  const words = values.map(([key, value]) => `${key}=${escapeValue(value)}`);
  for (let line = join(level, words); ; line = join(level, words)) {
    if (Buffer.byteLength(line) <= limit) return line;
    const longest = words.reduce((at, word, i) => (word.length > (words[at] as string).length ? i : at), 0);
    const [key, value] = values[longest] as (typeof values)[number];
    const half = halve(value);
    if (half === undefined) return line.slice(0, limit); // a crowd of fields, not a long name: no name's escapes are cut
    values[longest] = [key, half];
    words[longest] = `${key}=${escapeValue(half)}`.replace(/"?$/, '…$&');
  }
}

const join = (level: LogLevel, words: string[]): string => `level=${level} ${words.join(' ')}`;

function halve(value: LogValue): string | Uint8Array | undefined {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) return undefined;
  if (value.length < 16) return undefined;
  return typeof value === 'string' ? value.slice(0, value.length >> 1) : value.subarray(0, value.length >> 1);
}

const severities = { error: 3, warn: 4, info: 6, debug: 7 };
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (n: number): string => String(n).padStart(2, '0');

/** What stands before the event in a datagram to /dev/log: priority of facility daemon, local time, identity (RFC 3164; no host
 * name, as on every local socket). */
export function syslogHead(level: LogLevel, now: Date, pid: number): string {
  const day = String(now.getDate()).padStart(2, ' ');
  const time = `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
  return `<${3 * 8 + severities[level]}>${months[now.getMonth()]} ${day} ${time} migratefs[${pid}]: `;
}
