// One line in the log for each object that has moved.

import type { NodeId } from '../../protocol/types.ts';
import type { Stat } from '../sys/stat.ts';
import type { CopyReport } from './copydata.ts';
import type { FileSystem } from './filesystem.ts';
import type { SourceEnd } from './source.ts';

const path = new Uint8Array(8192);

export function reportMigrated(
  fs: FileSystem,
  node: NodeId,
  layer: number,
  source: Stat,
  made: Stat,
  report: CopyReport,
  milliseconds: number,
  end: SourceEnd,
): void {
  fs.log.info('migrated', {
    path: pathOf(fs, node),
    layer: fs.pathOf(layer),
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

/** The node's path from the root of the mount, as bytes for the log. */
export function pathOf(fs: FileSystem, node: NodeId): Uint8Array {
  const length = fs.table.path(node, path);
  return length > 0 ? path.slice(0, length) : new Uint8Array(0);
}
