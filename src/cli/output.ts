// Lines for the person at the terminal. Written with write(2): the daemon replaces its standard error, which a stream of
// Node's would not notice, and a closed or full one must not end us.
import { writeSync } from 'node:fs';
import { messageOf, SystemError, UsageError } from '../mount/index.ts';

export function say(line: string): void {
  write(2, `migratefs: ${line}\n`);
}

export function print(text: string): void {
  write(1, text);
}

function write(fd: number, text: string): void {
  try {
    writeSync(fd, text);
  } catch {
    // Nobody reads: there is nowhere else to say it.
  }
}

/** Tells why a command failed. @returns its exit status */
export function tell(error: unknown): number {
  say(messageOf(error));
  if (error instanceof UsageError || error instanceof SystemError) return error.exitStatus;
  // The lower floors' errors speak for themselves; a bug does not, and shows its stack when asked.
  if (process.env.MIGRATEFS_STACK && error instanceof Error) write(2, `${error.stack}\n`);
  return 1;
}
