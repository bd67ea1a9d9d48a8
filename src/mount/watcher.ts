/**
 * auto_unmount for root: a shell that waits for our end of a pipe to close, which is when we are gone however that came
 * about, and then detaches the mount if it is still that very file system. Users have fusermount3 for it, which takes
 * fewer mount options and need not be installed for root.
 */
import { spawn } from 'node:child_process';

// $1 mount point, $2 major:minor. `read` returns when the pipe closes; nothing is ever written to it.
const SCRIPT = `trap '' HUP INT TERM
read -r nothing
while read -r id parent device rest; do
  [ "$device" = "$2" ] && exec umount -l -- "$1"
done < /proc/self/mountinfo
exit 0`;

export function watchMount(mountpoint: string, device: string): void {
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'migratefs-watch', mountpoint, device], {
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    detached: true,
  });
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  child.unref();
  // A pipe is a socket to Node: the process may end while it is open.
  (child.stdin as unknown as { unref(): void }).unref();
  held.push(child);
}

// The pipe must stay open as long as the process lives: the collector would close it.
const held: unknown[] = [];
