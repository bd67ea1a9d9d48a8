// Going into the background. Node cannot fork, so the command starts itself once more, in a session of its own, and waits
// until that one says that the mount is ready, or ends. The daemon tells its errors on the caller's standard error and
// lets go of it when it is ready.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { dup3 } from '../sys/fd.ts';
import { closeInheritedOnExec } from './inherited.ts';
import { say } from './output.ts';

/** Set for the daemon only: READY_FD, or READY_FD and DEVICE_FD, numbers of inherited descriptors. */
const MARK = 'MIGRATEFS_DAEMON';
const READY_FD = 3;
const DEVICE_FD = 4;

const TITLE_BYTES = 1024;

/** How long a starting daemon may take to end in order. */
const PATIENCE_MS = 3000;

/** What the daemon keeps of the caller's environment. NODE_OPTIONS is not in it: it is the caller's, not the mount's. */
const KEPT = /^(?:PATH|HOME|USER|LOGNAME|LANG|LC_\w+|TZ|TMPDIR|XDG_\w+|LD_LIBRARY_PATH|MIGRATEFS_STACK)$/;

/** The daemon's side. */
export interface Daemon {
  /** The device descriptor handed over for `/dev/fd/N`. */
  readonly device: number | undefined;
  /** The mount serves: the caller may go. */
  readonly ready: () => void;
}

/** Who is calling: the daemon that `startDaemon` started, or undefined. */
export function becomeDaemon(): Daemon | undefined {
  const mark = process.env[MARK];
  if (mark === undefined) return undefined;
  delete process.env[MARK];
  if (!/^3(?:,4)?$/.test(mark) || !isPipe(READY_FD)) {
    say(`${MARK} in the environment is not for users, and is ignored`);
    return undefined;
  }
  const device = mark.includes(',') ? DEVICE_FD : undefined;
  return { device, ready: () => letGo(READY_FD) };
}

/** Such as `spawn` makes. */
function isPipe(fd: number): boolean {
  try {
    const stat = fstatSync(fd);
    return stat.isFIFO() || stat.isSocket();
  } catch {
    return false;
  }
}

function letGo(ready: number): void {
  const nothing = openSync('/dev/null', 'r+');
  dup3(nothing, 2, 0);
  closeSync(nothing);
  try {
    writeSync(ready, 'ready');
  } catch {
    // EPIPE: the caller was killed meanwhile. The mount is there all the same.
  }
  closeSync(ready);
}

/** @returns the exit status for the caller, once the mount is ready or the daemon has ended */
export function startDaemon(device?: number): Promise<number> {
  closeInheritedOnExec();
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe', ...(device === undefined ? [] : [device])],
    env: { ...kept(process.env), [MARK]: device === undefined ? `${READY_FD}` : `${READY_FD},${DEVICE_FD}` },
    detached: true,
    // Room for the title that the daemon gives itself: the system keeps no more of it than the command line had.
    argv0: 'migratefs'.padEnd(TITLE_BYTES),
  });
  return new Promise((done) => {
    const leave = (status: number) => {
      ready?.destroy();
      child.removeAllListeners();
      child.unref();
      done(status);
    };
    const ready = child.stdio[READY_FD];
    ready?.once('data', () => leave(0));
    child.once('error', (error) => {
      say(`cannot start the daemon: ${error.message}`);
      leave(1);
    });
    child.once('close', (status, signal) => {
      if (!status)
        say(`the daemon ended before it was ready (${signal ?? 'unmounted'}): -f -d shows what it does`);
      leave(status || 1);
    });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => stop(child, () => leave(128 + constants.signals[signal])));
    }
  });
}

/** Ends a daemon that is not ready yet. One that hangs on a layer cannot hear SIGTERM, and has no mount to leave behind. */
function stop(child: ChildProcess, then: () => void): void {
  const kill = setTimeout(() => {
    child.kill('SIGKILL');
    then();
  }, PATIENCE_MS);
  child.removeAllListeners('close').once('close', () => {
    clearTimeout(kill);
    then();
  });
  child.kill('SIGTERM');
}

function kept(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => KEPT.test(name)));
}
