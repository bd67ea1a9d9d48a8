// One line in the log and a record in the journal for each object that has moved, and a line where its source would not go.

import {
  EDQUOT,
  EFBIG,
  EHOSTDOWN,
  EIO,
  ENODEV,
  ENOMEM,
  ENOSPC,
  ENOTCONN,
  ENXIO,
  EROFS,
  ETIMEDOUT,
  errnoName,
} from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import type { CString } from '../sys/cstring.ts';
import type { Stat } from '../sys/stat.ts';
import type { CopyReport } from './copydata.ts';
import type { FileSystem } from './filesystem.ts';
import { namedPath, recordMigrated, recordUnmigrated } from './journal.ts';
import type { Place } from './locate.ts';
import type { SourceEnd } from './source.ts';

const path = new Uint8Array(8192);

export function reportMigrated(
  fs: FileSystem,
  node: NodeId,
  at: Place,
  source: Stat,
  made: Stat,
  report: CopyReport,
  milliseconds: number,
  end: SourceEnd,
): void {
  recordMigrated(fs, at, source, made, report, milliseconds, end);
  fs.log.info('migrated', {
    path: pathOf(fs, node),
    layer: fs.pathOf(at.layer),
    uid: fs.caller.requester,
    size: source.size,
    copied: report.bytes,
    method: report.method,
    ms: Math.round(milliseconds),
    from: source.inoHi * 2 ** 32 + source.inoLo,
    to: made.inoHi * 2 ** 32 + made.inoLo,
    source: end,
  });
}

/** What a storage answers that is full or fails. What a user may not do, or has interrupted, is his affair. */
const FAULTS = [ENOSPC, EDQUOT, EIO, EROFS, EFBIG, ENOMEM, ENODEV, ENXIO, ENOTCONN, ETIMEDOUT, EHOSTDOWN];

/** Of each error a thread tells once in so many milliseconds: users go on trying where a storage is full. The journal has them all. */
const PAUSE_MS = 1000;
const told = new Map<number, { at: number; untold: number }>();

/** An object could not come up. @returns `result`, its negative errno */
export function reportUnmigrated(
  fs: FileSystem,
  at: Place,
  stat: Stat,
  begun: number,
  result: number,
): number {
  recordUnmigrated(fs, at, stat, begun, result);
  if (!FAULTS.includes(-result)) return result;
  const [last, now] = [told.get(result), performance.now()];
  if (last !== undefined && now - last.at < PAUSE_MS) last.untold++;
  else {
    told.set(result, { at: now, untold: 0 });
    fs.log.error('migrate_failed', {
      path: namedPath(fs, at.ref.parent, at.ref.bytes),
      layer: fs.pathOf(at.layer),
      uid: fs.caller.requester,
      size: stat.size,
      error: errnoName(-result),
      ...(last !== undefined && last.untold > 0 && { untold: last.untold }),
    });
  }
  return result;
}

/** The copy is in use, but the old storage would not let the source go. @param result a negative errno */
export function reportSourceKept(
  fs: FileSystem,
  layer: number,
  parent: NodeId,
  name: CString,
  result: number,
): void {
  fs.log.warn('source_kept', {
    path: namedPath(fs, parent, name),
    layer: fs.pathOf(layer),
    error: errnoName(-result),
    consequence: 'the copy is in use; the source stays hidden below it until the name is deleted',
  });
}

/** The node's path from the root of the mount, as bytes for the log. */
export function pathOf(fs: FileSystem, node: NodeId): Uint8Array {
  const length = fs.table.path(node, path);
  return length > 0 ? path.slice(0, length) : new Uint8Array(0);
}
