// Descriptors that our caller left open, a lock or a pipe that somebody reads to its end: the daemon must not hold them.
import { readdirSync, readFileSync } from 'node:fs';
import { O_CLOEXEC } from '../sys/constants.ts';
import { close, dup3, dupCloexec } from '../sys/fd.ts';

/** Makes all but the standard ones close on exec. Node's own do so already; of inherited ones it only sees to the first few. */
export function closeInheritedOnExec(): void {
  for (const fd of readdirSync('/proc/self/fd').map(Number)) {
    if (fd <= 2 || closesOnExec(fd)) continue;
    const copy = dupCloexec(fd);
    if (copy < 0) continue;
    dup3(copy, fd, O_CLOEXEC);
    close(copy);
  }
}

function closesOnExec(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '0';
    return (Number.parseInt(flags, 8) & O_CLOEXEC) !== 0;
  } catch {
    return true; // the one that readdir itself used
  }
}
