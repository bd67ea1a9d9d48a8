// What the calls of the suite share: paths and buffers as C takes them, answers as cases compare them, and the descriptors that a case has
// open, which are closed at its end.

import { errnoName } from '../../../protocol/errno.ts';
import { type CString, cstringOf } from '../../../src/sys/cstring.ts';
import { addressOf, bind, outcome, outcome64 } from '../../../src/sys/libc.ts';

export { addressOf, bind, outcome, outcome64 };

/** A path below the case's directory, which is the working directory, or an absolute one. Text is UTF-8; bytes are taken as they are. */
export type Path = string | Uint8Array;

/** What is written: text byte by byte (latin1), or bytes. */
export type Data = string | Uint8Array;

export function bytesOf(path: Path): CString {
  return cstringOf(typeof path === 'string' ? Buffer.from(path) : path);
}

export function dataOf(data: Data): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
}

/** Bytes as text, one character each. */
export function textOf(bytes: Uint8Array, length = bytes.length): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, length).toString('latin1');
}

const opened = new Set<number>();

/** Remembers a new descriptor until it is closed. */
export function kept(fd: number): number {
  if (fd >= 0) opened.add(fd);
  return fd;
}

export function forgotten(fd: number): void {
  opened.delete(fd);
}

/** @returns what is still open, and no longer remembered. */
export function leftOpen(): number[] {
  const left = [...opened];
  opened.clear();
  return left;
}

/** The errno of a call that is needed by another one. @throws when it failed */
export function sure(result: number, what: string): number {
  if (result >= 0) return result;
  throw new Error(`${what}: ${errnoName(result)}`);
}

/** 64-bit integers as the C prototypes of the suite take them. */
export type Wide = number | bigint;
