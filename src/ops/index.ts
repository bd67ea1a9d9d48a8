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
import {
  changingNode,
  copying,
  linking,
  listing,
  lookingUp,
  moving,
  naming,
  opening,
  readingOn,
  releasing,
  showing,
} from './lower.ts';
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
  LOOKUP: lookingUp(asCaller(names.LOOKUP)),
  FORGET: names.FORGET,
  BATCH_FORGET: names.BATCH_FORGET,
  GETATTR: showing(asCaller(attributes.GETATTR)),
  SETATTR: changingNode(asCaller(attributes.SETATTR)),
  STATX: showing(asCaller(attributes.STATX)),
  ACCESS: showing(asCaller(attributes.ACCESS)),
  READLINK: showing(asCaller(attributes.READLINK)),
  STATFS: asCaller(attributes.STATFS),
  SYMLINK: naming(asCaller(changing(names.SYMLINK))),
  MKNOD: naming(asCaller(changing(names.MKNOD))),
  MKDIR: naming(asCaller(changing(names.MKDIR))),
  UNLINK: naming(asCaller(changing(names.UNLINK))),
  RMDIR: naming(asCaller(changing(names.RMDIR))),
  RENAME: moving(asCaller(renaming(names.RENAME))),
  RENAME2: moving(asCaller(renaming2(names.RENAME2))),
  LINK: linking(asCaller(changing(names.LINK))),
  OPEN: opening(asCaller(files.OPEN)),
  CREATE: naming(asCaller(changing(files.CREATE))),
  TMPFILE: naming(asCaller(files.TMPFILE)),
  // What a descriptor may was decided when it was opened.
  READ: showing(files.READ),
  FLUSH: showing(files.FLUSH),
  RELEASE: releasing(files.RELEASE),
  FSYNC: showing(files.FSYNC),
  LSEEK: showing(files.LSEEK),
  WRITE: files.WRITE,
  FALLOCATE: showing(asCaller(files.FALLOCATE)),
  COPY_FILE_RANGE: copying(asCaller(files.COPY_FILE_RANGE)),
  COPY_FILE_RANGE_64: copying(asCaller(files.COPY_FILE_RANGE_64)),
  OPENDIR: listing(asCaller(directories.OPENDIR)),
  READDIR: readingOn(asCaller(directories.READDIR)),
  READDIRPLUS: listing(asCaller(directories.READDIRPLUS)),
  RELEASEDIR: directories.RELEASEDIR,
  FSYNCDIR: listing(asCaller(directories.FSYNCDIR)),
  SYNCFS: asCaller(directories.SYNCFS),
  GETXATTR: showing(asCaller(xattrs.GETXATTR)),
  LISTXATTR: showing(asCaller(xattrs.LISTXATTR)),
  SETXATTR: changingNode(asCaller(xattrs.SETXATTR)),
  REMOVEXATTR: changingNode(asCaller(xattrs.REMOVEXATTR)),
  IOCTL: changingNode(asCaller(IOCTL)),
  BMAP: unserved,
  POLL: unserved,
  GETLK: showing(asCaller(locks.GETLK)),
  SETLK: showing(asCaller(locks.SETLK)),
  SETLKW: showing(asCaller(locks.SETLKW)),
  SETUPMAPPING: unserved,
  REMOVEMAPPING: unserved,
};
