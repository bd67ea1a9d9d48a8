/**
 * The process behind a mount, so that `umount` can return when it is gone: who holds a /dev/fuse descriptor of that
 * connection. Only newer kernels tell the connection (fdinfo, Linux 6.15); on others the only daemon there is will be it.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const NAME = 'migratefs';
const LOOK_AGAIN_MS = 10;
const PATIENCE_MS = 5000;

/** Undefined when it cannot be known: another pid namespace, another user, several daemons on an older kernel. */
export function daemonOf(connection: number | undefined): number | undefined {
  const daemons = readdirSync('/proc')
    .filter(
      (entry) =>
        /^\d+$/.test(entry) && tell(() => readFileSync(`/proc/${entry}/comm`, 'latin1')) === `${NAME}\n`,
    )
    .map((pid) => ({ pid: Number(pid), connections: connectionsOf(pid) }))
    .filter(({ connections }) => connections.length > 0);
  const exact = daemons.find(({ connections }) => connections.includes(connection));
  if (exact !== undefined) return exact.pid;
  const untold = daemons.filter(({ connections }) => connections.includes(undefined));
  return untold.length === 1 ? untold[0]?.pid : undefined;
}

/** Of each descriptor of the device: its connection, or undefined where the kernel does not tell. */
function connectionsOf(pid: string): (number | undefined)[] {
  const fds = tell(() => readdirSync(`/proc/${pid}/fd`)) ?? [];
  return fds
    .filter((fd) => tell(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) === '/dev/fuse')
    .map((fd) => toldConnection(tell(() => readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1')) ?? ''));
}

/** The connection's number in the text of a fdinfo file. */
export function toldConnection(fdinfo: string): number | undefined {
  const number = /^fuse_connection:\s*(\d+)$/m.exec(fdinfo)?.[1];
  return number === undefined ? undefined : Number(number);
}

/** Waits for its end, but not for ever: a detached mount may have users yet. */
export async function gone(pid: number): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end; await sleep(LOOK_AGAIN_MS)) {
    const state = tell(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
    // Field 3, after the name, which may hold anything: Z is a daemon that nobody has waited for yet.
    if (state === undefined || /^\d+ \(.*\) [ZX]/s.test(state)) return;
  }
}

/** Processes come and go, and others' are closed to us: what cannot be read is not there. */
function tell<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
