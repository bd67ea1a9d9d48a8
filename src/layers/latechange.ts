// An object that is changed in its place in a lower layer, or gets another name there, while another host brings it up: see carrylate.ts.

import { ESTALE } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { AT_EMPTY_PATH } from '../sys/constants.ts';
import { EMPTY } from '../sys/cstring.ts';
import { statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { STATE_MASK } from './identity.ts';
import { lateCopy } from './latecopy.ts';
import { isCopied, isLinked, keyOf, namesBelow } from './linkindex.ts';
import { newPlace, type Place, place } from './locate.ts';
import { isExclusive, UPPER } from './setup.ts';
import { WAIT } from './waitwhile.ts';

const now = newPlace();
const object = new Stat();

/**
 * When the node's object has been changed where it was found; the caller holds the node's lock: copies are made by other hosts alone.
 * @param source what it was then. @param fd of it, O_PATH or not. @param names how many it has been given by the change
 * @returns 0; -ESTALE when there may be a copy without the change (the kernel looks the name up again, and asks again); or another negative errno
 */
export function lateChange(
  fs: FileSystem,
  node: NodeId,
  { layer, ref }: Place,
  source: Stat,
  fd: number,
  names: number,
): number {
  if (layer === UPPER || isExclusive(fs.policy)) return 0;
  const late = lateCopy(fs, layer, source, ref.parent, ref.bytes, () => notKnown(fs, layer, source));
  if (late !== 0) return late < 0 ? late : -ESTALE;
  const found = place(fs, node, now);
  if (found === -ESTALE) return isBelow(fs, layer, fd, names);
  if (found < 0) return found;
  // Whichever object it shows by now: a thread of ours that looked the name up may have given it to the copy, and the node too.
  return now.layer === UPPER ? -ESTALE : 0;
}

/**
 * A copy of a file with several names is coming under another one. Its maker sees the change when that has its name, unless he dies before; so he
 * is waited for until this name, too, can be found to be the copy's. @returns `WAIT`, 0 or a negative errno
 */
function notKnown(fs: FileSystem, layer: number, source: Stat): number {
  const copied = isLinked(source) ? isCopied(fs, layer, source) : 1;
  return copied === 0 ? WAIT : Math.min(copied, 0);
}

/** The name that it was found by has gone: renamed below, the object has another one; removed, or brought up and renamed or removed since, none. */
function isBelow(fs: FileSystem, layer: number, fd: number, names: number): number {
  const copied = statObject(fd) || isCopied(fs, layer, object);
  if (copied !== 0) return copied < 0 ? copied : -ESTALE;
  // The index forgets a file on the upper layer first.
  const { left, kept } = fs.caller.asDaemon(() => namesBelow(fs, layer, keyOf(layer, object), object));
  if (left < 0) return left;
  const seen = statObject(fd);
  if (seen < 0) return seen;
  return kept || object.nlink <= names ? -ESTALE : 0;
}

const statObject = (fd: number): number => statx(fd, EMPTY, AT_EMPTY_PATH, STATE_MASK, object);
