// Declares wire structs: `struct('fuse_open_in', { flags: u32, open_flags: u32 })` gives size, offsets, decode and encode.
// Built on buffer-layout's composite layouts, with scalars of our own that read any Uint8Array and are exact in 64 bits.
// Little-endian, as every processor that Node.js runs Linux on here; a byte-swapped INIT is recognised and refused.
import { Layout, Sequence, Structure } from 'buffer-layout';
import { highWord, type Int64, int64, lowWord, signedInt64 } from './types.ts';

/** One field's type: `span` bytes on the wire. */
export interface Field<T> {
  readonly span: number;
  /** A 64-bit number that this side gave out (node id, file handle), so it must be below 2^53. */
  readonly exact?: boolean;
  decode(bytes: Uint8Array, offset?: number): T;
  encode(value: T, bytes: Uint8Array, offset?: number): number;
}

export type Fields = { readonly [name: string]: Field<unknown> | Struct };

type FieldValue<F> = F extends Struct<infer G> ? Value<G> : F extends Field<infer T> ? T : never;
type FieldInput<F> = F extends Struct<infer G> ? Input<G> : F extends Field<infer T> ? T : never;

/** What decoding gives: every field. */
export type Value<F extends Fields> = { [K in keyof F]: FieldValue<F[K]> };
/** What encoding takes: a field left out is zero. */
export type Input<F extends Fields> = { readonly [K in keyof F]?: FieldInput<F[K]> };

/** A struct of the kernel header. */
export interface Struct<F extends Fields = Fields> {
  readonly name: string;
  /** Bytes on the wire. */
  readonly size: number;
  /** Byte offset of each field. */
  readonly offsets: { readonly [K in keyof F]: number };
  /** Offsets of the fields that must be exact numbers, see Field.exact. */
  readonly exact: readonly number[];
  /** The buffer-layout behind it. */
  readonly layout: Field<Value<F>>;
  /** Throws a RangeError when fewer than `size` bytes follow `at`. */
  decode(bytes: Uint8Array, at?: number): Value<F>;
  /** Writes all `size` bytes; a field left out becomes zero. Throws a RangeError when they do not fit. */
  encode(value: Input<F>, bytes: Uint8Array, at?: number): void;
}

type Read<T> = (view: DataView, at: number) => T;
type Write<T> = (view: DataView, at: number, value: T) => void;

class Scalar<T> extends Layout<T> implements Field<T> {
  readonly exact: boolean;
  readonly read: Read<T>;
  readonly write: Write<T>;

  constructor(span: number, read: Read<T>, write: Write<T>, exact = false) {
    super(span);
    this.exact = exact;
    this.read = read;
    this.write = write;
  }

  override decode(bytes: Uint8Array, offset = 0): T {
    return this.read(viewOf(bytes), offset);
  }

  override encode(value: T, bytes: Uint8Array, offset = 0): number {
    this.write(viewOf(bytes), offset, value);
    return this.span;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function writeWords(view: DataView, at: number, value: Int64): void {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw new RangeError(`${value} is not an exact integer: pass a bigint`);
  }
  view.setUint32(at, lowWord(value), true);
  view.setUint32(at + 4, highWord(value), true);
}

const readUnsigned: Read<Int64> = (view, at) => int64(view.getUint32(at, true), view.getUint32(at + 4, true));
const readSigned: Read<Int64> = (view, at) =>
  signedInt64(view.getUint32(at, true), view.getUint32(at + 4, true));

export const u16: Field<number> = new Scalar<number>(
  2,
  (view, at) => view.getUint16(at, true),
  (view, at, value) => view.setUint16(at, value, true),
);
export const u32: Field<number> = new Scalar<number>(
  4,
  (view, at) => view.getUint32(at, true),
  (view, at, value) => view.setUint32(at, value, true),
);
export const i32: Field<number> = new Scalar<number>(
  4,
  (view, at) => view.getInt32(at, true),
  (view, at, value) => view.setInt32(at, value, true),
);
export const u64: Field<Int64> = new Scalar<Int64>(8, readUnsigned, writeWords);
export const i64: Field<Int64> = new Scalar<Int64>(8, readSigned, writeWords);
/** A node id in a request: a u64 that this side gave out. */
export const nodeid: Field<Int64> = new Scalar<Int64>(8, readUnsigned, writeWords, true);
/** A file handle in a request: a u64 that this side gave out. */
export const handle: Field<Int64> = new Scalar<Int64>(8, readUnsigned, writeWords, true);

/** `count` fields of one type in a row. */
export function array<T>(element: Field<T>, count: number): Field<T[]> {
  return new Sequence(element as Layout<T>, count);
}

/** Declares a struct: fields in the kernel header's names and order, without implicit padding. */
export function struct<const F extends Fields>(name: string, fields: F): Struct<F> {
  const entries = Object.entries(fields).map(([key, field]): [string, Layout<unknown>, boolean] =>
    'layout' in field
      ? [key, field.layout as Layout<unknown>, false]
      : [key, field as Layout<unknown>, field.exact === true],
  );
  const layout = new Structure<Value<F>>(entries.map(([key, field]) => field.replicate(key)));
  const size = layout.span;
  const offsets: Record<string, number> = {};
  const exact: number[] = [];
  let next = 0;
  for (const [key, field, isExact] of entries) {
    offsets[key] = next;
    if (isExact) exact.push(next);
    next += field.span;
  }
  const check = (bytes: Uint8Array, at: number) => {
    if (at < 0 || at + size > bytes.length) {
      throw new RangeError(`${name} needs ${size} bytes at ${at}, there are ${bytes.length}`);
    }
  };
  return Object.freeze({
    name,
    size,
    offsets: Object.freeze(offsets) as Struct<F>['offsets'],
    exact,
    layout,
    decode(bytes: Uint8Array, at = 0): Value<F> {
      check(bytes, at);
      return layout.decode(bytes, at);
    },
    encode(value: Input<F>, bytes: Uint8Array, at = 0): void {
      check(bytes, at);
      bytes.fill(0, at, at + size);
      layout.encode(value as Value<F>, bytes, at);
    },
  });
}
