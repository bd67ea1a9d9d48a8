// A name copied out of the table. One buffer serves every name; the views of its beginnings are made once for each
// length, so that a name is an exact CString and yet costs no allocation.

import { type CString, NAME_MAX, type NodeId } from './ids.ts';

export class NameRef {
  parent: NodeId = 0 as NodeId;
  /** The name and its NUL; valid until the next name is put here. */
  bytes: CString;
  /** Bytes without the NUL. */
  length = 0;
  readonly #buffer = new Uint8Array(NAME_MAX + 1);
  readonly #views: Uint8Array[] = [];

  constructor() {
    this.bytes = this.resize(0);
  }

  /** Makes room for a name of `length` bytes, puts its NUL, and returns `bytes`. */
  resize(length: number): CString {
    this.#views[length] ??= this.#buffer.subarray(0, length + 1);
    this.bytes = this.#views[length];
    this.bytes[length] = 0;
    this.length = length;
    return this.bytes;
  }
}

export function newNameRef(): NameRef {
  return new NameRef();
}
