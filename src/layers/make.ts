// New names: mkdir, mknod, symlink, and the file of open(O_CREAT). All are made in the upper layer by the caller himself, so that owner,
// set-group-ID inheritance, default ACLs and quotas are the layer's own.

import { EEXIST, ENOENT, EPERM, EROFS } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, STATX_BTIME } from '../sys/constants.ts';
import type { CString } from '../sys/cstring.ts';
import { mkdirat, mknodat, statx, symlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { MOVED, untilFound } from './again.ts';
import { isElsewhere, unmake } from './elsewhere.ts';
import { reach } from './faultpoint.ts';
import type { FileSystem } from './filesystem.ts';
import { mayGrow } from './guardflags.ts';
import { locateBelow } from './locate.ts';
import { intern } from './lookup.ts';
import { ensureSide } from './mirror.ts';
import { mayChangeEntries } from './permission.ts';
import { isPrivate } from './private.ts';
import { UPPER } from './setup.ts';
import { markOnly, side } from './sides.ts';

const there = new Stat();

/**
 * Makes the upper side of a directory ready to take `name`, which no lower layer must show. Whether the upper layer has it that says itself, when
 * the name is made there: asked after the others, it also has what another host has moved up meanwhile.
 * @returns the descriptor of the upper side, or -EEXIST, -EACCES, -EROFS, -EPERM for the reserved name, or another negative errno.
 */
export function roomFor(fs: FileSystem, parent: NodeId, name: CString): number {
  if (fs.policy.readOnly) return -EROFS;
  if (isPrivate(parent, name)) return -EPERM;
  const found = locateBelow(fs, parent, name, there);
  if (found >= 0) return -EEXIST;
  if (found !== -ENOENT) return found;
  const grows = mayGrow(fs, parent, UPPER + 1);
  const dir = grows < 0 ? grows : enterableSide(fs, parent);
  reach('make.room');
  return dir;
}

/** The upper side of a directory in which the caller may make entries; made if need be, after he has been checked. */
export function writableSide(fs: FileSystem, parent: NodeId): number {
  const grows = mayGrow(fs, parent);
  return grows < 0 ? grows : enterableSide(fs, parent);
}

/** As `writableSide`, of a directory that is known to take new names. */
export function enterableSide(fs: FileSystem, parent: NodeId): number {
  const upper = side(fs, parent, UPPER);
  if (upper !== -ENOENT) return upper;
  const allowed = mayChangeEntries(fs, parent);
  return allowed < 0 ? allowed : ensureSide(fs, parent, UPPER);
}

export function makeDirectory(
  fs: FileSystem,
  parent: NodeId,
  name: CString,
  mode: number,
  umask: number,
): number {
  const call = (dir: number) => mkdirat(dir, name, mode);
  return make(fs, parent, name, umask, call, (node) => markOnly(fs, node, UPPER));
}

export function makeNode(
  fs: FileSystem,
  parent: NodeId,
  name: CString,
  mode: number,
  rdev: number,
  umask: number,
): number {
  return make(fs, parent, name, umask, (dir) => mknodat(dir, name, mode, rdev));
}

export function makeSymlink(fs: FileSystem, parent: NodeId, name: CString, target: CString): number {
  return make(fs, parent, name, 0, (dir) => symlinkat(target, dir, name));
}

/** @returns the new node with one lookup counted and its attributes in `fs.stat`, or a negative errno. */
function make(
  fs: FileSystem,
  parent: NodeId,
  name: CString,
  umask: number,
  call: (dir: number) => number,
  whenAlone?: (node: NodeId) => void,
): number {
  const attempt = () => {
    const dir = roomFor(fs, parent, name);
    if (dir < 0) return dir;
    fs.caller.mask(umask);
    const made = call(dir);
    if (made < 0) return made;
    const result = statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, fs.stat);
    return result < 0 ? result : internMade(fs, parent, name, dir, whenAlone);
  };
  return untilFound(attempt, -EEXIST);
}

/**
 * As `intern`, for what was just made on the upper layer, in `dir`, with its attributes in `fs.stat`. @returns `MOVED` when another host has given a
 * lower layer's object the name meanwhile, and what was made is taken back: looked for again, that one is found
 * @param whenAlone called where no other layer has the name
 */
export function internMade(
  fs: FileSystem,
  parent: NodeId,
  name: CString,
  dir: number,
  whenAlone?: (node: NodeId) => void,
): number {
  reach('make.made');
  const wrong = isElsewhere(fs, parent, name, [UPPER]);
  if (wrong < 0) {
    const made = new Stat();
    made.copyFrom(fs.stat);
    const taken = unmake(fs, dir, name, made);
    // Somebody else has renamed it by now, say, or uses it: so it was there.
    if (taken !== -ENOENT) return taken < 0 ? taken : wrong === -EEXIST ? MOVED : wrong;
  }
  const node = intern(fs, parent, name, UPPER, fs.stat);
  if (node >= 0 && wrong === 0) whenAlone?.(node as NodeId);
  return node;
}
