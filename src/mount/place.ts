/**
 * Where a directory really is, seen in three ways: its path without symbolic links; its file system and the directory
 * within that (which a bind mount elsewhere does not change); its inode and those above it. Two directories that are
 * related in any of these ways can disturb one another.
 */
import { closeSync, constants, openSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, posix } from 'node:path';
import { type MountEntry, readMounts } from '../sys/mountinfo.ts';

export interface Place {
  /** As the user wrote it: for messages. */
  readonly given: string;
  readonly path: string;
  /** `major:minor` and the path within that file system; undefined where /proc does not tell. */
  readonly inFileSystem: { readonly device: string; readonly path: string } | undefined;
  /** `device:inode`. */
  readonly identity: string;
  /** Identities of the directories above it, nearest first. */
  readonly above: readonly string[];
}

const O_PATH = 0o10000000;

/** @throws NodeJS.ErrnoException when it is not there, is no directory or may not be reached. */
export function placeOf(given: string): Place {
  const path = realpathSync.native(given);
  const fd = openSync(path, O_PATH | constants.O_DIRECTORY);
  try {
    return {
      given,
      path,
      inFileSystem: inFileSystem(path, mountId(fd), readMounts()),
      identity: identity(path),
      above: ancestors(path).map(identity),
    };
  } finally {
    closeSync(fd);
  }
}

function mountId(fd: number): number {
  return Number(/^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1]);
}

function inFileSystem(path: string, id: number, mounts: readonly MountEntry[]): Place['inFileSystem'] {
  const mount = mounts.find((m) => m.id === id);
  if (mount === undefined || !isWithin(path, mount.point)) return undefined;
  return { device: mount.device, path: posix.join(mount.root, posix.relative(mount.point, path)) };
}

function identity(path: string): string {
  const { dev, ino } = statSync(path, { bigint: true });
  return `${dev}:${ino}`;
}

function ancestors(path: string): string[] {
  const list: string[] = [];
  for (let at = path; at !== '/'; ) {
    at = dirname(at);
    list.push(at);
  }
  return list;
}

/** `path` is `directory` or lies in it; both without symbolic links. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || directory === '/' || path.startsWith(`${directory}/`);
}
