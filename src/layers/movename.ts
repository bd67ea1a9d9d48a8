// The inode table follows a rename that has happened in the layers.

import { ENOMEM } from '../../protocol/errno.ts';
import type { End } from './bringup.ts';
import type { FileSystem } from './filesystem.ts';
import { withRoom } from './forget.ts';

/** Where the table has no room for the new name, the old one at least is gone from it: it may be another object's next. */
export function moveName(fs: FileSystem, from: End, to: End): void {
  const { table } = fs;
  const moved = withRoom(table, () => table.rename(from.parent, from.name, to.parent, to.name));
  if (moved === -ENOMEM) table.unlink(from.parent, from.name);
}
