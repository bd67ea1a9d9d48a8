// Who has made a name in our directories (`privateName`): a process of a host.

import type { CString } from '../sys/cstring.ts';
import { textOf } from './spot.ts';

export interface Maker {
  /** As `FileSystemSetup.host`: with the pid namespace, which gives the number a meaning. */
  readonly host: string;
  readonly pid: number;
}

/** One word for a maker. */
export const nameOfMaker = ({ host, pid }: Maker): string => `${host}.${pid}`;

/** Whether a maker's process has ended, as far as this one can tell. */
export type IsGone = (maker: Maker) => boolean;

/** @returns undefined for a name that is none of `nameOfMaker`. */
export function makerNamed(name: CString): Maker | undefined {
  const match = /^(.+)\.(\d+)$/.exec(textOf(name));
  return match === null ? undefined : { host: match[1] as string, pid: Number(match[2]) };
}

/** @returns undefined for a name that is none of `privateName`. */
export function makerOf(name: CString): Maker | undefined {
  const match = /^(.+)\.(\d+)\.\d+\.\d+\.[0-9a-f]+(?:\.links|(?:\.kept)?\.(?:of|at)-[0-9a-f]+)?$/.exec(
    textOf(name),
  );
  return match === null ? undefined : { host: match[1] as string, pid: Number(match[2]) };
}

/** Of the processes of one host, those that are gone; this is for a process that has made nothing yet. */
export function goneFrom(host: string): IsGone {
  return (maker) => maker.host === host && (maker.pid === process.pid || !isAlive(maker.pid));
}

/** Whether a process of this host has the number. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
