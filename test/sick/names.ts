// The sick file system's operations on names and attributes, when they are well: each is done in the directory behind.

import {
  errno,
  FATTR_ATIME,
  FATTR_ATIME_NOW,
  FATTR_FH,
  FATTR_GID,
  FATTR_MODE,
  FATTR_MTIME,
  FATTR_MTIME_NOW,
  FATTR_SIZE,
  FATTR_UID,
  type fuse_attr,
  fuse_attr_out,
  fuse_entry_out,
  fuse_getxattr_in,
  fuse_getxattr_out,
  fuse_link_in,
  fuse_mkdir_in,
  fuse_mknod_in,
  fuse_rename_in,
  fuse_rename2_in,
  fuse_setattr_in,
  fuse_setxattr_in,
  type OperationName,
} from '../../protocol/index.ts';
import { AT_EMPTY_PATH, AT_FDCWD, AT_REMOVEDIR, AT_SYMLINK_FOLLOW } from '../../src/sys/constants.ts';
import { type CString, EMPTY } from '../../src/sys/cstring.ts';
import { ftruncate } from '../../src/sys/fd.ts';
import {
  chmod,
  fchownat,
  linkat,
  mkdirat,
  mknodat,
  procPath,
  readlinkat,
  renameat2,
  symlinkat,
  truncate,
  unlinkat,
  utimensat,
} from '../../src/sys/path.ts';
import type { Stat } from '../../src/sys/stat.ts';
import { ATIME, MTIME, TimeSpecs, UTIME_NOW, UTIME_OMIT } from '../../src/sys/times.ts';
import { getxattr, listxattr, removexattr, setxattr } from '../../src/sys/xattr.ts';
import type { Serve, Work } from './work.ts';

const S_ISGID = 0o2000;
const SET_ID = 0o6000;
const KEEP = 0xffffffff;

export const names: Partial<Record<OperationName, Serve>> = {
  LOOKUP: (work) => entry(work, 0),
  GETATTR: attributes,
  SETATTR: setAttributes,
  READLINK: ({ node, reply }) => readlinkat(node.fd, EMPTY, reply.body, 4096),
  MKDIR: (work) => {
    const mode = work.request.u32(fuse_mkdir_in.offsets.mode);
    return made(work, mode, mkdirat(work.node.fd, work.request.name(0), mode));
  },
  MKNOD: (work) => {
    const { mode, rdev } = fuse_mknod_in.offsets;
    const { request, node } = work;
    const bits = request.u32(mode);
    return made(work, bits, mknodat(node.fd, request.name(0), bits, request.u32(rdev)));
  },
  SYMLINK: (work) => made(work, 0, symlinkat(work.request.name(1), work.node.fd, work.request.name(0))),
  LINK: (work) => {
    const { request, nodes, node } = work;
    const source = nodes.get(request.nodeId(fuse_link_in.offsets.oldnodeid));
    if (source === undefined) return -errno.ESTALE;
    const linked = linkat(AT_FDCWD, procPath(source.fd), node.fd, request.name(0), AT_SYMLINK_FOLLOW);
    return linked < 0 ? linked : entry(work, 0);
  },
  UNLINK: ({ node, request }) => unlinkat(node.fd, request.name(0), 0),
  RMDIR: ({ node, request }) => unlinkat(node.fd, request.name(0), AT_REMOVEDIR),
  RENAME: (work) => rename(work, fuse_rename_in.offsets.newdir, 0),
  RENAME2: (work) =>
    rename(work, fuse_rename2_in.offsets.newdir, work.request.u32(fuse_rename2_in.offsets.flags)),
  GETXATTR: ({ node, request, reply }) => {
    const size = request.u32(fuse_getxattr_in.offsets.size);
    const got = getxattr(procPath(node.fd), request.name(0), reply.body, size);
    return sized(reply, size, got);
  },
  LISTXATTR: ({ node, request, reply }) => {
    const size = request.u32(fuse_getxattr_in.offsets.size);
    return sized(reply, size, listxattr(procPath(node.fd), reply.body, size));
  },
  SETXATTR: ({ node, request }) => {
    const value = request.payload();
    const flags = request.u32(fuse_setxattr_in.offsets.flags);
    return setxattr(procPath(node.fd), request.name(0), value, value.length, flags);
  },
  REMOVEXATTR: ({ node, request }) => removexattr(procPath(node.fd), request.name(0)),
};

/** What the kernel is told of an object. */
function attrOf(stat: Stat): Parameters<typeof fuse_attr.encode>[0] {
  return {
    ino: stat.inoHi * 2 ** 32 + stat.inoLo,
    size: stat.size,
    blocks: stat.blocks,
    atime: stat.atimeSec,
    mtime: stat.mtimeSec,
    ctime: stat.ctimeSec,
    atimensec: stat.atimeNsec,
    mtimensec: stat.mtimeNsec,
    ctimensec: stat.ctimeNsec,
    mode: stat.mode,
    nlink: stat.nlink,
    uid: stat.uid,
    gid: stat.gid,
    rdev: stat.rdev,
    blksize: stat.blksize,
  };
}

/** Answers with the entry of the request's first name, at the body's start. */
export function entry({ nodes, node, request, reply }: Work, result: number): number {
  if (result < 0) return result;
  const found = nodes.lookup(node, request.name(0));
  if (typeof found === 'number') return found;
  reply.zero(fuse_entry_out.size);
  fuse_entry_out.encode({ nodeid: found.id, attr: attrOf(nodes.stat) }, reply.body);
  return fuse_entry_out.size;
}

/** What root has just made under the first name is given to the caller. */
function made(work: Work, mode: number, result: number): number {
  if (result < 0) return result;
  const given = giveAway(work, work.request.name(0), mode);
  return given < 0 ? given : entry(work, 0);
}

/** In a set-group-ID directory the storage has chosen the group. A change of owner takes set-id bits away. */
export function giveAway({ nodes, node, request }: Work, name: CString, mode: number): number {
  nodes.attributes(node);
  const gid = (nodes.stat.mode & S_ISGID) === 0 ? request.gid : KEEP;
  const given = fchownat(node.fd, name, request.uid, gid, 0x100);
  if (given < 0 || (mode & SET_ID) === 0) return given;
  const made = nodes.lookup(node, name);
  if (typeof made === 'number') return made;
  const changed = chmod(procPath(made.fd), mode & 0o7777);
  nodes.forget(made.id, 1);
  return changed;
}

function attributes({ nodes, node, reply }: Work): number {
  const seen = nodes.attributes(node);
  if (seen < 0) return seen;
  reply.zero(fuse_attr_out.size);
  fuse_attr_out.encode({ attr: attrOf(nodes.stat) }, reply.body);
  return fuse_attr_out.size;
}

function setAttributes(work: Work): number {
  const { request, node } = work;
  const at = fuse_setattr_in.offsets;
  const valid = request.u32(at.valid);
  const has = (bit: number) => (valid & bit) !== 0;
  let result = 0;
  if (has(FATTR_UID | FATTR_GID)) {
    const uid = has(FATTR_UID) ? request.u32(at.uid) : KEEP;
    result = fchownat(node.fd, EMPTY, uid, has(FATTR_GID) ? request.u32(at.gid) : KEEP, AT_EMPTY_PATH);
  }
  if (result === 0 && has(FATTR_MODE)) result = chmod(procPath(node.fd), request.u32(at.mode) & 0o7777);
  if (result === 0 && has(FATTR_SIZE)) {
    const size = request.signedInt64(at.size);
    result = has(FATTR_FH) ? ftruncate(request.fileHandle(at.fh), size) : truncate(procPath(node.fd), size);
  }
  if (result === 0 && has(FATTR_ATIME | FATTR_MTIME)) {
    const nanoseconds = (given: number, now: number, nsec: number) =>
      !has(given) ? UTIME_OMIT : has(now) ? UTIME_NOW : request.u32(nsec);
    const times = new TimeSpecs()
      .set(ATIME, request.signedInt64(at.atime), nanoseconds(FATTR_ATIME, FATTR_ATIME_NOW, at.atimensec))
      .set(MTIME, request.signedInt64(at.mtime), nanoseconds(FATTR_MTIME, FATTR_MTIME_NOW, at.mtimensec));
    result = utimensat(node.fd, EMPTY, times, AT_EMPTY_PATH);
  }
  return result < 0 ? result : attributes(work);
}

function rename({ nodes, node, request }: Work, newdir: number, flags: number): number {
  const target = nodes.get(request.nodeId(newdir));
  if (target === undefined) return -errno.ESTALE;
  return renameat2(node.fd, request.name(0), target.fd, request.name(1), flags);
}

/** Who gives no size asks for the length. */
function sized(reply: Work['reply'], size: number, length: number): number {
  if (length < 0 || size !== 0) return length;
  reply.zero(fuse_getxattr_out.size);
  fuse_getxattr_out.encode({ size: length }, reply.body);
  return fuse_getxattr_out.size;
}
