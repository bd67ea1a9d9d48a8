// What processes that are gone have left in one of our folders, under names of theirs.

import { ENOENT } from '../../protocol/errno.ts';
import { O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../sys/constants.ts';
import { type CString, cstring } from '../sys/cstring.ts';
import { eachDirent } from '../sys/dirents.ts';
import { close, openat } from '../sys/fd.ts';
import { type IsGone, makerOf } from './maker.ts';
import type { PrivateFolder } from './private.ts';
import type { LayerSetup } from './setup.ts';

/**
 * Call it as the daemon. @param act with a descriptor of the folder, a name in it and its type (DT_*); it may change the folder.
 * @returns 0, also where there is no such folder, or the errno with which it cannot be opened or read to its end
 */
export function eachLeftover(
  { ours }: LayerSetup,
  folder: PrivateFolder,
  isGone: IsGone,
  act: (dir: number, name: CString, type: number) => void,
): number {
  const dir = openat(ours, cstring(folder), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (dir < 0) return dir === -ENOENT ? 0 : dir;
  const left: [CString, number][] = [];
  const read = eachDirent(dir, ({ name, type }) => {
    const maker = makerOf(name);
    if (maker !== undefined && isGone(maker)) left.push([name.slice(), type]);
    return true;
  });
  for (const [name, type] of left) act(dir, name, type);
  close(dir);
  return Math.min(read, 0);
}
