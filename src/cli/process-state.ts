// What a process that serves a mount changes about itself.
import { writeFileSync } from 'node:fs';
import { reservedOf, workersWithin } from '../inodes/reserve.ts';
import { encoded } from '../journal/line.ts';
import { getrlimit, ResourceLimit, RLIMIT_NOFILE, setrlimit } from '../sys/limits.ts';

/** Descriptors that are not directories' own: layers, log, device, workers, files that users hold open. */
const SHARE_OF_DIRECTORIES = 0.5;

const LEAST = 16;

const NAME = 'migratefs';

/** What `ps` shows, in printable ASCII: other bytes of paths are percent-encoded. The system cuts off what is longer than the command line was. */
export function titleOf(mountpoint: string, lower: readonly string[], upper: string): string {
  return `${NAME} ${encoded(mountpoint)} (${lower.map(encoded).join(':')} -> ${encoded(upper)})`;
}

/**
 * The mode of a new file is the caller's affair: no umask of ours. No working directory keeps another file system from
 * being unmounted. As many descriptors as the system allows.
 * @returns how many of them may be spent on directories, and for how many workers there are enough
 */
export function settle(title: string): { descriptorBudget: number; workers: number } {
  process.title = title;
  // The title's beginning has become the name of the process as well, by which it is found.
  writeFileSync('/proc/self/comm', NAME);
  process.umask(0);
  process.chdir('/');
  const limit = new ResourceLimit();
  getrlimit(RLIMIT_NOFILE, limit);
  limit.soft = limit.hard;
  setrlimit(RLIMIT_NOFILE, limit);
  getrlimit(RLIMIT_NOFILE, limit);
  const count = Number(limit.soft);
  const share = Math.min(count, 2 ** 30) * SHARE_OF_DIRECTORIES;
  const reserved = reservedOf(count);
  return {
    descriptorBudget: Math.floor(Math.max(Math.min(share, (count - reserved) * 0.75), LEAST)),
    workers: workersWithin(reserved),
  };
}
