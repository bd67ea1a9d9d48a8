// What a process that serves a mount changes about itself.
import { reservedOf, workersWithin } from '../inodes/reserve.ts';
import { getrlimit, ResourceLimit, RLIMIT_NOFILE, setrlimit } from '../sys/limits.ts';

/** Descriptors that are not directories' own: layers, log, device, workers, files that users hold open. */
const SHARE_OF_DIRECTORIES = 0.5;

const LEAST = 16;

/**
 * The mode of a new file is the caller's affair: no umask of ours. No working directory keeps another file system from
 * being unmounted. As many descriptors as the system allows.
 * @returns how many of them may be spent on directories, and for how many workers there are enough
 */
export function settle(): { descriptorBudget: number; workers: number } {
  process.title = 'migratefs';
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
