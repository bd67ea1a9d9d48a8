// The last ways to end a session that umount could not: the kernel's abort switch of the connection (Documentation/
// filesystems/fuse, "Aborting a filesystem connection"), and where there is none, the end of the process, which closes the device.

import { writeFileSync } from 'node:fs';
import type { Log } from '../log/index.ts';

/** Where fusectl shows the connections when it is mounted. */
const CONNECTIONS = '/sys/fs/fuse/connections';

/**
 * Aborts the connection: every waiting user gets ECONNABORTED or ENOTCONN, every worker's read ends.
 * @param connection the minor number of the mount's st_dev
 * @returns whether the kernel took it
 */
export function abortConnection(connection: number | undefined, log: Log): boolean {
  if (connection === undefined) {
    log.error('abort_failed', { reason: 'the number of the FUSE connection is not known' });
    return false;
  }
  const path = `${CONNECTIONS}/${connection}/abort`;
  try {
    writeFileSync(path, '1');
    return true;
  } catch (error) {
    log.error('abort_failed', {
      error: (error as Error).message,
      hint: `mount -t fusectl fusectl ${CONNECTIONS}`,
    });
    return false;
  }
}

/** Ends this process at once. Not process.exit: that waits for workers, which wait for the device that only this closes. */
export function killSelf(): void {
  process.kill(process.pid, 'SIGKILL');
}
