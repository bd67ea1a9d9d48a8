// What the tests of the defects share: acts whose errno is looked at, also another user's, and what a layer holds.

import { readdirSync } from 'node:fs';
import { errnoName } from '../../protocol/errno.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { truncate } from '../../src/sys/path.ts';
import type { User } from './support.ts';
import { shAs } from './support.ts';

/** Somebody without an account, without groups and without rights. */
export const NOBODY: User = { uid: 4242, gid: 4242 };

/** Who shares a group with some files. */
export const GROUP = 4300;
export const MEMBER: User = { uid: 4243, gid: 4243, groups: [GROUP] };

/** 'ok', or the errno's name. */
export function errnoOf(act: () => unknown): string {
  try {
    act();
    return 'ok';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

/** truncate(2) by path; node's own opens the file first. @throws like node's */
export function truncatePath(path: string, size: number): void {
  const result = truncate(cstring(path), size);
  if (result < 0) throw Object.assign(new Error(path), { code: errnoName(-result) });
}

/** truncate(2) as another user. @returns 'ok', or what perl says */
export function truncateAs(user: User, path: string, size: number): string {
  const { stderr, status } = shAs(user, `exec perl -e 'truncate($ARGV[0], $ARGV[1]) or die "$!\\n"' "$@"`, {
    args: [path, `${size}`],
  });
  return status === 0 ? 'ok' : stderr.trim();
}

const RUNNER = `
const fs = require('fs');
const [m, acts] = process.argv.slice(1);
const result = {};
for (const [name, body] of Object.entries(JSON.parse(acts))) {
  try {
    new Function('fs', 'c', 'm', body)(fs, fs.constants, m);
    result[name] = 'ok';
  } catch (error) {
    result[name] = error.code ?? String(error);
  }
}
console.log(JSON.stringify(result));
`;

/**
 * Runs statements of JavaScript one after the other, as `user`, in one process, with `fs`, its constants `c` and the path `m`.
 * @param wrapped a command that the process is started by. @returns for each 'ok' or the errno's name
 */
export function attempts(
  user: User,
  m: string,
  acts: Record<string, string>,
  wrapped: string[] = [],
): Record<string, string> {
  const args = [...wrapped, process.execPath, '-e', RUNNER, m, JSON.stringify(acts)];
  const { stdout, stderr, status } = shAs(user, 'exec "$@"', { args, timeout: 60_000 });
  if (status !== 0) throw new Error(`status ${status}: ${stderr}`);
  return JSON.parse(stdout);
}

/** The same answer for each of the acts. */
export function all(acts: Record<string, unknown>, answer: string): Record<string, string> {
  return Object.fromEntries(Object.keys(acts).map((name) => [name, answer]));
}

/** Every path below `dir`, our own directory in its root left out. */
export function pathsIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((path) => !/^\.migratefs(?:\/|$)/.test(path))
    .sort();
}

/** What is left over in our own directory of a layer: copies that were never published. */
export function leftovers(layer: string): string[] {
  try {
    return readdirSync(`${layer}/.migratefs/work`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
