// What was just found in a layer and is not there any more has been moved, copied up or deleted by another host: it is looked for again
// before that is anybody's answer.

import { ENOENT } from '../../protocol/errno.ts';

/** The object was found, and is gone: an attempt has changed nothing. No errno, and never an answer. */
export const MOVED = -10_001;

/** Two hosts that take turns with one name for longer than this must be told something. */
const ATTEMPTS = 8;

/**
 * @param attempt finds an object and does something with it; `MOVED` has it called again.
 * @returns what it answers, or `otherwise` when that is `MOVED` each time
 */
export function untilFound(attempt: () => number, otherwise = -ENOENT): number {
  for (let i = 0; i < ATTEMPTS; i++) {
    const result = attempt();
    if (result !== MOVED) return result;
  }
  return otherwise;
}
