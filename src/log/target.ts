// Where the log goes. A target is plain data that can be posted to worker threads: descriptors belong to the process.
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { errnoName } from '../../protocol/errno.ts';
import {
  AT_EMPTY_PATH,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_WRONLY,
  S_IFIFO,
  STATX_TYPE,
} from '../sys/constants.ts';
import { geteuid } from '../sys/credentials.ts';
import { cstring, EMPTY } from '../sys/cstring.ts';
import { close, dup3, open } from '../sys/fd.ts';
import { procPath, statx } from '../sys/path.ts';
import { connectUnixDatagram } from '../sys/socket.ts';
import { Stat } from '../sys/stat.ts';

export type LogTarget = (
  | /** `fd`: a non-blocking descriptor of the pipe that stderr is; stderr itself when absent. */
  { readonly kind: 'stderr'; readonly fd?: number }
  | { readonly kind: 'file'; readonly fd: number; readonly path: string }
  | { readonly kind: 'syslog'; readonly fd: number }
) & {
  /** What the threads share that write to it (`LOST`); without it, one thread writes alone. */
  readonly lost?: SharedArrayBuffer;
};

/** Why there is no log, and what the operator can do: one sentence. */
export interface LogFailure {
  readonly kind: 'failed';
  readonly message: string;
}

/** What the choice depends on beside the options; tests put their own here. */
export interface Surroundings {
  readonly uid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly syslog: string;
  readonly rootFile: string;
}

export const SYSLOG_SOCKET = '/dev/log';

/** Words of the memory that threads share: what of the log is lost, and not told yet. */
export const LOST = {
  /** Lines since the last one that could be written. */
  lines: 0,
  /** The errno of the last of them. */
  error: 1,
  /** 1 when the last line was cut short. */
  torn: 2,
} as const;

export const allocateLost = (): SharedArrayBuffer => new SharedArrayBuffer(3 * 4);

const here = (): Surroundings => ({
  uid: geteuid(),
  env: process.env,
  syslog: SYSLOG_SOCKET,
  rootFile: '/var/log/migratefs.log',
});

/**
 * Chooses and opens the log: `logFile` if it is given; stderr in the foreground; else the system's log; else, where none listens, a
 * file: /var/log/migratefs.log for root, $XDG_STATE_HOME/migratefs/migratefs.log (~/.local/state) for others. The result's `kind` and
 * `path` say which; {@link describeTarget} says it to the user.
 */
export function openLogTarget(
  options: { readonly logFile?: string | undefined; readonly foreground: boolean },
  surroundings: Surroundings = here(),
): LogTarget | LogFailure {
  const target = choose(options, surroundings);
  return target.kind === 'failed' ? target : { ...target, lost: allocateLost() };
}

function choose(
  options: { readonly logFile?: string | undefined; readonly foreground: boolean },
  surroundings: Surroundings,
): LogTarget | LogFailure {
  // The operator's own file may be a symlink or a device; only the default one must not lead elsewhere.
  if (options.logFile !== undefined) return openFile(options.logFile, 0);
  if (options.foreground) return stderrTarget();
  const fd = connectUnixDatagram(cstring(surroundings.syslog));
  if (fd >= 0) return { kind: 'syslog', fd };
  if (surroundings.uid === 0) return openFile(surroundings.rootFile, O_NOFOLLOW);
  const path = stateFile(surroundings.env);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  } catch (error) {
    return failure(path, (error as NodeJS.ErrnoException).code ?? String(error));
  }
  return openFile(path, O_NOFOLLOW);
}

/** Where the log goes, in words. */
export function describeTarget(target: LogTarget): string {
  if (target.kind === 'file') return target.path;
  return target.kind === 'syslog' ? `the system log (${SYSLOG_SOCKET})` : 'standard error';
}

/** Opens a log file by its name again, after it was moved away (logrotate), under the number that all threads know: 0 or a negative
 * errno, and then the old file stays in use. Other targets need nothing: 0. */
export function reopenLogTarget(target: LogTarget): number {
  if (target.kind !== 'file') return 0;
  const fd = open(cstring(target.path), fileFlags, 0o640);
  return fd < 0 ? fd : replaceDescriptor(fd, target.fd);
}

/** Makes `old` mean what `fd` means, and closes `fd`. */
export function replaceDescriptor(fd: number, old: number): number {
  const result = dup3(fd, old, O_CLOEXEC);
  close(fd);
  return Math.min(result, 0);
}

// O_NONBLOCK: neither opening nor writing a named pipe waits for a reader. It means nothing for a regular file.
const fileFlags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

function openFile(name: string, flags: number): LogTarget | LogFailure {
  const path = resolve(name); // a daemon changes its working directory
  const fd = open(cstring(path), fileFlags | flags, 0o640);
  return fd < 0 ? failure(path, errnoName(-fd)) : { kind: 'file', fd, path };
}

function failure(path: string, reason: string): LogFailure {
  return {
    kind: 'failed',
    message: `cannot open the log file ${path} (${reason}): name a file that can be written with --log-file, or stay in the foreground`,
  };
}

function stateFile(env: Surroundings['env']): string {
  const state = env.XDG_STATE_HOME;
  const home = env.HOME || homedir();
  const base = state && isAbsolute(state) ? state : join(home, '.local', 'state');
  return join(base, 'migratefs', 'migratefs.log');
}

// The reader of a pipe may stop reading for ever. Opened anew, the pipe gets flags of its own, and O_NONBLOCK does not reach the other
// processes that write to it.
function stderrTarget(): LogTarget {
  const stat = new Stat();
  if (statx(2, EMPTY, AT_EMPTY_PATH, STATX_TYPE, stat) < 0 || stat.type !== S_IFIFO)
    return { kind: 'stderr' };
  const fd = open(procPath(2), O_WRONLY | O_CLOEXEC | O_NONBLOCK);
  return fd < 0 ? { kind: 'stderr' } : { kind: 'stderr', fd };
}
