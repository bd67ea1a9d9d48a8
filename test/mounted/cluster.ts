// Two mounts of the same layers, which stand for two hosts, and processes that take file locks on them as they are told.

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { BACKING } from './hosts.ts';
import { mountOther } from './second.ts';
import { isAlive, type Mounted, type MountTestOptions, mountTest, until } from './support.ts';
import { cleanEnv } from './tools.ts';

const script = fileURLToPath(new URL('locker.pl', import.meta.url));

/** System calls in which a process waits for a lock or an open, by architecture: fcntl, flock, openat. */
const WAITING = process.arch === 'x64' ? ['72', '73', '257'] : ['25', '32', '56'];

/** A process that takes locks. Each command has one answer; see locker.pl. */
export class Locker {
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  /** The answer of `start`, when it is there. */
  #answered = 0;
  #asked = 0;

  constructor() {
    this.#process = spawn('perl', [script], {
      stdio: ['pipe', 'pipe', 'inherit'],
      cwd: '/',
      env: cleanEnv(),
    });
    const lines = createInterface({ input: this.#process.stdout as NodeJS.ReadableStream });
    lines.on('line', () => this.#answered++);
    this.#answers = lines[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#process.pid as number;
  }

  async ask(command: string): Promise<string> {
    this.start(command);
    return this.answer();
  }

  /** Gives a command that may wait. */
  start(command: string): void {
    this.#asked++;
    this.#process.stdin?.write(`${command}\n`);
  }

  async answer(): Promise<string> {
    const { value, done } = await this.#answers.next();
    return done ? 'dead' : value;
  }

  /** Gives a command, and comes back when the process waits for it in the kernel. */
  async blocked(command: string): Promise<void> {
    this.start(command);
    await until(`${command} waits`, () => {
      if (this.#answered === this.#asked) throw new Error(`${command} did not wait`);
      return this.waits;
    });
  }

  /** Whether it is in a system call that waits for a lock or an open. */
  get waits(): boolean {
    const call = readFileSync(`/proc/${this.pid}/syscall`, 'latin1').split(' ')[0] as string;
    return WAITING.includes(call) && /^State:\s+S/m.test(readFileSync(`/proc/${this.pid}/status`, 'latin1'));
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.signal(signal);
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    await new Promise((resolve) => this.#process.once('exit', resolve));
  }
}

export interface Cluster {
  readonly dir: string;
  readonly upper: string;
  readonly lower: string[];
  /** The two hosts' mount points. */
  readonly mnt: string;
  readonly other: string;
  /** The first host. */
  readonly here: Mounted;
  readonly otherPid: number;
  otherLog: () => string;
  /** A process with a file open: `locker(m.mnt + '/f', 'rw')` has it as handle `a`. */
  locker: (file?: string, mode?: string) => Promise<Locker>;
  /** Kills the second host's daemon. */
  killOther: () => Promise<void>;
}

/** A subtest over two live mounts of the same layers, with `locks=cluster`. Needs root, for /proc/PID/syscall. */
export function clusterTest(
  t: Test,
  name: string,
  options: MountTestOptions,
  body: (t: Test, m: Cluster) => void | Promise<void>,
): Promise<unknown> {
  const words = `locks=cluster${options.options === undefined ? '' : `,${options.options}`}`;
  const { backing = BACKING } = options;
  const needs = ['perl', ...(options.needs ?? [])];
  const all = { ...options, backing, root: true, needs, options: words };
  return mountTest(t, backing === 'dir' ? name : `${name}, on ${backing}`, all, async (t, m) => {
    const other = await mountOther(t, m, 'other', words);
    const lockers: Locker[] = [];
    t.teardown(async () => {
      for (const locker of lockers) await locker.end();
    });
    const locker = async (file?: string, mode = 'rw') => {
      const made = new Locker();
      lockers.push(made);
      if (file !== undefined) {
        const opened = await made.ask(`open a ${mode} ${file}`);
        if (opened !== 'ok') throw new Error(`open ${file}: ${opened}`);
      }
      return made;
    };
    const killOther = async () => {
      process.kill(other.pid, 'SIGKILL');
      await until('the other daemon is dead', () => !isAlive(other.pid));
    };
    const { dir, upper, lower, mnt } = m;
    const host = { other: other.mnt, otherPid: other.pid, otherLog: other.log };
    await body(t, { dir, upper, lower, mnt, here: m, ...host, locker, killOther });
  });
}
