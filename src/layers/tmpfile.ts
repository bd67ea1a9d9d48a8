// O_TMPFILE: a file without a name in the upper layer's file system, which link(2) may give one later.

import { EMFILE, ENOENT, EROFS, ESTALE } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { O_EXCL, O_TMPFILE } from '../sys/constants.ts';
import { cstring } from '../sys/cstring.ts';
import { openat } from '../sys/fd.ts';
import type { FileSystem } from './filesystem.ts';
import { internNameless } from './lookup.ts';
import { writableSide } from './make.ts';
import { type Created, enterCreated, OURS, PASSED } from './open.ts';

const DOT = cstring('.');

/** @param flags as of open(2); O_EXCL: it shall never get a name. @returns 0, -EOPNOTSUPP as the layer has it, or a negative errno. */
export function createNameless(
  fs: FileSystem,
  parent: NodeId,
  flags: number,
  mode: number,
  umask: number,
  out: Created,
): number {
  if (fs.policy.readOnly) return -EROFS;
  if (fs.table.openHandles.isFull()) return -EMFILE;
  const dir = writableSide(fs, parent);
  if (dir < 0) return dir === -ESTALE && fs.table.names(parent) === 0 ? -ENOENT : dir; // the directory is removed
  fs.caller.mask(umask);
  const fd = openat(dir, DOT, (flags & (PASSED | O_EXCL)) | OURS | O_TMPFILE, mode & 0o7777);
  return fd < 0 ? fd : enterCreated(fs, fd, flags, out, () => internNameless(fs, fs.stat));
}
