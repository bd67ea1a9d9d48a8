// Handles that were opened on a lower file before its copy-up go on with the copy, so that a reader sees what a writer writes later:
// the backing descriptor is replaced in place, under its own number.

import { errnoName } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { newIdentity } from '../inodes/table.ts';
import { O_CLOEXEC, O_DIRECT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } from '../sys/constants.ts';
import { close, dup3, openat } from '../sys/fd.ts';
import type { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import type { Place } from './locate.ts';
import { rebind } from './lookup.ts';
import { UPPER } from './setup.ts';

/** More handles than this on one file are looked at in several rounds by `redirectHandles`. */
const open = new Int32Array(65536);
const identity = newIdentity();

/** The node shows its copy (`made`, in the upper directory `upper`) from now on, and so do its open handles. */
export function redirectHandles(fs: FileSystem, node: NodeId, at: Place, upper: number, made: Stat): void {
  const { table } = fs;
  identity.layer = UPPER;
  identity.device = table.deviceIndex(made.devMajor, made.devMinor, UPPER);
  identity.inoLo = made.inoLo;
  identity.inoHi = made.inoHi;
  table.detachOthers(node, at.ref.parent, at.ref.bytes);
  // Under one lock with "a handle is added or removed": an opener that found the lower file adds its handle before, and is
  // redirected, or after, and sees the new identity.
  table.lockHandles();
  try {
    rebind(fs, node, identity);
    const count = table.handles(node, open);
    for (let i = 0; i < count; i++) {
      const handle = open[i] as number;
      const flags = table.handleFlags(handle) & O_DIRECT;
      const fd = openat(upper, at.ref.bytes, flags | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
      const result = fd < 0 ? fd : dup3(fd, handle, O_CLOEXEC);
      if (fd >= 0) close(fd);
      if (result < 0) fs.log.error('redirect-failed', { handle, error: errnoName(-result) });
    }
  } finally {
    table.unlockHandles();
  }
}
