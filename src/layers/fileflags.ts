// File flags, as chattr(1) and xfs_io(8) read and change them. A file's are those of the object that the merged tree shows. A merged
// directory shows those of its topmost side, and that it is immutable or append-only when any side is: names are added and removed in all of
// them. A change goes to every side, as a change and not as a value, since each layer has flags of its own that the others do not know.

import { ENOTTY, EOPNOTSUPP, EROFS, errnoName } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { O_CLOEXEC, O_DIRECTORY, O_RDONLY, S_IFDIR } from '../sys/constants.ts';
import { ioctl } from '../sys/copy.ts';
import { close, open } from '../sys/fd.ts';
import {
  FS_APPEND_FL,
  FS_IMMUTABLE_FL,
  FS_IOC_FSGETXATTR,
  FS_IOC_FSSETXATTR,
  FS_IOC_GETFLAGS,
  FS_IOC_GETVERSION,
  FS_IOC_SETFLAGS,
  FS_XFLAG_APPEND,
  FS_XFLAG_IMMUTABLE,
} from '../sys/ioctl.ts';
import { procPath } from '../sys/path.ts';
import type { FileSystem } from './filesystem.ts';
import { allSides } from './livesides.ts';
import { anyDescriptor } from './locate.ts';
import { lockNode } from './locking.ts';
import { migrateForMetadata } from './setattr.ts';
import { side } from './sides.ts';

/** One way to ask for flags: u32 words, of which the first holds bits and some others hold numbers. */
export interface FlagKind {
  readonly get: number;
  /** 0: it can only be read. */
  readonly set: number;
  /** Of the struct. */
  readonly bytes: number;
  /** The words that hold numbers. */
  readonly numbers: readonly number[];
  /** The bits that protect a directory's entries on whichever side they are. */
  readonly protecting: number;
}

export const FILE_FLAGS: FlagKind = {
  get: FS_IOC_GETFLAGS,
  set: FS_IOC_SETFLAGS,
  bytes: 4,
  numbers: [],
  protecting: FS_IMMUTABLE_FL | FS_APPEND_FL,
};

/** struct fsxattr: flags, extent size, (number of extents), project id, extent size of copies. */
export const FSXATTR: FlagKind = {
  get: FS_IOC_FSGETXATTR,
  set: FS_IOC_FSSETXATTR,
  bytes: 28,
  numbers: [1, 3, 4],
  protecting: FS_XFLAG_IMMUTABLE | FS_XFLAG_APPEND,
};

/** The generation of the inode number. */
export const VERSION: FlagKind = { get: FS_IOC_GETVERSION, set: 0, bytes: 4, numbers: [], protecting: 0 };

/** The numbers of requests for an int speak of a long: room for it, should a file system believe that. */
const LONG = 8;

export function newFlags(kind: FlagKind): Uint32Array {
  return new Uint32Array(new ArrayBuffer(Math.max(kind.bytes, LONG)));
}

/** @param handle an open handle of the node. @param out of `newFlags`. @returns 0, -ENOTTY or -EOPNOTSUPP as the layer has it, or a negative errno. */
export function readFlags(
  fs: FileSystem,
  node: NodeId,
  handle: number,
  kind: FlagKind,
  out: Uint32Array,
): number {
  if (fs.table.type(node) !== S_IFDIR) return get(handle, kind, out);
  return withSides(fs, node, (fds) => readDirectoryFlags(fds, kind, out));
}

/** As {@link readFlags}. @param wanted what the caller has read, and changed. */
export function changeFlags(
  fs: FileSystem,
  node: NodeId,
  handle: number,
  kind: FlagKind,
  wanted: Uint32Array,
): number {
  if (fs.policy.readOnly) return -EROFS;
  const locked = lockNode(fs, node);
  if (locked < 0) return locked;
  try {
    const seen = newFlags(kind);
    if (fs.table.type(node) === S_IFDIR) {
      return withSides(fs, node, (fds) => {
        const read = readDirectoryFlags(fds, kind, seen);
        return read < 0 ? read : changeAll(fs, fds, kind, seen, wanted);
      });
    }
    const read = get(handle, kind, seen);
    if (read < 0) return read;
    // The handle goes on with the copy; both hold the flags that a copy carries, and each its storage's own.
    const migrated = migrateForMetadata(fs, node);
    return migrated < 0 ? migrated : changeAll(fs, [handle], kind, seen, wanted);
  } finally {
    fs.table.unlockNode(node, fs.worker);
  }
}

/** Calls `work` with a directory's sides opened by the caller, the topmost first. */
function withSides(fs: FileSystem, node: NodeId, work: (fds: readonly number[]) => number): number {
  const sides = allSides(fs, node);
  if (typeof sides === 'number') return sides;
  const known = sides.length > 0 ? sides.map((layer) => side(fs, node, layer)) : [anyDescriptor(fs, node)];
  const fds: number[] = [];
  let result = 0;
  for (const dir of known) {
    const fd = dir < 0 ? dir : open(procPath(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
      result = fd;
      break;
    }
    fds.push(fd);
  }
  if (result === 0) result = work(fds);
  for (const fd of fds) close(fd);
  return result;
}

function readDirectoryFlags(fds: readonly number[], kind: FlagKind, out: Uint32Array): number {
  const own = newFlags(kind);
  for (const [i, fd] of fds.entries()) {
    const result = get(fd, kind, i === 0 ? out : own);
    if (result < 0 && (i === 0 || !hasNone(result))) return result;
    if (i > 0 && result === 0) out[0] = bits(out) | (bits(own) & kind.protecting);
  }
  return 0;
}

/** A change that is under way in several layers. */
interface Step {
  readonly fd: number;
  readonly before: Uint32Array;
  readonly after: Uint32Array;
}

/**
 * Makes the change from `seen` to `wanted` in what each descriptor holds, the lowest side first, or in none.
 * @returns 0, or the errno of the layer that refused; -ENOTTY or -EOPNOTSUPP of one that has no flags, when the change sets any.
 */
function changeAll(
  fs: FileSystem,
  fds: readonly number[],
  kind: FlagKind,
  seen: Uint32Array,
  wanted: Uint32Array,
): number {
  const steps: Step[] = [];
  for (const fd of fds) {
    const before = newFlags(kind);
    const result = get(fd, kind, before);
    if (result < 0 && !hasNone(result)) return result;
    const after = changed(kind, before, seen, wanted);
    // The caller's word is passed on where nothing changes too: the layer may want to refuse him.
    if (result === 0 && (fds.length === 1 || differs(before, after))) steps.unshift({ fd, before, after });
    if (result < 0 && differs(before, after)) return result;
  }
  for (const [i, { fd, after }] of steps.entries()) {
    const result = ioctl(fd, kind.set, bytesOf(after));
    if (result === 0) continue;
    undo(fs, kind, steps.slice(0, i));
    return result;
  }
  return 0;
}

function changed(kind: FlagKind, own: Uint32Array, seen: Uint32Array, wanted: Uint32Array): Uint32Array {
  const after = own.slice();
  const change = bits(seen) ^ bits(wanted);
  after[0] = (bits(own) & ~change) | (bits(wanted) & change);
  for (const i of kind.numbers) if (wanted[i] !== seen[i]) after[i] = wanted[i] as number;
  return after;
}

function undo(fs: FileSystem, kind: FlagKind, steps: readonly Step[]): void {
  for (const { fd, before } of steps) {
    const result = ioctl(fd, kind.set, bytesOf(before));
    if (result < 0)
      fs.log.error('flags_torn', { error: errnoName(-result), flags: bits(before).toString(16) });
  }
}

function get(fd: number, kind: FlagKind, out: Uint32Array): number {
  return ioctl(fd, kind.get, bytesOf(out.fill(0)));
}

const bits = (flags: Uint32Array): number => flags[0] as number;
const bytesOf = (flags: Uint32Array): Uint8Array => new Uint8Array(flags.buffer);
const hasNone = (result: number): boolean => result === -ENOTTY || result === -EOPNOTSUPP;
const differs = (a: Uint32Array, b: Uint32Array): boolean => a.some((word, i) => word !== b[i]);
