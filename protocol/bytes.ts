// Pieces of messages as byte arrays of their own, for the codecs that may allocate.
import type { Struct } from './layout.ts';

/** A struct's fields by their names; nested structs as objects. */
export type StructFields = { readonly [field: string]: unknown };

/** Rounded up to the next multiple of 8: where the next record starts. */
export const aligned = (size: number) => Math.ceil(size / 8) * 8;

/** One struct in bytes of its own. */
export function encoded(struct: Struct, fields: StructFields): Uint8Array {
  const bytes = new Uint8Array(struct.size);
  struct.encode(fields, bytes);
  return bytes;
}

export function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
