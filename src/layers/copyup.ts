// Copy-up: the object that a lower layer shows becomes one on the upper layer, under the same name, and leaves the lower one. Nothing is
// removed before its copy is proven and published; a failure before that leaves everything as it was.

import { EBADFD, EBUSY, EEXIST, EIO, ENOENT, EPERM, ESTALE, errnoName } from '../../protocol/errno.ts';
import type { Int64, NodeId } from '../../protocol/types.ts';
import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_NOATIME,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  S_IFREG,
  STATX_BASIC_STATS,
  STATX_BTIME,
} from '../sys/constants.ts';
import { type CString, EMPTY } from '../sys/cstring.ts';
import { close, openat } from '../sys/fd.ts';
import { statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { carryLate } from './carrylate.ts';
import { CHANGED, type CopyReport, copyData } from './copydata.ts';
import { canBeAppendOnly, copyFlags, makeAppendOnly } from './copyflags.ts';
import { copyMetadata, giveToOwner } from './copymeta.ts';
import { keepSaying, sayPublishing, saySettled } from './copyslot.ts';
import { asEither, isRefused } from './either.ts';
import { reach } from './faultpoint.ts';
import type { FileSystem } from './filesystem.ts';
import { Given } from './given.ts';
import { givenUp } from './givenup.ts';
import { isAppendOnly, isImmutable } from './guardflags.ts';
import { begin } from './journal.ts';
import { dropEntries } from './linkentries.ts';
import { enterLate, isLinked, type LinkedCopy, linkCopy, publishLinked } from './linkindex.ts';
import { type Place, placeItself } from './locate.ts';
import { reportMigrated, reportSourceKept, reportUnmigrated } from './migrated.ts';
import { ensureSide } from './mirror.ts';
import { MovingLocks } from './movinglocks.ts';
import { quietly } from './quietly.ts';
import { redirectHandles } from './redirect.ts';
import { UPPER } from './setup.ts';
import { removeSource } from './source.ts';
import { syncDirectory, syncFile } from './sync.ts';
import { dropTemporary, makeTemporary, publish, type Temporary } from './temporary.ts';
import { unterminated, xattrPolicy } from './xattrpolicy.ts';

/** More than any file has. */
const ALL = 2n ** 63n;

/** How often a copy-up starts again when the source changes while it is copied. */
const ATTEMPTS = 5;

/**
 * Brings the node's object to the upper layer if it is not there; the caller holds the node's lock and has been checked.
 * @param keep bytes of data that are wanted: all by default, 0 for O_TRUNC. @param at filled with the place on the upper layer.
 * @returns 0, -ESTALE when another object has the name by now or what is copied goes each time, -EBUSY when it changes each time, or the errno of whatever failed: the lower object is then as it was.
 */
export function copyUp(fs: FileSystem, node: NodeId, at: Place, keep: Int64 = ALL): number {
  const begun = begin(fs);
  let last = -EBUSY;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const found = placeItself(fs, node, at);
    if (found < 0) return found;
    if (at.layer === UPPER) return 0;
    // What is immutable stays where it is. An append-only copy could not be linked to the source's other names.
    if (isImmutable(fs.stat) || (isAppendOnly(fs.stat) && isLinked(fs.stat))) return -EPERM;
    const source = new Stat();
    source.copyFrom(fs.stat);
    const upper = ensureSide(fs, at.ref.parent, UPPER);
    if (upper < 0) return reportUnmigrated(fs, at, source, begun, upper);
    let result = fs.caller.asDaemon(() => copyOnce(fs, node, at, upper, source, keep));
    // A server that squashes root may let the file's own user do it.
    if (isRefused(result)) result = copyOnce(fs, node, at, upper, source, keep);
    last = isGone(result) ? -ESTALE : -EBUSY;
    if (result !== 0 && result !== CHANGED && result !== -EEXIST && !isGone(result))
      return reportUnmigrated(fs, at, source, begun, result);
  }
  const found = placeItself(fs, node, at);
  if (found < 0) return found;
  return at.layer === UPPER ? 0 : reportUnmigrated(fs, at, fs.stat, begun, last);
}

// On network file systems an open source, too, is gone when another host has removed it (EBADFD: GlusterFS, which had put the opening off).
const isGone = (result: number): boolean => GONE.includes(-result);

const GONE: readonly number[] = [ENOENT, ESTALE, EBADFD];

/** A copy that is being made. */
interface Attempt {
  readonly node: NodeId;
  /** Where the source is, as it was found. */
  readonly at: Place;
  readonly source: Stat;
  readonly from: number;
  /** The upper layer's directory. */
  readonly upper: number;
  readonly copy: Temporary;
  readonly report: CopyReport;
  /** `performance.now()` */
  readonly started: number;
}

// As who may work on the upper layer, the daemon or the caller; the source's layer is asked as either.
function copyOnce(fs: FileSystem, node: NodeId, at: Place, upper: number, source: Stat, keep: Int64): number {
  const started = performance.now();
  const from = asEither(fs, () => openSource(at.dir, at.ref.bytes, source));
  if (from < 0) return from;
  const copy = makeTemporary(fs, UPPER, upper, source, from);
  if (typeof copy === 'number') {
    close(from);
    return copy;
  }
  const report: CopyReport = { method: 'none', bytes: 0 };
  const attempt = { node, at, source, from, upper, copy, report, started };
  reach('copyup.temporary');
  let result = giveToOwner(copy.fd, source);
  if (result === 0 && isAppendOnly(source)) result = canBeAppendOnly(copy.fd);
  result ||= fill(fs, attempt, keep);
  const linked = result === 0 && isLinked(source) ? linkCopy(fs, at.layer, source, copy) : undefined;
  if (typeof linked === 'number') result = linked;
  const locks = result === 0 ? carryLocks(fs, attempt) : undefined;
  if (typeof locks === 'number') result = locks;
  result ||= sayPublishing(fs, at, source, copy.fd);
  reach('copyup.said');
  const given = result === 0 ? Given.of(copy.fd) : result;
  if (typeof given === 'number') result = given;
  // Last of all: what came before takes its time, and who held a lock may have written to the file.
  result ||= asEither(fs, () => compareAgain(from, at, source));
  reach('copyup.ready');
  result ||= enter(fs, attempt, linked as Linked);
  const published = result === 0;
  if (published) result = settle(fs, attempt, given as Given, locks as Carried);
  if (result === IN_USE) keepSaying(fs);
  else saySettled(fs);
  if (typeof locks === 'object') locks.end();
  if (typeof linked === 'object') dropEntries(linked.entries);
  dropTemporary(copy, published);
  close(from);
  return result === IN_USE ? CHANGED : result;
}

/** Somebody has taken the source away, and others are at work with the copy by now. No errno, and never an answer. */
const IN_USE = -10_005;

type Carried = MovingLocks | undefined;
type Linked = LinkedCopy | undefined;

/** Takes the file's locks on the copy. @returns what ends with the source, or a negative errno. */
function carryLocks(fs: FileSystem, { node, source, from, copy }: Attempt): Carried | number {
  if (fs.policy.locks === 'local' || source.type !== S_IFREG) return undefined;
  const locks = MovingLocks.begin(fs, node, from);
  if (typeof locks === 'number') return locks;
  const result = locks.carry(copy.fd);
  if (result === 0) return locks;
  locks.end();
  return result;
}

function enter(fs: FileSystem, { at, source, from, upper, copy }: Attempt, linked: Linked): number {
  const { parent, bytes } = at.ref;
  if (linked) return publishLinked(fs, parent, at.layer, from, linked, upper, bytes);
  return quietly(fs, parent, upper, () => give(copy, upper, bytes, isAppendOnly(source)));
}

/** Publishes the copy; then, since what is append-only takes no name, makes it that. */
function give(copy: Temporary, upper: number, name: CString, guarded: boolean): number {
  const published = publish(copy, upper, name);
  if (published < 0 || !guarded) return published;
  const result = makeAppendOnly(copy.fd);
  if (result < 0) unlinkat(upper, name, 0);
  return result;
}

/** The copy has its name: users go on with it, and once it is durable the source goes. */
function settle(fs: FileSystem, attempt: Attempt, given: Given, locks: Carried): number {
  const { node, at, source, from, upper, copy, report, started } = attempt;
  const made = new Stat();
  // With the time of birth: the number is another file's as soon as another host has deleted this one.
  const known = statx(copy.fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, made);
  reach('copyup.published');
  if (known < 0) return known;
  redirectHandles(fs, node, copy.fd, made, locks?.carried);
  locks?.moved();
  const hadNames = isLinked(source);
  let late = carryLate(fs, from, copy.fd, source, given, at.ref.bytes);
  if (late > 0 && !hadNames && isLinked(source))
    late = fs.caller.asDaemon(() => enterLate(fs, at.layer, source, from, copy)) || late;
  if (late < 0) {
    // What somebody has changed of it since would be lost with the source.
    reportSourceKept(fs, at.layer, at.ref.parent, at.ref.bytes, late);
    reportMigrated(fs, node, at, source, made, report, performance.now() - started, 'kept');
    return 0;
  }
  const durable = asEither(
    fs,
    () => (late > 0 && source.type === S_IFREG ? syncFile(copy.fd) : 0) || syncDirectory(upper),
  );
  if (durable < 0) {
    // The copy is whole and in use, but might not survive a crash: the source stays, hidden, and the caller is told.
    fs.log.error('sync_failed', { name: unterminated(at.ref.bytes), error: errnoName(-durable) });
    return -EIO;
  }
  reach('copyup.durable');
  const removed = removeSource(fs, at, from, source, hadNames || isLinked(source), upper, made);
  reach('copyup.removed');
  if (removed === 'in use') return IN_USE;
  if (removed === 'gone') return CHANGED;
  reportMigrated(fs, node, at, source, made, report, performance.now() - started, removed);
  return 0;
}

function fill(fs: FileSystem, { at, source, from, copy, report }: Attempt, keep: Int64): number {
  const isFile = source.type === S_IFREG;
  if (isFile) {
    const { size } = source;
    const wanted = keep < size ? keep : size;
    const copied = copyData(from, copy.fd, wanted, wanted === size, givenUp(fs), report);
    if (copied < 0) return copied;
  }
  reach('copyup.data');
  const described = copyMetadata(fs, from, copy.fd, source, xattrPolicy(fs, at.ref.bytes));
  if (described < 0) return described;
  copyFlags(fs, from, copy.fd, source.type, at.ref.bytes);
  reach('copyup.metadata');
  const durable = isFile ? syncFile(copy.fd) : 0;
  reach('copyup.synced');
  return durable;
}

function openSource(dir: number, name: CString, source: Stat): number {
  const flags = source.type === S_IFREG ? O_RDONLY | O_NONBLOCK : O_PATH;
  const quiet = flags === O_PATH ? 0 : O_NOATIME;
  let fd = openat(dir, name, flags | quiet | O_NOFOLLOW | O_CLOEXEC);
  if (fd === -EPERM) fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return fd === -ENOENT ? CHANGED : fd;
  const now = new Stat();
  const result = statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, now);
  if (result === 0 && now.sameObject(source) && now.type === source.type) return fd;
  close(fd);
  return result < 0 ? result : CHANGED;
}

/** The source must be what it was when the copy began, and still have the name. @returns 0, CHANGED or a negative errno. */
function compareAgain(from: number, at: Place, source: Stat): number {
  const now = new Stat();
  let result = statx(from, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, now);
  if (result < 0) return result;
  if (!isUnchanged(now, source)) return CHANGED;
  result = statx(at.dir, at.ref.bytes, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, now);
  if (result === -ENOENT) return CHANGED;
  return result < 0 ? result : now.sameObject(source) ? 0 : CHANGED;
}

function isUnchanged(now: Stat, before: Stat): boolean {
  return (
    now.size === before.size &&
    now.mtimeSec === before.mtimeSec &&
    now.mtimeNsec === before.mtimeNsec &&
    now.ctimeSec === before.ctimeSec &&
    now.ctimeNsec === before.ctimeNsec
  );
}
