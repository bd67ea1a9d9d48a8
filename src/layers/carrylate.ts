// Metadata of an object of a lower layer that another host changes while this one makes it anew above. Who copies cannot see what comes after his
// last look at the source; who changes sees no copy as long as it has no name. So each looks once more when he has done his part: who copies
// at the source, when his copy has its name (here), and who changes at the name (latechange.ts). One of the two sees the other.

import { EBUSY } from '../../protocol/errno.ts';
import { AT_EMPTY_PATH, S_IFLNK, S_IFREG } from '../sys/constants.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { chmod, fchownat, procPath, statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { copyFlags } from './copyflags.ts';
import { copyTimes, mirrorXattrs } from './copymeta.ts';
import { asEither } from './either.ts';
import type { FileSystem } from './filesystem.ts';
import { STATE_MASK } from './identity.ts';
import { xattrPolicy } from './xattrpolicy.ts';

const TRIES = 5;

const now = new Stat();

/**
 * Gives a copy that has its name what has changed of its source since. @param before what the copy has been given; then what it has now.
 * @returns 1 when there was something, 0, -EBUSY when the content has changed, or another negative errno
 */
export function carryLate(
  fs: FileSystem,
  source: number,
  target: number,
  before: Stat,
  name: CString,
): number {
  for (let tries = 0; tries < TRIES; tries++) {
    const seen = asEither(fs, () => statx(source, EMPTY, AT_EMPTY_PATH, STATE_MASK, now));
    if (seen < 0) return seen;
    if (now.ctimeSec === before.ctimeSec && now.ctimeNsec === before.ctimeNsec) return tries > 0 ? 1 : 0;
    // Only a program that works in the layer itself writes to a source.
    if (now.type === S_IFREG && now.size !== before.size) return -EBUSY;
    const carried = carry(fs, source, target, before, name);
    if (carried < 0) return carried;
    before.copyFrom(now);
  }
  return 1; // who changes it again and again finds the copy by now
}

/** What has not changed stays as it is: users of the copy may have changed it themselves by now. */
function carry(fs: FileSystem, source: number, target: number, before: Stat, name: CString): number {
  const given = now.uid !== before.uid || now.gid !== before.gid;
  let result = given ? fchownat(target, EMPTY, now.uid, now.gid, AT_EMPTY_PATH) : 0;
  if (result === 0 && now.type !== S_IFLNK && (given || now.mode !== before.mode))
    result = chmod(procPath(target), now.mode & 0o7777);
  result ||= mirrorXattrs(fs, source, target, xattrPolicy(fs, name));
  if (result < 0) return result;
  copyFlags(fs, source, target, now.type, name);
  const dated =
    now.mtimeSec !== before.mtimeSec ||
    now.mtimeNsec !== before.mtimeNsec ||
    now.atimeSec !== before.atimeSec ||
    now.atimeNsec !== before.atimeNsec;
  return dated ? copyTimes(target, now) : 0;
}
