// GlusterFS volumes that distribute files over several bricks. A link there takes two steps on two bricks, and two clients that link to one name
// at the same moment can both be told that it is theirs: the step by which hosts decide who has copied a file up decides nothing.

import { cstring } from '../sys/cstring.ts';
import { fgetxattr } from '../sys/xattr.ts';

/** What the client tells of where a file lies; only root is told. */
const PATHINFO = cstring('trusted.glusterfs.pathinfo');
const answer = new Uint8Array(65536);

/**
 * Over how many bricks, or sets of bricks, the files in a directory are distributed.
 * @param fd of the directory, readable. @returns 1 for what is no such volume, or does not tell.
 */
export function bricksOf(fd: number): number {
  const length = fgetxattr(fd, PATHINFO, answer, answer.length);
  if (length <= 0) return 1;
  const text = Buffer.from(answer.subarray(0, length)).toString('latin1');
  const sets = text.match(/<(?:REPLICATE|EC):/g) ?? text.match(/<POSIX\(/g);
  return sets?.length ?? 1;
}
