// Attributes as replies carry them: statx words copied into fuse_attr, with the inode number that the mount shows.

import { fuse_attr, fuse_attr_out, fuse_entry_out, type NodeId, type Reply } from '../../protocol/index.ts';
import { ROOT_ID } from '../inodes/table.ts';
import type { FileSystem } from '../layers/filesystem.ts';
import { hasSetid } from '../layers/passthrough.ts';
import { ABSENT } from '../layers/sides.ts';
import { S_IFDIR } from '../sys/constants.ts';
import type { Stat } from '../sys/stat.ts';

const ATTR = fuse_attr.offsets;
const ENTRY = fuse_entry_out.offsets;
const OUT = fuse_attr_out.offsets;
const number = { lo: 0, hi: 0 };

/** Writes fuse_attr at `at` of the reply's body. */
export function putAttr(fs: FileSystem, reply: Reply, at: number, node: NodeId, stat: Stat): void {
  fs.table.presented(node, number);
  reply.words(at + ATTR.ino, number.lo, number.hi);
  reply.words(at + ATTR.size, stat.sizeLo, stat.sizeHi);
  reply.words(at + ATTR.blocks, stat.blocksLo, stat.blocksHi);
  reply.words(at + ATTR.atime, stat.atimeLo, stat.atimeHi);
  reply.words(at + ATTR.mtime, stat.mtimeLo, stat.mtimeHi);
  reply.words(at + ATTR.ctime, stat.ctimeLo, stat.ctimeHi);
  reply.u32(at + ATTR.atimensec, stat.atimeNsec);
  reply.u32(at + ATTR.mtimensec, stat.mtimeNsec);
  reply.u32(at + ATTR.ctimensec, stat.ctimeNsec);
  reply.u32(at + ATTR.mode, stat.mode);
  if (hasSetid(stat)) fs.table.toldSetid(node, true);
  reply.u32(at + ATTR.nlink, linksOf(fs, node, stat));
  reply.u32(at + ATTR.uid, stat.uid);
  reply.u32(at + ATTR.gid, stat.gid);
  reply.u32(at + ATTR.rdev, stat.rdev);
  reply.u32(at + ATTR.blksize, stat.blksize);
  reply.u32(at + ATTR.flags, 0);
}

/**
 * A merged directory's count of subdirectories is nobody's: 1, which tells programs not to derive anything from it (fts(3), find). So it is
 * as long as a layer has not been asked whether it has the directory too.
 */
export function linksOf(fs: FileSystem, node: NodeId, stat: Stat): number {
  if (stat.type !== S_IFDIR || isRemoved(fs, node)) return stat.nlink;
  let sides = 0;
  for (let layer = 0; layer < fs.layers.length; layer++)
    if (fs.table.dirState(node, layer) !== ABSENT) sides++;
  return sides > 1 ? 1 : stat.nlink;
}

const isRemoved = (fs: FileSystem, node: NodeId) => node !== ROOT_ID && fs.table.names(node) === 0;

/** Writes fuse_entry_out at `at` of the reply's body. @returns its size. */
export function putEntry(fs: FileSystem, reply: Reply, at: number, node: NodeId, stat: Stat): number {
  reply.u64(at + ENTRY.nodeid, node);
  // Node ids are never used twice in a mount; the generation keeps file handles of an earlier one apart.
  reply.words(at + ENTRY.generation, fs.generation, 0);
  putSeconds(reply, at + ENTRY.entry_valid, at + ENTRY.entry_valid_nsec, fs.policy.entryTimeoutMs);
  putAttrValid(fs, reply, at + ENTRY.attr_valid, at + ENTRY.attr_valid_nsec, node, stat);
  putAttr(fs, reply, at + ENTRY.attr, node, stat);
  return fuse_entry_out.size;
}

/** Writes a fuse_entry_out that says how long the kernel may believe that a name is not there. @returns its size. */
export function putAbsent(fs: FileSystem, reply: Reply): number {
  reply.body.fill(0, 0, fuse_entry_out.size);
  putSeconds(reply, ENTRY.entry_valid, ENTRY.entry_valid_nsec, fs.policy.entryTimeoutMs);
  return fuse_entry_out.size;
}

/** Writes fuse_attr_out at the start of the body. @returns its size. */
export function putAttrOut(fs: FileSystem, reply: Reply, node: NodeId, stat: Stat): number {
  putAttrValid(fs, reply, OUT.attr_valid, OUT.attr_valid_nsec, node, stat);
  reply.u32(OUT.dummy, 0);
  putAttr(fs, reply, OUT.attr, node, stat);
  return fuse_attr_out.size;
}

/** The most for which attributes of a file that the kernel writes by itself are believed, in milliseconds: mappings change its times. */
const PASSING_MS = 1000;

/**
 * How long the kernel may believe in the attributes. Set-id bits of a file that it writes by itself are never believed: such a write takes them
 * away without our knowing, and it would run the program as its owner.
 */
export function putAttrValid(
  fs: FileSystem,
  reply: Reply,
  seconds: number,
  nanoseconds: number,
  node: NodeId,
  stat: Stat,
): void {
  const { attrTimeoutMs } = fs.policy;
  const passing = fs.table.openHandles.backing(node) !== 0;
  const most = passing ? (hasSetid(stat) ? 0 : PASSING_MS) : attrTimeoutMs;
  putSeconds(reply, seconds, nanoseconds, Math.min(most, attrTimeoutMs));
}

function putSeconds(reply: Reply, seconds: number, nanoseconds: number, milliseconds: number): void {
  reply.words(seconds, Math.floor(milliseconds / 1000), 0);
  reply.u32(nanoseconds, (milliseconds % 1000) * 1_000_000);
}

/**
 * A file's content was changed, by which its set-id bits may have gone. The kernel, which leaves that to us (HANDLE_KILLPRIV_V2), goes on
 * believing in the mode that it knows, and would run the program as its owner: it shall ask again.
 */
export function contentChanged(fs: FileSystem, node: NodeId): void {
  if (fs.table.toldSetid(node, false)) fs.outdated(node);
}
