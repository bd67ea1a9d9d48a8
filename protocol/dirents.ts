// Directory listings in wire format: writers that pack records into a window of bytes, and readers for tests and tools.
import { aligned, encoded, type StructFields } from './bytes.ts';
import type { Struct } from './layout.ts';
import { fuse_dirent, fuse_direntplus, fuse_entry_out } from './structs.ts';
import { type CString, highWord, type Int64, lowWord } from './types.ts';

const OFFSETS = fuse_dirent.offsets;

/** Packs the records of a READDIR reply. Made once over a reply's body, then `start`ed for each listing. */
export class DirentWriter {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #limit = 0;
  /** Bytes packed since `start`. */
  length = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.start(bytes.length);
  }

  /** Begins at the window's first byte; at most `size` bytes, the request's, will be packed. */
  start(size: number): void {
    this.#limit = Math.min(size, this.#bytes.length);
    this.length = 0;
  }

  /**
   * Appends a record: inode number as two u32 words, `offset` the cookie of the record after it, `type` a DT_ constant.
   * False, with nothing written, when it does not fit.
   */
  add(inoLo: number, inoHi: number, offset: Int64, type: number, name: CString): boolean {
    return this.pack(0, inoLo, inoHi, offset, type, name);
  }

  /** Appends a record after `before` zeroed bytes. */
  protected pack(
    before: number,
    inoLo: number,
    inoHi: number,
    offset: Int64,
    type: number,
    name: CString,
  ): boolean {
    const namelen = name.length - 1;
    const start = this.length;
    const at = start + before;
    const nameAt = at + fuse_dirent.size;
    const end = start + aligned(before + fuse_dirent.size + namelen);
    if (end > this.#limit) return false;
    const view = this.#view;
    this.#bytes.fill(0, start, at);
    view.setUint32(at + OFFSETS.ino, inoLo, true);
    view.setUint32(at + OFFSETS.ino + 4, inoHi, true);
    view.setUint32(at + OFFSETS.off, lowWord(offset), true);
    view.setUint32(at + OFFSETS.off + 4, highWord(offset), true);
    view.setUint32(at + OFFSETS.namelen, namelen, true);
    view.setUint32(at + OFFSETS.type, type, true);
    // The name's NUL is not sent; where padding follows, it is the padding's first byte.
    for (let i = 0; i < namelen; i++) this.#bytes[nameAt + i] = name[i] as number;
    this.#bytes.fill(0, nameAt + namelen, end);
    this.length = end;
    return true;
  }
}

/** Packs the records of a READDIRPLUS reply: each begins with a fuse_entry_out. */
export class DirentplusWriter extends DirentWriter {
  /**
   * Where the last record's fuse_entry_out lies in the window. It is all zero, which tells the kernel nothing of the
   * node and gives it no reference (right for `.` and `..`), until the caller fills it in.
   */
  entry = 0;

  override add(inoLo: number, inoHi: number, offset: Int64, type: number, name: CString): boolean {
    const entry = this.length;
    if (!this.pack(fuse_entry_out.size, inoLo, inoHi, offset, type, name)) return false;
    this.entry = entry;
    return true;
  }
}

export type Dirent = ReturnType<typeof fuse_dirent.decode> & { readonly name: Uint8Array };
export type Direntplus = ReturnType<typeof fuse_direntplus.decode> & { readonly name: Uint8Array };

/** The records of a READDIR reply; names without NUL. A RangeError when the last one is cut. */
export function readDirents(bytes: Uint8Array): Dirent[] {
  return readRecords(bytes, fuse_dirent, (dirent) => dirent.namelen);
}

/** The records of a READDIRPLUS reply; names without NUL. A RangeError when the last one is cut. */
export function readDirentplus(bytes: Uint8Array): Direntplus[] {
  return readRecords(bytes, fuse_direntplus, ({ dirent }) => dirent.namelen);
}

function readRecords<T>(
  bytes: Uint8Array,
  struct: { readonly size: number; decode(bytes: Uint8Array, at: number): T },
  namelenOf: (record: T) => number,
): (T & { name: Uint8Array })[] {
  const found: (T & { name: Uint8Array })[] = [];
  let at = 0;
  while (at < bytes.length) {
    const record = struct.decode(bytes, at);
    const nameAt = at + struct.size;
    const namelen = namelenOf(record);
    const end = at + aligned(struct.size + namelen);
    if (end > bytes.length)
      throw new RangeError(`a name of ${namelen} bytes at ${nameAt} of ${bytes.length}`);
    found.push({ ...record, name: bytes.subarray(nameAt, nameAt + namelen) });
    at = end;
  }
  return found;
}

/** Records in wire format, plain or plus as their fields are, in bytes of their own; for tests and tools. */
export function encodeDirents(entries: readonly StructFields[]): Uint8Array[] {
  return entries.map((fields) => {
    const struct: Struct = 'dirent' in fields ? fuse_direntplus : fuse_dirent;
    const name = fields.name as Uint8Array;
    const record = new Uint8Array(aligned(struct.size + name.length));
    record.set(encoded(struct, fields));
    record.set(name, struct.size);
    return record;
  });
}
