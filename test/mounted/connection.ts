// The kernel's side of a mount, as an administrator ends it: fusectl, Documentation/filesystems/fuse, "Aborting a filesystem connection".

import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connectionOf, mountAt } from '../../src/sys/mountinfo.ts';
import { unmountPath } from './backing.ts';
import { type Mounted, must } from './support.ts';

/** Aborts the connection of a test's mount: all of its users get errors, and so does its daemon. */
export function abortConnection(m: Mounted): void {
  const connection = connectionOf(mountAt(m.mnt));
  // A place of the test's own: where fusectl belongs, others may want it, or not.
  const connections = `${m.dir}/connections`;
  if (!existsSync(connections)) mkdirSync(connections);
  appendFileSync(`${m.dir}/mounts`, `${connections}\n`);
  must('mount', ['-t', 'fusectl', 'fusectl', connections]);
  try {
    writeFileSync(`${connections}/${connection}/abort`, '1');
  } finally {
    unmountPath(connections);
  }
}
