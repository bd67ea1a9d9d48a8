// Whether who waits for a copy-up has been told to stop. The kernel says so by an INTERRUPT, which another worker reads; but all of them may be
// copying (`threads=1`, or as many large files at a time as there are workers). So who copies looks at the caller himself as well, now and then.

import type { FileSystem } from './filesystem.ts';
import { statusOf } from './groups.ts';

/** Milliseconds between two looks, and before the first: what is copied by then costs nothing. */
const LOOK_MS = 100;

/** For one copy. @returns what its loop asks in each turn */
export function givenUp(fs: FileSystem): () => boolean {
  let next = performance.now() + LOOK_MS;
  return () => {
    if (fs.interrupted()) return true;
    if (performance.now() < next) return false;
    next = performance.now() + LOOK_MS;
    return hasSignal(statusOf(fs.caller.task));
  };
}

/**
 * Whether the kernel would interrupt the thread: it has a signal that it does not block (ignored ones are never pending). Of what is sent to the
 * process as a whole any thread may take it; the kernel wakes the first one for it, if that does not block it.
 */
function hasSignal(status: string | undefined): boolean {
  if (status === undefined) return false;
  const field = (name: string, base: string) =>
    BigInt(`${base}${new RegExp(`^${name}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`);
  const isFirst = field('Pid', '') === field('Tgid', '');
  const pending = field('SigPnd', '0x') | (isFirst ? field('ShdPnd', '0x') : 0n);
  return (pending & ~field('SigBlk', '0x')) !== 0n;
}
