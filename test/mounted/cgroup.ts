// A memory cgroup for one process: of the first or the second version, whichever has the memory controller here.

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { until } from './processes.ts';

export interface MemoryGroup {
  /** How often the kernel has ended a process of it for want of memory. */
  killed: () => number;
  /** Bytes. */
  most: () => number;
  /** When its process has ended: the kernel lets go of the threads of one that it has killed one by one. */
  remove: () => Promise<void>;
}

const FIRST = '/sys/fs/cgroup/memory';
const SECOND = '/sys/fs/cgroup';

const controls = (file: string): boolean =>
  existsSync(file) && readFileSync(file, 'latin1').split(/\s+/).includes('memory');

/** Why there can be none here. */
export function memoryGroupMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'root alone can limit memory';
  return existsSync(`${FIRST}/memory.limit_in_bytes`) || controls(`${SECOND}/cgroup.subtree_control`)
    ? undefined
    : 'no memory controller here';
}

/** Limits what a process takes from now on, page cache included. @param bytes of memory, without swap */
export function limitMemory(pid: number, bytes: number): MemoryGroup {
  const first = existsSync(`${FIRST}/memory.limit_in_bytes`);
  const group = `${first ? FIRST : SECOND}/migratefs-test-${pid}`;
  mkdirSync(group);
  const [limit, most, events] = first
    ? ['memory.limit_in_bytes', 'memory.max_usage_in_bytes', 'memory.oom_control']
    : ['memory.max', 'memory.peak', 'memory.events'];
  writeFileSync(`${group}/${limit}`, `${bytes}`);
  writeFileSync(`${group}/cgroup.procs`, `${pid}`);
  const read = (file: string) => readFileSync(`${group}/${file}`, 'latin1');
  return {
    killed: () => Number(/^oom_kill (\d+)$/m.exec(read(events))?.[1]),
    most: () => Number(read(most)),
    remove: () => until('the end of the last thread', () => isRemoved(group)),
  };
}

function isRemoved(group: string): boolean {
  try {
    rmdirSync(group);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
    throw error;
  }
}
