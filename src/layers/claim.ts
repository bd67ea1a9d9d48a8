// Our directory in each layer at the start of a mount: whoever may write to a layer's root could be first with that name, and what
// lies in it decides what users see (the link index). So it is made before there are users, is found to be ours alone, and stays open: from
// then on it is reached by its descriptor, whatever becomes of its name.

import { EACCES, EEXIST, ENOENT, ENOTDIR, errnoName } from '../../protocol/errno.ts';
import type { Log } from '../log/log.ts';
import {
  AT_EMPTY_PATH,
  AT_REMOVEDIR,
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  STATX_BASIC_STATS,
} from '../sys/constants.ts';
import { geteuid } from '../sys/credentials.ts';
import { cstring, EMPTY } from '../sys/cstring.ts';
import { close, dup3, open, openat } from '../sys/fd.ts';
import { leaveProject } from '../sys/ioctl.ts';
import { mkdirat, statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { copyTimes } from './copymeta.ts';
import { openSide } from './openside.ts';
import { isOurs } from './private.ts';
import { type LayerSetup, PRIVATE_NAME, UPPER } from './setup.ts';
import { isSquashed, warnOfSquash } from './squash.ts';

const NAME = cstring(PRIVATE_NAME);
const DOT = cstring('.');
const root = new Stat();
const found = new Stat();

/** What stands in our directory's place is not to be trusted; `message` says why. */
export class NotOurs extends Error {
  override readonly name = 'NotOurs';
}

/** @returns the descriptor that `LayerSetup.ours` describes. @throws NotOurs, but for a mount that changes nothing: that believes nothing either */
export function claim(
  layer: { path: string; fd: number },
  index: number,
  readOnly: boolean,
  log: Log,
): number {
  const known = statx(layer.fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, root);
  let fd = known < 0 ? known : openSide(layer.fd, NAME, found);
  if (fd === -ENOENT) {
    if (readOnly) return openNothing();
    if (index !== UPPER && isDaemonsAlone(root)) {
      if (isSquashed(layer.fd)) warnOfSquash(log, layer.path, index);
      return openNothing();
    }
    fd = make(layer.fd);
    if (fd === -EEXIST) return claim(layer, index, readOnly, log); // another host was first
  }
  const squashed = !readOnly && ((fd === -EACCES && geteuid() === 0) || isSquashed(layer.fd));
  if (squashed) warnOfSquash(log, layer.path, index);
  const fault = faultOf(fd);
  if (fault !== undefined) {
    if (!readOnly) throw new NotOurs(fault);
    log.warn('private_not_ours', { layer: layer.path, why: fault });
  } else if (fd < 0) {
    if (!squashed) log.warn('private_missing', { layer: layer.path, error: errnoName(-fd) });
  } else if (isOurs(found)) return fd;
  else if (readOnly || index !== UPPER) {
    log.warn('private_of_another', { layer: layer.path, uid: found.uid });
    return fd;
  } else throw new NotOurs(`belongs to the user ${found.uid}`);
  if (fd >= 0) close(fd);
  return openNothing();
}

/**
 * For a mount that has made no directory of ours, since it changes nothing or has not needed one: whether another mount has made one since, which is
 * believed from now on as at the start. Call it as the daemon.
 */
export function claimLate({ fd, ours }: LayerSetup, readOnly: boolean): boolean {
  if (statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, root) < 0) return false;
  if (statx(ours, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, found) === 0 && isOnLayer()) return false;
  const made = openSide(fd, NAME, found);
  const believed = made >= 0 && faultOf(made) === undefined && (readOnly || isOurs(found));
  const claimed = believed && dup3(made, ours, O_CLOEXEC) >= 0;
  if (made >= 0) close(made);
  return claimed;
}

/** Nobody else can make a name in the layer's root. */
function isDaemonsAlone(stat: Stat): boolean {
  return stat.uid === geteuid() && (stat.mode & 0o022) === 0;
}

/** @returns why what was found is neither ours nor root's alone; undefined when it is, or when nothing could be made. */
function faultOf(fd: number): string | undefined {
  if (fd === -ENOTDIR) return 'is not a directory';
  if (fd < 0) return undefined;
  const { uid, mode } = found;
  if (!isOnLayer()) return 'is on another file system than the layer';
  if (uid !== geteuid() && uid !== 0) return `belongs to the user ${uid}`;
  return (mode & 0o077) === 0 ? undefined : `may be reached by others (mode ${(mode & 0o7777).toString(8)})`;
}

/** Whether what was found lies on the file system of the layer's root. */
function isOnLayer(): boolean {
  return found.devMajor === root.devMajor && found.devMinor === root.devMinor;
}

/** The root's times stay what they were: nothing has been put in that users see. */
function make(layer: number): number {
  const made = mkdirat(layer, NAME, 0o700);
  if (made < 0) return made;
  const fd = openSide(layer, NAME, found);
  const ours = fd >= 0 && isOurs(found);
  if (!ours) unlinkat(layer, NAME, AT_REMOVEDIR); // a server that squashes root has given it to somebody else
  copyTimes(layer, root);
  if (ours) openToProjects(fd);
  if (ours || fd < 0) return fd;
  close(fd);
  return -EACCES;
}

// A storage lets nothing of one quota project into a directory of another. Where it has no projects, or refuses, there is nothing to open.
function openToProjects(ours: number): void {
  const fd = openat(ours, DOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  leaveProject(fd);
  close(fd);
}

const NOTHING = cstring('/proc/self/fdinfo');

/** A directory in which no name of ours can ever be: its names are numbers. */
function openNothing(): number {
  const fd = open(NOTHING, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) throw new Error(`cannot open /proc/self/fdinfo: ${errnoName(-fd)}; mount /proc`);
  return fd;
}
