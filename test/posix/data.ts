// What the cases of files' data share: contents of any length in which no piece is like another, and numbers that mean something.

import { O_RDONLY } from '../../src/sys/constants.ts';
import type { Context } from './context.ts';

export const MIB = 1 << 20;

// fcntl(2)
export const F_GETFL = 3;
export const F_SETFL = 4;

const filled = new Map<string, string>();

/** `length` characters, another text for each salt. */
export function pattern(length: number, salt = 0): string {
  const key = `${length} ${salt}`;
  let text = filled.get(key);
  if (text === undefined) {
    const bytes = Buffer.allocUnsafe(length);
    let state = (salt * 2_654_435_761 + 12_345) >>> 0;
    for (let i = 0; i < length; i++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      bytes[i] = 33 + ((state >>> 16) % 94);
    }
    text = bytes.toString('latin1');
    filled.set(key, text);
  }
  return text;
}

/** `text` with `data` written at `offset`, zeros between. */
export function patched(text: string, offset: number, data: string): string {
  return text.slice(0, offset).padEnd(offset, '\0') + data + text.slice(offset + data.length);
}

/** A file has this content, read in one call through a descriptor of its own. Long texts are not put into the message. */
export function sameContent(c: Context, path: string, expected: string): void {
  const fd = c.ok(c.open(path, O_RDONLY));
  sameRead(c, fd, expected, path);
  c.close(fd);
}

/** The same, through a descriptor that is open. */
export function sameRead(c: Context, fd: number, expected: string, what = 'the file'): void {
  const got = c.ok(c.pread(fd, expected.length + 1, 0)) as string;
  let at = 0;
  while (at < expected.length && got[at] === expected[at]) at++;
  const difference = got === expected ? 'none' : `at ${at} of ${expected.length}, read ${got.length}`;
  c.is(difference, 'none', `${what}: the first difference`);
}

/** Waits until somebody waits for a lock on the file with this inode number. */
export function somebodyWaits(c: Context, ino: string): void {
  const waiter = new RegExp(`^\\d+: -> .*:${ino} `, 'm');
  c.until('somebody waits for the lock', () => waiter.test(c.text('/proc/locks')));
}
