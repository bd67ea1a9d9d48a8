// Two who can do a thing in a layer: the daemon, and where a server squashes root, the caller.

import { EACCES, EPERM } from '../../protocol/errno.ts';
import type { FileSystem } from './filesystem.ts';

export const isRefused = (result: number): boolean => result === -EACCES || result === -EPERM;

/**
 * Does something as the daemon, who may come where the caller stands without a way to it; as the caller where a server squashes root. May be
 * called in the middle of what one of them does: one layer may squash root where another does not.
 */
export function asEither<T>(fs: FileSystem, work: () => T): T {
  const result = fs.caller.asDaemon(work);
  return typeof result === 'number' && isRefused(result) ? fs.caller.asRequester(work) : result;
}
