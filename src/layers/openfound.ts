// Opening an object that was just found by its name, as the caller. The name that the table has need not be the one that the caller came
// by: of a hard link it may lie in a directory that is closed to him, and who opens a descriptor again walks through none. The kernel
// checks the walk, so a refusal is the object's own only when it comes without one. The same goes for an object that is found in our own
// directory on the upper layer (see `Borrowed` in locate.ts), which nobody else may enter: that walk is the daemon's.

import { EACCES } from '../../protocol/errno.ts';
import { O_CLOEXEC, O_NOFOLLOW, O_PATH } from '../sys/constants.ts';
import type { CString } from '../sys/cstring.ts';
import { close, open, openat } from '../sys/fd.ts';
import { procPath } from '../sys/path.ts';
import type { FileSystem } from './filesystem.ts';
import { oursOf } from './private.ts';
import { UPPER } from './setup.ts';

/** @param flags O_NONBLOCK must be among them: something else may have taken the name. @returns a descriptor or a negative errno. */
export function openFound(fs: FileSystem, dir: number, name: CString, flags: number): number {
  const fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC);
  if (fd !== -EACCES || (fs.policy.permissions !== 'default' && dir !== oursOf(fs, UPPER))) return fd;
  const known = fs.caller.asDaemon(() => openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (known < 0) return known;
  const again = open(procPath(known), (flags & ~O_NOFOLLOW) | O_CLOEXEC); // -ELOOP for a symlink
  close(known);
  return again;
}
