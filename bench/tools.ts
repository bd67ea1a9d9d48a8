// What workloads work with: programs that are run beside the benchmark's own thread, so that ^C ends them at once, and the loops of hot.c.

import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import { cleanEnv, must } from '../test/mounted/tools.ts';
import { hotSource } from './places.ts';

export interface HotOptions {
  readonly processes?: number;
  /** 0: the files lie in the directory itself. */
  readonly directories?: number;
  /** In each directory. */
  readonly files?: number;
  /** The number of the first file. */
  readonly first?: number;
  /** That a file is made with. */
  readonly bytes?: number;
  /** Round and round until they are over; default: each file once. */
  readonly seconds?: number;
  /** Whether the time of each operation is taken. */
  readonly latencies?: boolean;
}

/** What hot.c prints, and operations per second. */
export interface Hot {
  readonly operations: number;
  readonly seconds: number;
  /** Nanoseconds; with `latencies` only. */
  readonly p50: number;
  readonly p99: number;
  readonly rate: number;
}

function killGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // else all have ended
  }
}

export class Tools {
  /** The run's own directory, not on a storage that is measured. */
  readonly scratch: string;
  readonly #scale: number;
  readonly #interrupted: AbortSignal;
  readonly #hot: string;

  /** @param scale 1: the sizes that docs/performance.md names */
  constructor(scratch: string, scale: number, interrupted: AbortSignal) {
    this.scratch = scratch;
    this.#scale = scale;
    this.#interrupted = interrupted;
    this.#hot = `${scratch}/hot`;
    must('gcc', ['-O2', '-Wall', '-o', this.#hot, hotSource]);
  }

  /** A count or a size, scaled. */
  scaled(n: number, least = 1): number {
    return Math.max(least, Math.round(n * this.#scale));
  }

  /** Seconds for what is measured by the clock: short runs are scaled little, since they must stay longer than a tick. */
  get seconds(): number {
    return Math.min(10, Math.max(0.1, Math.sqrt(this.#scale)));
  }

  /** Runs a program that must succeed. @returns what it prints @throws with what it says */
  run(
    command: string,
    args: readonly string[],
    options: { cwd?: string; input?: string } = {},
  ): Promise<string> {
    return new Promise((resolve, reject) => {
      // In a group of its own, which ends as a whole: a child that lives on would hold a mount.
      const child = spawn(command, args, { cwd: options.cwd ?? '/', env: cleanEnv(), detached: true });
      const kill = () => killGroup(child.pid);
      this.#interrupted.addEventListener('abort', kill);
      const [out, err]: [Buffer[], Buffer[]] = [[], []];
      child.stdout.on('data', (data: Buffer) => out.push(data));
      child.stderr.on('data', (data: Buffer) => err.push(data));
      child.stdin.on('error', () => {}); // it has ended without reading all: its status tells
      child.stdin.end(options.input ?? '');
      child.on('error', reject);
      child.on('close', (status, signal) => {
        this.#interrupted.removeEventListener('abort', kill);
        if (status === 0) return resolve(Buffer.concat(out).toString());
        const said = Buffer.concat(err).toString().trim().slice(-600);
        reject(new Error(`${basename(command)}: ${said || (signal ?? status)}`));
      });
    });
  }

  /** Runs a program that must succeed, and nobody reads. @returns seconds */
  async time(command: string, args: readonly string[], options: { cwd?: string; input?: string } = {}) {
    const begun = performance.now();
    await this.run(command, args, options);
    return (performance.now() - begun) / 1000;
  }

  /** Runs one kind of operation of hot.c below a directory. */
  async hot(operation: string, directory: string, options: HotOptions = {}): Promise<Hot> {
    const { processes, directories, files, first, bytes, seconds, latencies } = options;
    const flags = { p: processes, d: directories, n: files, f: first, s: bytes, t: seconds };
    const args = Object.entries(flags).flatMap(([flag, value]) =>
      value === undefined ? [] : [`-${flag}`, `${value}`],
    );
    const said = await this.run(this.#hot, [operation, ...args, ...(latencies ? ['-l'] : []), directory]);
    const hot = JSON.parse(said) as Omit<Hot, 'rate'>;
    return { ...hot, rate: hot.operations / hot.seconds };
  }
}
