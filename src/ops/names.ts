// Operations on names: LOOKUP and FORGET, making, removing, renaming and linking.

import { ENOENT } from '../../protocol/errno.ts';
import {
  fuse_batch_forget_in,
  fuse_forget_in,
  fuse_forget_one,
  fuse_link_in,
  fuse_mkdir_in,
  fuse_mknod_in,
  fuse_rename_in,
  fuse_rename2_in,
  type NodeId,
} from '../../protocol/index.ts';
import { forget } from '../layers/forget.ts';
import { lookupDot } from '../layers/inspect.ts';
import { link } from '../layers/link.ts';
import { lookup } from '../layers/lookup.ts';
import { makeDirectory, makeNode, makeSymlink } from '../layers/make.ts';
import { removeDirectory, unlink } from '../layers/remove.ts';
import { rename } from '../layers/rename.ts';
import { isExclusive } from '../layers/setup.ts';
import { putAbsent, putEntry } from './attr.ts';
import type { Call, Handler } from './call.ts';
import { isDots } from './dots.ts';

/** `.` and `..` are asked for by who opens files by handle (EXPORT_SUPPORT). */
export const LOOKUP: Handler = (call) => {
  const { request, reply, fs } = call;
  const name = request.name(0);
  if (isDots(name)) return answerEntry(call, lookupDot(fs, request.nodeid, name.length === 3));
  const node = lookup(fs, request.nodeid, name);
  // A host that is alone makes every name through its own kernel, which need not ask again for one that is not there.
  if (node === -ENOENT && isExclusive(fs.policy)) return putAbsent(fs, reply);
  return answerEntry(call, node);
};

/** Every successful answer of this form carries one lookup count, which `undo` takes back if the kernel refuses it. */
function answerEntry({ fs, reply }: Call, node: number): number {
  return node < 0 ? node : putEntry(fs, reply, 0, node as NodeId, fs.stat);
}

export const FORGET: Handler = ({ request, fs }) => {
  forget(fs, request.nodeid, request.int64(fuse_forget_in.offsets.nlookup));
  return 0;
};

export const BATCH_FORGET: Handler = ({ request, fs }) => {
  const { count } = fuse_batch_forget_in.offsets;
  const { nodeid, nlookup } = fuse_forget_one.offsets;
  const records = request.u32(count);
  for (let i = 0; i < records; i++) {
    const at = fuse_batch_forget_in.size + i * fuse_forget_one.size;
    forget(fs, request.nodeId(at + nodeid), request.int64(at + nlookup));
  }
  return 0;
};

export const MKDIR: Handler = (call) => {
  const { request, fs } = call;
  const { mode, umask } = fuse_mkdir_in.offsets;
  return answerEntry(
    call,
    makeDirectory(fs, request.nodeid, request.name(0), request.u32(mode), request.u32(umask)),
  );
};

export const MKNOD: Handler = (call) => {
  const { request, fs } = call;
  const { mode, rdev, umask } = fuse_mknod_in.offsets;
  const node = makeNode(
    fs,
    request.nodeid,
    request.name(0),
    request.u32(mode),
    request.u32(rdev),
    request.u32(umask),
  );
  return answerEntry(call, node);
};

export const SYMLINK: Handler = (call) => {
  const { request, fs } = call;
  return answerEntry(call, makeSymlink(fs, request.nodeid, request.name(0), request.name(1)));
};

export const LINK: Handler = (call) => {
  const { request, fs } = call;
  const node = request.nodeId(fuse_link_in.offsets.oldnodeid);
  return answerEntry(call, link(fs, node, request.nodeid, request.name(0)));
};

export const UNLINK: Handler = ({ request, fs }) => unlink(fs, request.nodeid, request.name(0));

export const RMDIR: Handler = ({ request, fs }) => removeDirectory(fs, request.nodeid, request.name(0));

export const RENAME: Handler = ({ request, fs }) =>
  rename(
    fs,
    request.nodeid,
    request.name(0),
    request.nodeId(fuse_rename_in.offsets.newdir),
    request.name(1),
    0,
  );

export const RENAME2: Handler = ({ request, fs }) => {
  const { newdir, flags } = fuse_rename2_in.offsets;
  return rename(
    fs,
    request.nodeid,
    request.name(0),
    request.nodeId(newdir),
    request.name(1),
    request.u32(flags),
  );
};
