// The operations that are served, by their names in the operation table, and how a refused answer is taken back. An operation that is
// missing here fails to compile.

import { ENOSYS } from '../../protocol/errno.ts';
import type { OperationName } from '../../protocol/index.ts';
import * as attributes from './attributes.ts';
import { asCaller, type Handler } from './call.ts';
import { changing, renaming, renaming2 } from './changing.ts';
import * as directories from './directories.ts';
import * as files from './files.ts';
import { IOCTL } from './ioctl.ts';
import * as locks from './locks.ts';
import * as names from './names.ts';
import * as xattrs from './xattrs.ts';

export type { Call, Handler } from './call.ts';
export { undo } from './undo.ts';

/** Answered by the session itself. */
type SessionOperation = 'INIT' | 'DESTROY' | 'INTERRUPT' | 'NOTIFY_REPLY' | 'CUSE_INIT';
export type ServedOperation = Exclude<OperationName, SessionOperation>;

/** Not served: the kernel does without (bmap, poll, DAX). */
const unserved: Handler = () => -ENOSYS;

export const handlers: Record<ServedOperation, Handler> = {
  LOOKUP: asCaller(names.LOOKUP),
  FORGET: names.FORGET,
  BATCH_FORGET: names.BATCH_FORGET,
  GETATTR: asCaller(attributes.GETATTR),
  SETATTR: asCaller(attributes.SETATTR),
  STATX: asCaller(attributes.STATX),
  ACCESS: asCaller(attributes.ACCESS),
  READLINK: asCaller(attributes.READLINK),
  STATFS: asCaller(attributes.STATFS),
  SYMLINK: asCaller(changing(names.SYMLINK)),
  MKNOD: asCaller(changing(names.MKNOD)),
  MKDIR: asCaller(changing(names.MKDIR)),
  UNLINK: asCaller(changing(names.UNLINK)),
  RMDIR: asCaller(changing(names.RMDIR)),
  RENAME: asCaller(renaming(names.RENAME)),
  RENAME2: asCaller(renaming2(names.RENAME2)),
  LINK: asCaller(changing(names.LINK)),
  OPEN: asCaller(files.OPEN),
  CREATE: asCaller(changing(files.CREATE)),
  TMPFILE: asCaller(files.TMPFILE),
  // What a descriptor may was decided when it was opened.
  READ: files.READ,
  FLUSH: files.FLUSH,
  RELEASE: files.RELEASE,
  FSYNC: files.FSYNC,
  LSEEK: files.LSEEK,
  WRITE: files.WRITE,
  FALLOCATE: asCaller(files.FALLOCATE),
  COPY_FILE_RANGE: asCaller(files.COPY_FILE_RANGE),
  COPY_FILE_RANGE_64: asCaller(files.COPY_FILE_RANGE_64),
  OPENDIR: asCaller(directories.OPENDIR),
  READDIR: asCaller(directories.READDIR),
  READDIRPLUS: asCaller(directories.READDIRPLUS),
  RELEASEDIR: directories.RELEASEDIR,
  FSYNCDIR: asCaller(directories.FSYNCDIR),
  SYNCFS: asCaller(directories.SYNCFS),
  GETXATTR: asCaller(xattrs.GETXATTR),
  LISTXATTR: asCaller(xattrs.LISTXATTR),
  SETXATTR: asCaller(xattrs.SETXATTR),
  REMOVEXATTR: asCaller(xattrs.REMOVEXATTR),
  IOCTL: asCaller(IOCTL),
  BMAP: unserved,
  POLL: unserved,
  GETLK: asCaller(locks.GETLK),
  SETLK: asCaller(locks.SETLK),
  SETLKW: asCaller(locks.SETLKW),
  SETUPMAPPING: unserved,
  REMOVEMAPPING: unserved,
};
