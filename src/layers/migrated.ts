// One line in the log and a record in the journal for each object that has moved, and a line where its source would not go.

import { errnoName } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import type { CString } from '../sys/cstring.ts';
import type { Stat } from '../sys/stat.ts';
import type { CopyReport } from './copydata.ts';
import type { FileSystem } from './filesystem.ts';
import { recordMigrated } from './journal.ts';
import type { Place } from './locate.ts';
import type { SourceEnd } from './source.ts';
import { unterminated } from './xattrpolicy.ts';

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

/** The copy is in use, but the old storage would not let the source go. @param result a negative errno */
export function reportSourceKept(fs: FileSystem, layer: number, name: CString, result: number): void {
  fs.log.warn('source_kept', {
    name: unterminated(name),
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
