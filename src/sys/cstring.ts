// Names as C takes them: bytes that end in a NUL and hold no other. File names are bytes in no particular encoding, so
// they are never JavaScript strings; only literals and operator input (options, paths of the command line) start as text.

import type { CString } from '../../protocol/types.ts';

export type { CString };

/** The empty name, for calls with AT_EMPTY_PATH. */
export const EMPTY: CString = new Uint8Array(1);

/** Text as UTF-8 with its NUL. A TypeError if the text holds a NUL. */
export function cstring(text: string): CString {
  return cstringOf(Buffer.from(text, 'utf8'));
}

/** A copy of bytes without a NUL, with one appended. A TypeError if they hold a NUL. */
export function cstringOf(bytes: Uint8Array): CString {
  if (bytes.includes(0)) throw new TypeError('a name cannot hold a NUL byte');
  const name = new Uint8Array(bytes.length + 1);
  name.set(bytes);
  return name;
}

export function isCString(bytes: Uint8Array): boolean {
  return bytes.length > 0 && bytes.indexOf(0) === bytes.length - 1;
}

/** The name itself if it ends in NUL; a TypeError (a bug of the caller) otherwise: C would read past its end. */
export function terminated(name: CString): CString {
  if (name[name.length - 1] === 0) return name;
  throw new TypeError('a name without its NUL was passed to a system call');
}
