// Waiting for what another host does, of which nothing tells: by looking again and again.

import { EINTR } from '../../protocol/errno.ts';
import type { FileSystem } from './filesystem.ts';

/** Look again. No errno. */
export const WAIT = -10_004;

const nobody = new Int32Array(new SharedArrayBuffer(4));

/**
 * @param patience in milliseconds, as `turn` is, after which it looks again. @param look whether to wait longer: anything but `WAIT` ends it.
 * @returns what `look` has answered last, `WAIT` when it takes too long; -EINTR when the caller has given up
 */
export function waitWhile<T>(fs: FileSystem, patience: number, look: () => T | number, turn = 5): T | number {
  const until = performance.now() + patience;
  for (;;) {
    const result = look();
    if (result !== WAIT || performance.now() > until) return result;
    if (fs.interrupted()) return -EINTR;
    Atomics.wait(nobody, 0, 0, turn);
  }
}
