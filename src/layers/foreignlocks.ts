// Who is about to change a lower file waits for the locks that other hosts hold of it (`locks=cluster`), since they stay behind when it
// comes up. He waits without a worker, and not for ever: two hosts that hold a shared lock each and open for writing would never end.

import { EAGAIN, EBUSY } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } from '../sys/constants.ts';
import { close, openat } from '../sys/fd.ts';
import type { FileSystem } from './filesystem.ts';
import type { Place } from './locate.ts';
import { PARKED } from './locking.ts';
import { MovingLocks } from './movinglocks.ts';

/** Milliseconds after which other hosts' locks are an error. */
const PATIENCE_MS = 10_000;

/** What they want who wait here, see `waitForLock`. */
const THE_FILE = 0;

/**
 * @param at where the file is, on a lower layer; the caller holds the node's lock, and has been found to be allowed to write.
 * @param flags of open(2): with O_NONBLOCK nobody waits. @returns 0, `PARKED`, -EAGAIN, -EBUSY, or the layer's errno.
 */
export function awaitForeign(fs: FileSystem, node: NodeId, at: Place, flags: number): number {
  if (fs.policy.locks === 'local' || !fs.stat.isFile) return 0;
  const open = () => openat(at.dir, at.ref.bytes, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  let source = fs.caller.asDaemon(open);
  if (source < 0) source = open();
  // Whatever it is, the copy-up meets it too.
  if (source < 0) return 0;
  const result = MovingLocks.test(fs, node, source);
  close(source);
  if (result !== -EAGAIN || (flags & O_NONBLOCK) !== 0) return result;
  if ((fs.lockQueue.waited ?? 0) > PATIENCE_MS) return -EBUSY;
  return fs.lockQueue.waitForLock(node, THE_FILE) ? PARKED : -EBUSY;
}
