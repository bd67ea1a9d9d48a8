// Extended attributes, ACLs among them.

import { E2BIG, ERANGE } from '../../protocol/errno.ts';
import { fuse_getxattr_in, fuse_getxattr_out, fuse_setxattr_in, type Reply } from '../../protocol/index.ts';
import { getXattr, listXattrs, removeXattr, setXattr } from '../layers/xattrs.ts';
import { XATTR_MAX } from '../sys/xattr.ts';
import type { Handler } from './call.ts';

/** A caller who gives no size asks for the length; else the bytes follow, and -ERANGE says that they don't fit. */
function answer(reply: Reply, size: number, length: number): number {
  if (length < 0) return length;
  if (size !== 0) return length;
  reply.u32(fuse_getxattr_out.offsets.size, length);
  reply.u32(fuse_getxattr_out.offsets.padding, 0);
  return fuse_getxattr_out.size;
}

export const GETXATTR: Handler = ({ request, reply, fs }) => {
  const size = Math.min(request.u32(fuse_getxattr_in.offsets.size), XATTR_MAX);
  return answer(reply, size, getXattr(fs, request.nodeid, request.name(0), reply.body, size));
};

export const LISTXATTR: Handler = ({ request, reply, fs }) => {
  const size = Math.min(request.u32(fuse_getxattr_in.offsets.size), XATTR_MAX);
  const length = listXattrs(fs, request.nodeid, reply.body, size);
  return answer(reply, size, length === -ERANGE && size === XATTR_MAX ? -E2BIG : length);
};

export const SETXATTR: Handler = ({ request, fs }) =>
  setXattr(
    fs,
    request.nodeid,
    request.name(0),
    request.payload(),
    request.u32(fuse_setxattr_in.offsets.flags),
  );

export const REMOVEXATTR: Handler = ({ request, fs }) => removeXattr(fs, request.nodeid, request.name(0));
