// The small name space, and texts for bytes: a path is a string of Latin-1 characters, one for each byte, so that it can be printed,
// compared and written as JSON, and any byte can be in it.

import type { CString } from '../../src/sys/cstring.ts';

/** Few, so that operations meet. The last is not UTF-8. */
export const NAMES = ['a', 'b', 'c', 'd', '\xff\xc3'] as const;

/** Who asks: root, and two users who share a group (2001). Nobody else can be taken on by a user who is not root. */
export const isRoot = process.geteuid?.() === 0;
export const USERS: readonly number[] = isRoot ? [0, 1001, 1002] : [process.geteuid?.() ?? 0];
export const SHARED_GROUP = 2001;

export function bytes(text: string): CString {
  return Buffer.from(`${text}\0`, 'latin1');
}

export function text(of: Uint8Array): string {
  return Buffer.from(of.buffer, of.byteOffset, of.length).toString('latin1');
}

/** As a C program would have it. */
export function quoted(path: string): string {
  const shown = path.length > 80 ? `${path.slice(0, 8)}…(${path.length})` : path;
  const escaped = shown.replace(/[^\x20-\x7e…]|["\\]/g, (c) => {
    return c === '"' || c === '\\' ? `\\${c}` : `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
  return `"${escaped}"`;
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

export function inside(directory: string, name: string): string {
  return directory === '' ? name : `${directory}/${name}`;
}
