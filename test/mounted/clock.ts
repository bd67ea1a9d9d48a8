// A wall clock of a daemon's own, which the test sets: libfaketime, loaded into the daemon. What counts on since the machine's start
// (CLOCK_MONOTONIC) is left alone, as it is when an operator or a time service sets the time.

import { existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isAlive } from './processes.ts';

export const HOUR = 3600;

/** The library of Debian's `faketime`, for programs with threads. */
function library(): string {
  const paths = readdirSync('/usr/lib').map((name) => `/usr/lib/${name}/faketime/libfaketimeMT.so.1`);
  const found = paths.find((path) => existsSync(path));
  if (found === undefined) throw new Error('no libfaketimeMT.so.1 in /usr/lib/*/faketime');
  return found;
}

export class Clock {
  readonly #file: string;
  #ahead = 0;

  /** @param dir where the file lies that tells the daemon how far its clock goes wrong; until then it goes right. */
  constructor(dir: string, name = 'clock') {
    this.#file = `${dir}/${name}`;
  }

  get env(): Record<string, string> {
    return {
      LD_PRELOAD: library(),
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      FAKETIME_FORCE_MONOTONIC_FIX: '0', // else waits by that clock never end
      NO_FAKE_STAT: '1',
    };
  }

  /** Seconds by which the daemon's clock is ahead of the machine's. */
  get ahead(): number {
    return this.#ahead;
  }

  /** Lets the clock jump. */
  jump(seconds: number): void {
    this.#ahead += seconds;
    const text = this.#ahead < 0 ? `${this.#ahead}` : `+${this.#ahead}`;
    writeFileSync(`${this.#file}.new`, `${text}\n`);
    renameSync(`${this.#file}.new`, this.#file);
  }
}

/** Removes the memory that the library of a killed daemon has left. */
export function sweepClocks(): void {
  for (const name of readdirSync('/dev/shm')) {
    const pid = /faketime_(?:shm|sem)_(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(`/dev/shm/${name}`, { force: true });
  }
}
