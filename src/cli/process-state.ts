// What a process that serves a mount changes about itself.
import { getrlimit, ResourceLimit, RLIMIT_NOFILE, setrlimit } from '../sys/limits.ts';

/** Descriptors that are not directories' own: layers, log, device, workers, files that users hold open. */
const SHARE_OF_DIRECTORIES = 0.5;

/** Where descriptors are few, what comes before directories; see inodes/handles.ts. */
const OTHERS = 150;
const LEAST = 16;

/**
 * The mode of a new file is the caller's affair: no umask of ours. No working directory keeps another file system from
 * being unmounted. As many descriptors as the system allows.
 * @returns how many of them may be spent on directories
 */
export function settle(): number {
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
  return Math.floor(Math.max(Math.min(share, (count - OTHERS) * 0.75), LEAST));
}
