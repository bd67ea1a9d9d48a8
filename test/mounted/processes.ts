// Processes beside a test: those that may hang, daemons, and waiting for what they do.

import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { cleanEnv } from './tools.ts';

/** Waits for something to become true. @throws when it does not within `ms` */
export async function until(what: string, check: () => boolean, ms = 10_000): Promise<void> {
  for (const end = Date.now() + ms; !check(); await sleep(10)) {
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`);
  }
}

/** Whether a process is there and runs; a zombie does not. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

/** A process that may hang. */
export class Hung {
  readonly #process: ChildProcess;
  /** Its exit status, or the signal that has ended it. */
  readonly ended: Promise<string>;

  constructor(command: string, ...args: string[]) {
    this.#process = spawn(command, args, { stdio: 'ignore', env: cleanEnv() });
    this.ended = new Promise((resolve) => {
      this.#process.once('exit', (status, signal) => resolve(`${signal ?? status}`));
    });
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }
}

/** The daemon in the background that serves over an upper layer: it has that open. */
export function daemonOf(upper: string): number {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const found = pids.find((pid) => {
    try {
      return readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === upper);
    } catch {
      return false; // it has ended meanwhile, or is another user's
    }
  });
  if (found === undefined) throw new Error(`no daemon over ${upper}`);
  return Number(found);
}
