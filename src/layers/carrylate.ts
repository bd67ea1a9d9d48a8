// Metadata of an object of a lower layer that another host changes while this one makes it anew above. Who copies cannot see what comes after his
// last look at the source; who changes sees no copy as long as it has no name. So each looks once more when he has done his part: who copies
// at the source, when his copy has its name (here), and who changes at the name (latechange.ts). One of the two sees the other.

import { EBUSY } from '../../protocol/errno.ts';
import type { Int64 } from '../../protocol/types.ts';
import { AT_EMPTY_PATH, AT_FDCWD, S_IFLNK, S_IFREG, STATX_BASIC_STATS } from '../sys/constants.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { chmod, fchownat, procPath, statx, utimensat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { ATIME, MTIME, TimeSpecs, UTIME_OMIT } from '../sys/times.ts';
import { copyFlags } from './copyflags.ts';
import { carryXattrs } from './copymeta.ts';
import { asEither } from './either.ts';
import type { FileSystem } from './filesystem.ts';
import type { Given } from './given.ts';
import { STATE_MASK } from './identity.ts';
import { xattrPolicy } from './xattrpolicy.ts';

/** What chown(2) takes for an id that stays. */
const KEEP = -1;

const now = new Stat();
const has = new Stat();
const times = new TimeSpecs();

/**
 * Gives a copy that has its name what has changed of its source since. What changes after this look was changed by who finds the copy then, and
 * does it there. @param before the source as the copy was made of it; then as it is now. @param given what the copy had before its name
 * @returns 1 when there was something, 0, -EBUSY when the content has changed, or another negative errno
 */
export function carryLate(
  fs: FileSystem,
  source: number,
  target: number,
  before: Stat,
  given: Given,
  name: CString,
): number {
  const seen = look(fs, source);
  if (seen < 0) return seen;
  if (now.ctimeSec === before.ctimeSec && now.ctimeNsec === before.ctimeNsec) return 0;
  // Only a program that works in the layer itself writes to a source.
  if (now.type === S_IFREG && now.size !== before.size) return -EBUSY;
  const carried = carry(fs, source, target, before, given, name);
  const looked = carried < 0 ? carried : look(fs, source);
  if (looked < 0) return looked;
  if (now.type === S_IFREG && now.size !== before.size) return -EBUSY;
  before.copyFrom(now);
  return 1;
}

const look = (fs: FileSystem, source: number): number =>
  asEither(fs, () => statx(source, EMPTY, AT_EMPTY_PATH, STATE_MASK, now));

/** What users of the copy have changed themselves by now stays as it is: they came after whoever changed the source and found no copy. */
function carry(
  fs: FileSystem,
  source: number,
  target: number,
  before: Stat,
  given: Given,
  name: CString,
): number {
  let result = statx(target, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, has);
  if (result < 0) return result;
  const was = given.stat;
  const uid = now.uid !== before.uid && has.uid === was.uid ? now.uid : KEEP;
  const gid = now.gid !== before.gid && has.gid === was.gid ? now.gid : KEEP;
  const isGiven = uid !== KEEP || gid !== KEEP;
  if (isGiven) result = fchownat(target, EMPTY, uid, gid, AT_EMPTY_PATH);
  const mode = given.hasMode(has, target);
  // Which chown(2) may have taken from.
  if (result === 0 && now.type !== S_IFLNK && (isGiven || (mode && now.mode !== before.mode)))
    result = chmod(procPath(target), (mode ? now.mode : has.mode) & 0o7777);
  result ||= carryXattrs(fs, source, target, given, mode, xattrPolicy(fs, name));
  if (result < 0) return result;
  copyFlags(fs, source, target, now.type, name);
  const atime =
    isOther(now.atimeSec, before.atimeSec, now.atimeNsec, before.atimeNsec) &&
    !isOther(has.atimeSec, was.atimeSec, has.atimeNsec, was.atimeNsec);
  const mtime =
    isOther(now.mtimeSec, before.mtimeSec, now.mtimeNsec, before.mtimeNsec) &&
    !isOther(has.mtimeSec, was.mtimeSec, has.mtimeNsec, was.mtimeNsec);
  if (!atime && !mtime) return 0;
  times.set(ATIME, now.atimeSec, atime ? now.atimeNsec : UTIME_OMIT);
  times.set(MTIME, now.mtimeSec, mtime ? now.mtimeNsec : UTIME_OMIT);
  return utimensat(AT_FDCWD, procPath(target), times, 0);
}

const isOther = (sec: Int64, wasSec: Int64, nsec: number, wasNsec: number): boolean =>
  sec !== wasSec || nsec !== wasNsec;
