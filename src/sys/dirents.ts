// Directory listings as getdents64(2) packs them, walked in place.
import { ENOENT } from '../../protocol/errno.ts';
import { type Int64, int64 } from '../../protocol/types.ts';
import { getdents } from './fd.ts';

/** Walks the records of one getdents answer: `cursor.load(count); while (cursor.next()) …`. Fields are those of the last record. */
export class DirentCursor {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #next = 0;
  #end = 0;

  /** `bytes`: the buffer that getdents fills; 32 KiB is glibc's choice and holds any record. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Starts over on `count` bytes that getdents returned. */
  load(count: number): void {
    this.#next = 0;
    this.#end = Math.min(count, this.bytes.length);
  }

  /** Goes to the next record; false past the last one. */
  next(): boolean {
    if (this.#next >= this.#end) return false;
    this.#at = this.#next;
    this.#next += this.#view.getUint16(this.#at + 16, true);
    return true;
  }

  get inoLo(): number {
    return this.#view.getUint32(this.#at, true);
  }
  get inoHi(): number {
    return this.#view.getUint32(this.#at + 4, true);
  }
  /** Where lseek(fd, offset, SEEK_SET) goes on after this record: a cookie, not a count. */
  get offset(): Int64 {
    return int64(this.#view.getUint32(this.#at + 8, true), this.#view.getUint32(this.#at + 12, true));
  }
  /** DT_*; DT_UNKNOWN on file systems that don't tell. */
  get type(): number {
    return this.bytes[this.#at + 18] as number;
  }
  /** `.` or `..`. */
  get isDot(): boolean {
    const start = this.#at + 19;
    if (this.bytes[start] !== 0x2e) return false;
    const second = this.bytes[start + 1];
    return second === 0 || (second === 0x2e && this.bytes[start + 2] === 0);
  }
  /** The name with its NUL: a view into `bytes`, valid until they are filled again. */
  get name(): Uint8Array {
    const start = this.#at + 19;
    return this.bytes.subarray(start, this.bytes.indexOf(0, start) + 1);
  }
}

/** glibc's choice; holds any record. */
const BUFFER = 32768;

/**
 * Calls `visit` with each record but `.` and `..`, from where `fd` stands, until it answers false.
 * @returns 0, also when it was ended, or the negative errno of a directory that cannot be read to its end
 */
export function eachDirent(fd: number, visit: (entry: DirentCursor) => boolean): number {
  const cursor = new DirentCursor(new Uint8Array(BUFFER));
  for (;;) {
    const count = getdents(fd, cursor.bytes);
    // As readdir(3) has it: a directory that was removed has nothing in it.
    if (count <= 0) return count === -ENOENT ? 0 : count;
    cursor.load(count);
    while (cursor.next()) if (!cursor.isDot && !visit(cursor)) return 0;
  }
}
