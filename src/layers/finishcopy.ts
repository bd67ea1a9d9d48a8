// A source that a daemon of this host was about to remove when it died: its copy is published, durable, and hides it. It goes now, if it is
// proven that the copy is what was to be published (copyslot.ts) and that the source has not changed since. What is in doubt stays, and is told.

import { EACCES, ENOENT, errnoName } from '../../protocol/errno.ts';
import type { Log } from '../log/log.ts';
import { AT_SYMLINK_NOFOLLOW } from '../sys/constants.ts';
import type { CString } from '../sys/cstring.ts';
import { close } from '../sys/fd.ts';
import { renameat2, statx, unlinkat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import { asideSuffix } from './aside.ts';
import { type Publication, parse } from './copyslot.ts';
import { contentOf, identityOf, markedLayer, STATE_MASK, stateOf } from './identity.ts';
import { eachLeftover, sweepMarks } from './leftovers.ts';
import type { IsGone } from './maker.ts';
import { moveNew } from './movenew.ts';
import { openFolder, privateName } from './private.ts';
import { readOurs } from './readours.ts';
import { type FileSystemSetup, type LayerSetup, UPPER } from './setup.ts';
import { bytesOf, openParent, pathOfSpot } from './spot.ts';
import { syncDirectory } from './sync.ts';

/** @param isGone whose slots are wanted. */
export function finishCopies(setup: FileSystemSetup, log: Log, isGone: IsGone): void {
  const upper = setup.layers[UPPER] as LayerSetup;
  const finish = (folder: number, name: CString) => finishCopy(setup, folder, name, log);
  const read = eachLeftover(upper, 'slots', isGone, finish) || sweepMarks(upper, 'slots');
  if (read < 0) log.error('recovery_failed', { layer: upper.path, error: errnoName(-read) });
}

/** @param folder our directory of slots. @param name a worker's file in there, of a process that is gone. */
function finishCopy(setup: FileSystemSetup, folder: number, name: CString, log: Log): void {
  const record = name.subarray(0, -1);
  const bytes = readSlot(folder, name);
  if (typeof bytes === 'number') {
    log.error('slot_refused', { record, error: errnoName(-bytes), mend: 'look whose it is, and remove it' });
    return;
  }
  const publication = parse(bytes);
  const { layer, end } = publication?.whole ? removeProven(setup, publication) : NOTHING;
  if (publication !== undefined && end !== 'nothing') {
    const report = { path: pathOfSpot(publication.spot), layer };
    if (end === 'removed') log.info('source_removed', report);
    else {
      const error = end === CHANGED ? 'changed' : errnoName(-end);
      log.warn('hidden_source_kept', { ...report, error, mend: 'look at it, and remove it in that layer' });
    }
  }
  // After an error the next mount tries again.
  if (typeof end === 'number' && end !== CHANGED) return;
  unlinkat(folder, name, 0);
}

const MAX = 1 << 16;
const stat = new Stat();

/** @returns what is in a file that nobody but the daemon can have written, -EACCES for any other, or a negative errno. */
function readSlot(folder: number, name: CString): Uint8Array | number {
  const read = readOurs(folder, name, MAX);
  if (typeof read === 'number') return read;
  return read.links <= 2 ? read.bytes : -EACCES; // the mark of a copy has died with its daemon
}

/** The source is not what was copied any more. No errno. */
const CHANGED = -10_002;

interface End {
  readonly layer?: string;
  /** `removed`; `nothing` where nothing was published or nothing is left; CHANGED or a negative errno: it is there, and stays. */
  readonly end: 'removed' | 'nothing' | number;
}

const NOTHING: End = { end: 'nothing' };

function removeProven(setup: FileSystemSetup, publication: Publication): End {
  const upper = setup.layers[UPPER] as LayerSetup;
  const lower = markedLayer(setup.layers, publication.from);
  if (lower === undefined || lower === upper) return { end: -ENOENT };
  const dirs = [upper, lower].map(({ fd }) => openParent(fd, publication.spot)) as [number, number];
  const refused = dirs.find((dir) => dir < 0 && dir !== -ENOENT);
  const missing = dirs.some((dir) => dir < 0);
  const end = refused ?? (missing ? 'nothing' : remove(setup, publication, dirs, lower));
  for (const dir of dirs) if (dir >= 0) close(dir);
  return { layer: lower.path, end };
}

function remove(
  setup: FileSystemSetup,
  publication: Publication,
  [upper, lower]: [number, number],
  layer: LayerSetup,
): End['end'] {
  const name = bytesOf(publication.spot.name);
  const found = statx(lower, name, AT_SYMLINK_NOFOLLOW, STATE_MASK, source);
  if (found < 0) return found === -ENOENT ? 'nothing' : found;
  const published = isPublished(upper, name, publication);
  if (published !== 'yes') return published;
  if (stateOf(source) !== publication.source) return CHANGED;
  const durable = syncDirectory(upper);
  if (durable < 0) return durable;
  // As in takeaway.ts: what is out of the way can be looked at before it is deleted.
  const work = openFolder(layer, 'work');
  if (work < 0) return work;
  const aside = privateName({ host: setup.host, worker: 0 }, asideSuffix(source));
  const end = removeAside(publication, upper, lower, name, work, aside);
  close(work);
  return end;
}

const source = new Stat();

function removeAside(
  publication: Publication,
  upper: number,
  lower: number,
  name: CString,
  work: number,
  aside: CString,
): End['end'] {
  const moved = renameat2(lower, name, work, aside, 0);
  if (moved < 0) return moved === -ENOENT ? 'nothing' : moved;
  const known = statx(work, aside, AT_SYMLINK_NOFOLLOW, STATE_MASK, stat);
  // A rename sets the time of change.
  const same = known === 0 && stat.sameObject(source) && contentOf(stat) === contentOf(source);
  const proven = same && isPublished(upper, name, publication) === 'yes';
  const result = proven ? unlinkat(work, aside, 0) : known < 0 ? known : CHANGED;
  if (result === 0) return 'removed';
  const back = moveNew(work, aside, lower, name);
  return back < 0 ? back : result;
}

/** @returns `yes` when the copy that was to be published has the name, `nothing` when it has not, or a negative errno. */
function isPublished(
  upper: number,
  name: CString,
  { copy, source }: Publication,
): 'yes' | 'nothing' | number {
  const found = statx(upper, name, AT_SYMLINK_NOFOLLOW, STATE_MASK, stat);
  if (found < 0) return found === -ENOENT ? 'nothing' : found;
  // Without a time of birth the number may be another file's, which would have another content.
  const certain = !copy.endsWith('@') || source.startsWith(`${contentOf(stat)} `);
  return certain && identityOf(stat) === copy ? 'yes' : 'nothing';
}
