// What goes into the journal: a record for each object that has moved, or was renamed or deleted, with what is known of it at that moment.
// Nothing here can fail, or changes what users get: each function returns the result that it was given.

import { int64, type NodeId } from '../../protocol/types.ts';
import type { JournalObject } from '../journal/line.ts';
import { encoded, PATH_BYTES } from '../journal/line.ts';
import { AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS } from '../sys/constants.ts';
import type { CString } from '../sys/cstring.ts';
import { statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { End } from './bringup.ts';
import type { CopyReport } from './copydata.ts';
import type { FileSystem } from './filesystem.ts';
import type { Place } from './locate.ts';
import type { LayerSetup } from './setup.ts';

/** The highest errno there can be; what is beyond is no answer (again.ts, locking.ts): it will be tried once more. */
const MAX_ERRNO = 4095;
const isAnswer = (result: number) => result >= -MAX_ERRNO;

/** A moment, for the duration that a record tells; 0 when there is no journal. */
export function begin(fs: FileSystem): number {
  return fs.journal === undefined ? 0 : performance.now();
}

/** A copy-up has ended well. @param source what became of the source */
export function recordMigrated(
  fs: FileSystem,
  at: Place,
  stat: Stat,
  made: Stat,
  report: CopyReport,
  milliseconds: number,
  source: string,
): void {
  fs.journal?.append({
    op: 'migrate',
    uid: fs.caller.requester,
    path: pathTo(fs, at.ref.parent, at.ref.bytes, first),
    object: objectOf(fs, at.layer, stat),
    copy: { inode: inodeOf(made), bytes: report.bytes, method: report.method, source },
    milliseconds,
    error: 0,
  });
}

/** A copy-up has failed. @param result its negative errno */
export function recordUnmigrated(fs: FileSystem, at: Place, stat: Stat, begun: number, result: number): void {
  if (!isAnswer(result)) return;
  fs.journal?.append({
    op: 'migrate',
    uid: fs.caller.requester,
    path: pathTo(fs, at.ref.parent, at.ref.bytes, first),
    object: objectOf(fs, at.layer, stat),
    copy: { bytes: 0, method: 'none' },
    milliseconds: performance.now() - begun,
    error: -result,
  });
}

const copy = new Stat();

/** One more name of a file has come up, by a link to the copy. @param upper the directory that has it now */
export function recordAdopted(
  fs: FileSystem,
  parent: NodeId,
  name: CString,
  layer: number,
  stat: Stat,
  upper: number,
): void {
  if (fs.journal === undefined) return;
  const known = statx(upper, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, copy);
  fs.journal.append({
    op: 'migrate',
    uid: fs.caller.requester,
    path: pathTo(fs, parent, name, first),
    object: objectOf(fs, layer, stat),
    copy: { inode: known === 0 ? inodeOf(copy) : undefined, bytes: 0, method: 'link' },
    milliseconds: 0,
    error: 0,
  });
}

/** A layer has been asked to remove a name. @returns `result`, 0 or a negative errno */
export function recordDeleted(
  fs: FileSystem,
  parent: NodeId,
  name: CString,
  layer: number,
  stat: Stat,
  begun: number,
  result: number,
): number {
  if (!isAnswer(result)) return result;
  fs.journal?.append({
    op: 'delete',
    uid: fs.caller.requester,
    path: pathTo(fs, parent, name, first),
    object: objectOf(fs, layer, stat),
    milliseconds: performance.now() - begun,
    error: -result,
  });
  return result;
}

/** The layers have been asked to rename. @returns `result`, 0 or a negative errno */
export function recordRenamed(
  fs: FileSystem,
  op: 'rename' | 'exchange',
  from: End,
  to: End,
  begun: number,
  result: number,
): number {
  if (!isAnswer(result)) return result;
  fs.journal?.append({
    op,
    uid: fs.caller.requester,
    path: pathTo(fs, from.parent, from.name, first),
    object: objectOf(fs, from.layer, from.stat),
    newPath: pathTo(fs, to.parent, to.name, second),
    other: to.layer < 0 ? undefined : objectOf(fs, to.layer, to.stat),
    milliseconds: performance.now() - begun,
    error: -result,
  });
  return result;
}

const NAME_BYTES = 256;

/** Room for a path: that of a directory, and a name in it. */
const newPath = () => {
  const bytes = new Uint8Array(PATH_BYTES);
  return { bytes, directory: bytes.subarray(0, PATH_BYTES - NAME_BYTES) };
};
const first = newPath();
const second = newPath();
const SLASH = 0x2f;
const UNKNOWN = 0x3f; // '?', as in inodes/path.ts

/** The path of a name from the root of the mount, for the log; it stands until the next one is asked for. */
export function namedPath(fs: FileSystem, parent: NodeId, name: CString): Uint8Array {
  return pathTo(fs, parent, name, first);
}

/** The path of a name, as a part of `out`. */
function pathTo(fs: FileSystem, parent: NodeId, name: CString, out: typeof first): Uint8Array {
  const { bytes, directory } = out;
  let length = fs.table.path(parent, directory);
  // What lies above the end of so long a path is not known here; a directory that is gone has no path.
  if (length === directory.length) bytes[0] = UNKNOWN;
  if (length === 0) bytes[length++] = UNKNOWN;
  if (length !== 1 || bytes[0] !== SLASH) bytes[length++] = SLASH;
  bytes.set(name.subarray(0, name.length - 1), length);
  return bytes.subarray(0, length + name.length - 1);
}

function objectOf(fs: FileSystem, layer: number, stat: Stat): JournalObject {
  return { type: stat.type, size: stat.size, inode: inodeOf(stat), layer: layerName(fs, layer) };
}

const inodeOf = (stat: Stat) => int64(stat.inoLo, stat.inoHi);

const layerNames = new WeakMap<LayerSetup, string>();

function layerName(fs: FileSystem, layer: number): string {
  const setup = fs.layers[layer] as LayerSetup;
  let name = layerNames.get(setup);
  if (name === undefined) {
    name = encoded(setup.path);
    layerNames.set(setup, name);
  }
  return name;
}
