// File systems that keep quotas of users and projects, for tests: what is allowed, and what is used.

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
