// One mount's life in this process: check, prepare, mount, serve, end. Everything that can fail without the mount is done
// before it, so that a failure leaves nothing behind; what fails after it is unmounted again.
import { EBUSY, errnoName } from '../../protocol/errno.ts';
import { prepareFileSystem } from '../layers/prepare.ts';
import { describeTarget, Log, type LogTarget, openLogTarget, reopenLogTarget } from '../log/index.ts';
import {
  adoptDevice,
  checkMount,
  givenDevice,
  type Mounted,
  type MountOptions,
  messageOf,
  mountDevice,
  SystemError,
} from '../mount/index.ts';
import { type Session, startSession } from '../session/session.ts';
import { exitNow } from '../sys/thread.ts';
import type { Daemon } from './daemon.ts';
import { say } from './output.ts';
import { policyOf } from './policy.ts';
import { settle, titleOf } from './process-state.ts';
import type { MountRequest } from './program.ts';
import { version } from './version.ts';

export interface Service {
  readonly request: MountRequest;
  readonly options: MountOptions;
  /** Undefined in the foreground. */
  readonly daemon: Daemon | undefined;
}

/** @returns the exit status, when the mount is gone. @throws when it never came about */
export async function serve({ request, options, daemon }: Service): Promise<number> {
  const root = process.geteuid?.() === 0;
  const paths = checkMount(options, request.mountpoint, root);
  const given = givenDevice(request.mountpoint);
  const adopted = given === undefined ? undefined : adoptDevice(daemon?.device ?? given, request.mountpoint);
  const log = openLog(options, daemon === undefined);
  const mountpoint = paths.mountpoint?.path ?? request.mountpoint;
  const lower = paths.lower.map((place) => place.path);
  const upper = paths.upper.path;
  const { descriptorBudget, workers } = settle(titleOf(mountpoint, lower, upper));
  const fs = prepareFileSystem({
    lower,
    upper,
    policy: policyOf(options),
    inodeMemory: options.inodeMemory,
    keepHandles: options.handles === 'keep',
    journal: options.journal,
    log,
    logLevel: request.debug ? 'debug' : 'info',
  });
  const stopper = stopOnSignals();
  const { mounted, refused } = remembering(adopted ?? (await mountDevice(options, paths, request.source)));
  const session = await start(mounted, {
    ...mounted,
    fs,
    threads: Math.min(workers, options.threads),
    busyThreads: Math.min(workers, options.busyThreads),
    debug: request.debug,
    exclusive: options.cache === 'exclusive',
    descriptorBudget,
  });
  stopper.attach(session, refused);
  reopenOnSignal(log);
  logBugs(log);
  if (daemon !== undefined && options.logFile === undefined && log.kind === 'file') {
    say(`no system log here: the log goes to ${describeTarget(log)}`);
  }
  new Log(log).info('mounted', {
    version: version(),
    mountpoint,
    lower: lower.join(':'),
    upper,
    options: request.options.join(','),
  });
  daemon?.ready();
  const end = await session.ended;
  const status = end === 'unmounted' ? 0 : 1;
  // Nothing keeps the process now, unless a storage hangs that the journal or the sign of life waits for.
  setTimeout(() => exitNow(status), LAST_MS).unref();
  const last = new Log(log);
  if (end === 'unmounted') last.info('unmounted', { mountpoint });
  last.end();
  if (end === 'unmounted') return status;
  last.error('session_failed', { reason: messageOf(end) });
  if (daemon === undefined) say(messageOf(end));
  return status;
}

/** Milliseconds that a process which has nothing more to do is given to end by itself. */
const LAST_MS = 1000;

function openLog(options: MountOptions, foreground: boolean): LogTarget {
  const target = openLogTarget({ logFile: options.logFile, foreground });
  if (target.kind === 'failed') throw new SystemError('LOG_FAILED', target.message);
  return target;
}

async function start(mounted: Mounted, options: Parameters<typeof startSession>[0]): Promise<Session> {
  try {
    return await startSession(options);
  } catch (error) {
    await mounted.unmount(true);
    throw error;
  }
}

/**
 * A signal that comes while the mount is being made is kept until there is a session to stop. Where the mount may not be
 * taken away (it was handed over, or the helper refuses), the session is told twice, and so ends without that.
 */
function stopOnSignals(): { attach: (session: Session, refused: () => boolean) => void } {
  let stop = async () => {};
  let asked = false;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      asked = true;
      void stop();
    });
  }
  return {
    attach: (session, refused) => {
      stop = async () => {
        await session.stop();
        if (refused()) await session.stop();
      };
      if (asked) void stop();
    },
  };
}

/** A mount that remembers whether it could not be taken away. */
function remembering(mounted: Mounted): { mounted: Mounted; refused: () => boolean } {
  let last = 0;
  const unmount = async (lazy: boolean) => {
    last = await mounted.unmount(lazy);
    return last;
  };
  return { mounted: { ...mounted, unmount }, refused: () => last < 0 && last !== -EBUSY };
}

function reopenOnSignal(target: LogTarget): void {
  process.on('SIGUSR2', () => {
    const result = reopenLogTarget(target);
    const log = new Log(target);
    if (result < 0) log.warn('log_not_reopened', { error: errnoName(-result) });
    else log.info('log_reopened');
  });
}

/** The workers serve whatever becomes of this thread: a bug here is told, and takes no user's files away. */
function logBugs(target: LogTarget): void {
  process.on('uncaughtException', (error) =>
    new Log(target).error('bug', { stack: error.stack ?? String(error) }),
  );
}
