/**
 * Mounts whose connection has ended before they were taken away: aborted through fusectl, or by `umount -f` while somebody used them.
 */
import { statfs } from 'node:fs/promises';
import { connectionOf, mountAt } from '../sys/mountinfo.ts';

/** Whether such a mount is at `point`. Another one may have come there since, under the same number: that has a connection. */
export async function isLeft(point: string, connection: number | undefined): Promise<boolean> {
  if (connection === undefined || connectionOf(mountAt(point)) !== connection) return false;
  // Other than attributes, this is never answered from the kernel's memory.
  return statfs(point).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ENOTCONN',
  );
}
