// Operations on attributes: GETATTR, SETATTR, STATX, ACCESS, READLINK, STATFS.

import { EINVAL } from '../../protocol/errno.ts';
import {
  FATTR_ATIME,
  FATTR_ATIME_NOW,
  FATTR_FH,
  FATTR_GID,
  FATTR_MODE,
  FATTR_MTIME,
  FATTR_MTIME_NOW,
  FATTR_SIZE,
  FATTR_UID,
  FUSE_GETATTR_FH,
  fuse_access_in,
  fuse_getattr_in,
  fuse_kstatfs,
  fuse_setattr_in,
  fuse_statfs_out,
  fuse_statx_in,
  fuse_statx_out,
  type NodeId,
} from '../../protocol/index.ts';
import type { FileSystem } from '../layers/filesystem.ts';
import { accessNode, readLink, statfsUpper } from '../layers/inspect.ts';
import { attributes, attributesByHandle } from '../layers/locate.ts';
import { type Changes, setAttributes } from '../layers/setattr.ts';
import { StatFs } from '../sys/statfs.ts';
import { ATIME, MTIME, TimeSpecs, UTIME_NOW, UTIME_OMIT } from '../sys/times.ts';
import { linksOf, putAttrOut, putAttrValid } from './attr.ts';
import type { Handler } from './call.ts';
import { fileHandleOf } from './files.ts';

/** Finds attributes by the open handle where the request has one, else by node. */
function find(fs: FileSystem, node: NodeId, handle: number | undefined): number {
  return handle !== undefined && fs.table.handleNode(handle) === node
    ? attributesByHandle(fs, handle)
    : attributes(fs, node);
}

export const GETATTR: Handler = ({ request, reply, fs }) => {
  const { getattr_flags, fh } = fuse_getattr_in.offsets;
  const byHandle = (request.u32(getattr_flags) & FUSE_GETATTR_FH) !== 0;
  const found = find(fs, request.nodeid, byHandle ? request.fileHandle(fh) : undefined);
  return found < 0 ? found : putAttrOut(fs, reply, request.nodeid, fs.stat);
};

const times = new TimeSpecs();
/** FATTR_MODE to FATTR_KILL_SUIDGID; a bit that is not known would ask for a change that is not made. */
const KNOWN_BITS = 12;

export const SETATTR: Handler = ({ request, reply, fs }) => {
  const at = fuse_setattr_in.offsets;
  const valid = request.u32(at.valid);
  if (valid >>> KNOWN_BITS !== 0) return -EINVAL;
  const changes: Changes = {
    uid: (valid & FATTR_UID) !== 0 ? request.u32(at.uid) : -1,
    gid: (valid & FATTR_GID) !== 0 ? request.u32(at.gid) : -1,
  };
  if ((valid & FATTR_SIZE) !== 0) changes.size = request.signedInt64(at.size);
  if ((valid & FATTR_MODE) !== 0) changes.mode = request.u32(at.mode);
  if ((valid & (FATTR_ATIME | FATTR_MTIME)) !== 0) {
    changes.times = times;
    times.set(
      ATIME,
      request.signedInt64(at.atime),
      nanoseconds(valid, FATTR_ATIME, FATTR_ATIME_NOW, request.u32(at.atimensec)),
    );
    times.set(
      MTIME,
      request.signedInt64(at.mtime),
      nanoseconds(valid, FATTR_MTIME, FATTR_MTIME_NOW, request.u32(at.mtimensec)),
    );
  }
  let handle = -1;
  if ((valid & FATTR_FH) !== 0) {
    handle = fileHandleOf(fs, request.fileHandle(at.fh), request.nodeid);
    if (handle < 0) return handle;
  }
  const result = setAttributes(fs, request.nodeid, changes, handle);
  if (result < 0) return result;
  const found = find(fs, request.nodeid, handle >= 0 ? handle : undefined);
  return found < 0 ? found : putAttrOut(fs, reply, request.nodeid, fs.stat);
};

/** What utimensat(2) takes for a time that is given, is to be now, or is to stay. */
function nanoseconds(valid: number, given: number, now: number, nsec: number): number {
  if ((valid & given) === 0) return UTIME_OMIT;
  return (valid & now) !== 0 ? UTIME_NOW : nsec;
}

export const STATX: Handler = ({ request, reply, fs }) => {
  const { getattr_flags, fh } = fuse_statx_in.offsets;
  const out = fuse_statx_out.offsets;
  const byHandle = (request.u32(getattr_flags) & FUSE_GETATTR_FH) !== 0;
  const found = find(fs, request.nodeid, byHandle ? request.fileHandle(fh) : undefined);
  if (found < 0) return found;
  reply.zero(fuse_statx_out.size);
  putAttrValid(fs, reply, out.attr_valid, out.attr_valid_nsec, request.nodeid, fs.stat);
  // struct fuse_statx is struct statx, bit for bit (kernel header).
  reply.body.set(fs.stat.bytes.subarray(0, fuse_statx_out.size - out.stat), out.stat);
  fs.table.presented(request.nodeid, number);
  reply.u32(out.stat + STATX_NLINK_AT, linksOf(fs, request.nodeid, fs.stat));
  reply.words(out.stat + STATX_INO_AT, number.lo, number.hi);
  return fuse_statx_out.size;
};

const number = { lo: 0, hi: 0 };
/** Offsets in struct statx. */
const STATX_NLINK_AT = 16;
const STATX_INO_AT = 32;

/** Asked only without `default_permissions`; for access(2) the kernel sends the real ids. */
export const ACCESS: Handler = ({ request, fs }) =>
  accessNode(fs, request.nodeid, request.u32(fuse_access_in.offsets.mask));

/** PATH_MAX of limits.h, which a link's target cannot reach. */
const PATH_MAX = 4096;

export const READLINK: Handler = ({ request, reply, fs }) =>
  readLink(fs, request.nodeid, reply.body, PATH_MAX);

const statfs = new StatFs();

export const STATFS: Handler = ({ reply, fs }) => {
  const result = statfsUpper(fs, statfs);
  if (result < 0) return result;
  const at = fuse_kstatfs.offsets;
  reply.zero(fuse_statfs_out.size);
  reply.u64(at.blocks, statfs.blocks);
  reply.u64(at.bfree, statfs.bfree);
  reply.u64(at.bavail, statfs.bavail);
  reply.u64(at.files, statfs.files);
  reply.u64(at.ffree, statfs.ffree);
  reply.u32(at.bsize, statfs.bsize);
  reply.u32(at.namelen, statfs.namelen);
  reply.u32(at.frsize, statfs.frsize);
  return fuse_statfs_out.size;
};
