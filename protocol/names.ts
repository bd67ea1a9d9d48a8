// What a name in a message may be. The rules are the kernel's own: a name that breaks one was not made by its path walk.
import type { NameRule } from './operation.ts';
import type { ProtocolErrorCode } from './protocol-error.ts';

/** Bytes without the NUL: NAME_MAX and XATTR_NAME_MAX; a symbolic link's target: PATH_MAX - 1. */
export const NAME_MAX = 255;
export const TARGET_MAX = 4095;

const SLASH = 0x2f;
const DOT = 0x2e;

/** What is wrong with the name in `start` to `end`, which holds no NUL. */
export function nameFault(
  rule: NameRule,
  bytes: Uint8Array,
  start: number,
  end: number,
): ProtocolErrorCode | undefined {
  const length = end - start;
  if (rule === 'ignored') return undefined;
  if (length === 0) return 'empty-name';
  if (length > (rule === 'target' ? TARGET_MAX : NAME_MAX)) return 'long-name';
  if (rule === 'xattr' || rule === 'target') return undefined;
  for (let at = start; at < end; at++) {
    if (bytes[at] === SLASH) return 'bad-name';
  }
  return rule === 'entry' && isDots(bytes, start, length) ? 'bad-name' : undefined;
}

/** `.` or `..` */
export function isDots(bytes: Uint8Array, start: number, length: number): boolean {
  return length <= 2 && bytes[start] === DOT && (length === 1 || bytes[start + 1] === DOT);
}
