/**
 * auto_unmount: a shell that waits for our end of a pipe to close, which is when we are gone however that came about, and
 * then detaches the mount if it is still that very file system. fusermount3 has such an option too, but it takes fewer
 * mount options, is not needed for root otherwise, and in its version 3.14 leaves a user's mount behind: it asks the dead
 * mount as root, is refused for lack of allow_other, and takes that for life.
 */
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { findFusermount } from './fusermount.ts';

// $1 mount point, $2 major:minor, then the command that detaches. `read` returns when the pipe closes; nothing is ever
// written to it.
const SCRIPT = `trap '' HUP INT TERM
point=$1 wanted=$2
shift 2
read -r nothing
while read -r id parent device rest; do
  [ "$device" = "$wanted" ] && exec "$@" "$point"
done < /proc/self/mountinfo
exit 0`;

export function watchMount(mountpoint: string, device: string, root: boolean): void {
  const command = root ? ['umount', '-l', '--'] : [findFusermount(), '-u', '-z', '--'];
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'migratefs-watch', mountpoint, device, ...command], {
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    detached: true,
  });
  // A pipe is a socket to Node: unreferenced, it lets the process end while it is open.
  const pipe = child.stdin as Socket;
  child.on('error', () => {});
  pipe.on('error', () => {});
  child.unref();
  pipe.unref();
  held.push(pipe);
}

// It must stay open as long as the process lives, whatever the collector thinks of it.
const held: Socket[] = [];
