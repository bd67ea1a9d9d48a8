// One record as one line of JSON, built as bytes. All of it is printable ASCII: a path is written byte by byte, percent-encoded as in URLs
// (RFC 3986) where a byte is none, so that no name can end a line or a string, or look like a field. The format is in docs/journal.md.

import { errnoName } from '../../protocol/errno.ts';
import type { Int64 } from '../../protocol/types.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK } from '../sys/constants.ts';

/** What one end of an operation was. */
export interface JournalObject {
  /** S_IFREG, S_IFDIR… */
  readonly type: number;
  readonly size: Int64;
  readonly inode: Int64;
  /** The directory of the layer that had it, as `encoded` makes it. */
  readonly layer: string;
}

export interface JournalRecord {
  readonly op: 'migrate' | 'rename' | 'exchange' | 'delete';
  readonly uid: number;
  /** From the root of the mount; bytes without NUL. */
  readonly path: Uint8Array;
  readonly object: JournalObject;
  /** `rename`, `exchange`: where it went. */
  readonly newPath?: Uint8Array | undefined;
  /** `rename`: what was replaced there; `exchange`: what came from there. */
  readonly other?: JournalObject | undefined;
  /** `migrate`. */
  readonly copy?: JournalCopy | undefined;
  readonly milliseconds: number;
  /** 0, or the errno that ended it. */
  readonly error: number;
}

export interface JournalCopy {
  /** Undefined when there is none. */
  readonly inode?: Int64 | undefined;
  /** Bytes that were moved. */
  readonly bytes: Int64;
  readonly method: string;
  /** What became of the source: `removed` or `kept`. */
  readonly source?: string | undefined;
}

/** Room for two paths of which each byte takes three, and all else. */
export const LINE_BYTES = 128 << 10;
/** The longest path that is written whole; of a longer one the end is. */
export const PATH_BYTES = 16 << 10;

const HEX = '0123456789ABCDEF';
const PERCENT = 0x25;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const isPlain = (byte: number) =>
  byte >= 0x20 && byte < 0x7f && byte !== QUOTE && byte !== BACKSLASH && byte !== PERCENT;
const plain = Uint8Array.from({ length: 256 }, (_, byte) => (isPlain(byte) ? 1 : 0));
const hex = Buffer.from(HEX, 'latin1');

const types = new Map([
  [S_IFREG, 'file'],
  [S_IFDIR, 'directory'],
  [S_IFLNK, 'symlink'],
  [S_IFIFO, 'fifo'],
  [S_IFSOCK, 'socket'],
  [S_IFCHR, 'char'],
  [S_IFBLK, 'block'],
]);

/** A buffer for lines. The first byte is left free, for the end of a line that somebody else has not finished. */
export class Line {
  readonly bytes = Buffer.allocUnsafeSlow(LINE_BYTES);
  #at = 1;

  /** @returns where the line ends in `bytes`; it begins at 1. */
  write(host: string, time: Date, record: JournalRecord): number {
    const { object, copy, other } = record;
    const result = record.error === 0 ? 'ok' : errnoName(record.error);
    this.#at = 1;
    this.#text(
      `{"time":"${time.toISOString()}","host":"${host}","uid":${record.uid},"op":"${record.op}","result":"${result}",${kind(object)},"path":"`,
    );
    this.#path(record.path);
    if (record.newPath !== undefined) {
      this.#text('","new_path":"');
      this.#path(record.newPath);
    }
    let rest = `",${place(object)}`;
    if (copy?.inode !== undefined) rest += `,"new_inode":${copy.inode}`;
    if (copy !== undefined) rest += `,"copied":${copy.bytes},"method":"${copy.method}"`;
    if (copy?.source !== undefined) rest += `,"source":"${copy.source}"`;
    rest += `,"ms":${Math.round(record.milliseconds * 1000) / 1000}`;
    if (other !== undefined) {
      const what = record.op === 'exchange' ? 'exchanged' : 'replaced';
      rest += `,"${what}":{${kind(other)},${place(other)}}`;
    }
    this.#text(`${rest}}\n`);
    return this.#at;
  }

  #text(ascii: string): void {
    this.#at += this.bytes.write(ascii, this.#at, 'latin1');
  }

  #path(path: Uint8Array): void {
    this.#at = encodeInto(this.bytes, this.#at, path);
  }
}

const kind = ({ type }: JournalObject) => `"type":"${types.get(type) ?? 'unknown'}"`;
const place = ({ size, inode, layer }: JournalObject) => `"size":${size},"inode":${inode},"layer":"${layer}"`;

function encodeInto(out: Uint8Array, start: number, path: Uint8Array): number {
  let at = start;
  for (let i = 0; i < path.length; i++) {
    const byte = path[i] as number;
    if (plain[byte] === 1) out[at++] = byte;
    else {
      out[at++] = PERCENT;
      out[at++] = hex[byte >> 4] as number;
      out[at++] = hex[byte & 15] as number;
    }
  }
  return at;
}

/** A path of the operator's as it stands in a record. */
export function encoded(path: string): string {
  const bytes = Buffer.from(path, 'utf8');
  const out = Buffer.alloc(3 * bytes.length);
  return out.toString('latin1', 0, encodeInto(out, 0, bytes));
}
