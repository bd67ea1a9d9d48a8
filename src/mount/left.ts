/**
 * Mounts whose connection has ended before they were taken away: aborted through fusectl, or by `umount -f` while somebody used them.
 */
import { spawnSync } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { connectionOf, mountAt } from '../sys/mountinfo.ts';

/** How long a mount is asked that may hang. */
const PATIENCE_MS = 3000;

/** Whether nobody serves the mount at `point` any more. In a process of its own: one whose storage hangs would not answer. */
export function isDead(point: string): boolean {
  const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C' };
  const { stderr } = spawnSync('stat', ['-f', '--', point], {
    env,
    timeout: PATIENCE_MS,
    killSignal: 'SIGKILL',
    encoding: 'utf8',
  });
  const said = stderr ?? '';
  // The path comes before it, and may say anything.
  return /not connected|connection abort/.test(said.slice(said.lastIndexOf(': ')));
}

/** Whether such a mount is at `point`. Another one may have come there since, under the same number: that has a connection. */
export async function isLeft(point: string, connection: number | undefined): Promise<boolean> {
  if (connection === undefined || connectionOf(mountAt(point)) !== connection) return false;
  // Other than attributes, this is never answered from the kernel's memory.
  return statfs(point).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ENOTCONN',
  );
}
