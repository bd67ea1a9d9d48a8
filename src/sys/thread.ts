// The calling thread: its number, signals to a thread, giving up the processor; and the end of all threads.
import { bind, outcome, syscallNumber } from './libc.ts';

// glibc has wrappers for these two since 2.30 only.
const c_gettid = bind<(nr: number) => number>('int64_t syscall(int64_t)');
const c_tgkill = bind<(nr: number, pid: number, tid: number, signal: number) => number>(
  'int64_t syscall(int64_t, int64_t, int64_t, int64_t)',
);
const c_sched_yield = bind<() => number>('int sched_yield()');
const c_exit = bind<(status: number) => void>('void _exit(int)');

const SYS_gettid = syscallNumber(186, 178);
const SYS_tgkill = syscallNumber(234, 131);

/** The kernel's number of the calling thread, see gettid(2). Never fails. */
export function gettid(): number {
  return c_gettid(SYS_gettid);
}

/** Sends `signal` to one thread of a process, 0 only asks whether it is there: 0, or -ESRCH when it isn't. See tgkill(2). */
export function tgkill(pid: number, tid: number, signal: number): number {
  return outcome(c_tgkill(SYS_tgkill, pid, tid, signal));
}

/** Lets other threads run first. */
export function schedYield(): number {
  return outcome(c_sched_yield());
}

/** Ends the process at once, whatever its threads are waiting for: process.exit waits for them. */
export function exitNow(status: number): void {
  c_exit(status);
}
