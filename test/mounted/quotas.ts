// File systems that keep quotas, for tests: of users and projects, and btrfs of subvolumes. What is allowed, and what is used.

import { must, run } from './tools.ts';

/** A quota of what has the number, `u` for users, `P` for projects; 0 is no limit. @param kib of data, @param inodes number of objects */
export function setQuota(kind: 'u' | 'P', id: number, path: string, kib: number, inodes = 0): void {
  must('setquota', [`-${kind}`, `${id}`, '0', `${kib}`, '0', `${inodes}`, path]);
}

export interface Usage {
  kib: number;
  inodes: number;
}

/** What is charged to a user or project now. */
export function usage(kind: 'u' | 'P', id: number, path: string): Usage {
  run('sync', ['-f', path]); // what is put off is counted by reservation
  const lines = must('repquota', [`-${kind}`, '-n', '-v', '-O', 'csv', path]).split('\n');
  const titles = lines.find((line) => line.includes('BlockUsed'))?.split(',') ?? [];
  const found = lines.find((line) => line.startsWith(`#${id},`))?.split(',');
  const field = (title: string) => Number(found?.[titles.indexOf(title)] ?? 0);
  return { kib: field('BlockUsed'), inodes: field('FileUsed') };
}

/** A limit of a btrfs subvolume, in bytes. The first call for a file system has it count. */
export function limitSubvolume(path: string, bytes: number | 'none'): void {
  if (run('btrfs', ['qgroup', 'show', path]).status !== 0) must('btrfs', ['quota', 'enable', path]);
  must('btrfs', ['qgroup', 'limit', `${bytes}`, path]);
}

/** What a btrfs subvolume refers to, in bytes: known exactly once all that was put off is on the disk. */
export function subvolumeUsage(path: string): number {
  must('btrfs', ['filesystem', 'sync', path]);
  const lines = must('btrfs', ['qgroup', 'show', '--raw', '-f', path]).split('\n');
  return Number(lines.at(-1)?.trim().split(/\s+/)[1]);
}

/** Has nothing fit into a subvolume any more, by files `ballast.N` in `dir` of it. */
export function fillSubvolume(dir: string): void {
  for (const [i, size] of ['1M', '64k', '4k', '4k', '512'].entries()) {
    run('dd', ['if=/dev/zero', `of=${dir}/ballast.${i}`, `bs=${size}`]);
    run('btrfs', ['filesystem', 'sync', dir]);
  }
}
