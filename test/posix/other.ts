// Another process that makes the calls of the suite for a case: for locks that belong to a process, for writers at the same time, for what
// a process leaves behind when it ends. It is started when it is first needed, and asked over a pair of pipes, line by line.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EINTR } from '../../protocol/errno.ts';
import { O_CLOEXEC, POLLHUP, POLLIN } from '../../src/sys/constants.ts';
import { pipe2, poll, read, write } from '../../src/sys/fd.ts';
import { TYPESCRIPT } from '../typescript/arguments.ts';
import { type Calls, calls } from './calls/index.ts';
import { sure } from './calls/support.ts';
import { pack, unpack } from './wire.ts';

const script = fileURLToPath(new URL('other-main.ts', import.meta.url));
const WAIT_MS = 30_000;

export class Other {
  readonly #process: ChildProcess;
  readonly #to: number;
  readonly #from: number;
  readonly #number: number;
  #text = '';
  #pending = false;

  constructor(number: number) {
    this.#number = number;
    const [requests, answers] = [new Int32Array(2), new Int32Array(2)];
    sure(pipe2(requests, O_CLOEXEC), 'pipe2');
    sure(pipe2(answers, O_CLOEXEC), 'pipe2');
    this.#to = requests[1] as number;
    this.#from = answers[0] as number;
    // Not its standard input, which Node may have made non-blocking.
    const stdio = ['ignore', 'inherit', 'inherit', requests[0] as number, answers[1] as number] as const;
    this.#process = spawn(process.execPath, [...TYPESCRIPT, script], { stdio: [...stdio], cwd: '/' });
    this.#process.unref();
    closeSync(requests[0] as number);
    closeSync(answers[1] as number);
  }

  /** The calls, as they are in this process. */
  readonly calls = new Proxy({} as Calls, {
    get:
      (_target, name: string) =>
      (...args: unknown[]) =>
        this.begin(name, args).result(),
  });

  begin(name: string, args: readonly unknown[]): { result: () => unknown; ended: () => boolean } {
    if (this.#pending) throw new Error(`the other process has not answered yet: ${name}`);
    this.#pending = true;
    const line = Buffer.from(`${pack({ name, args, cwd: calls.getcwd() })}\n`);
    sure(write(this.#to, line, line.length), 'to the other process');
    return {
      ended: () => this.#text.includes('\n') || this.#wait(0),
      result: () => {
        while (!this.#text.includes('\n')) if (!this.#wait(WAIT_MS)) throw new Error(`${name}: no answer`);
        const end = this.#text.indexOf('\n');
        const answer = unpack(this.#text.slice(0, end)) as { value?: unknown; error?: string };
        this.#text = this.#text.slice(end + 1);
        this.#pending = false;
        if (answer.error !== undefined) throw new Error(`in the other process: ${answer.error}`);
        return answer.value;
      },
    };
  }

  /** @returns whether something has come within the time */
  #wait(milliseconds: number): boolean {
    let events: number;
    do events = poll(this.#from, POLLIN, milliseconds);
    while (events === -EINTR); // a child has ended
    sure(events, 'poll');
    if ((events & POLLIN) === 0) {
      if ((events & POLLHUP) !== 0) throw new Error('the other process has ended');
      return false;
    }
    const bytes = new Uint8Array(4096);
    this.#text += Buffer.from(bytes.subarray(0, sure(read(this.#from, bytes, 4096), 'read'))).toString();
    return true;
  }

  /** Ends it, and waits until it is gone: its end of the pipe closes after its locks and descriptors have. */
  exit(): void {
    running.delete(this.#number);
    closeSync(this.#to);
    if (this.#pending) this.#process.kill('SIGKILL');
    const bytes = new Uint8Array(4096);
    while (sure(read(this.#from, bytes, bytes.length), 'read') > 0);
    closeSync(this.#from);
  }

  /** It closes what it has open; one that still waits for something is ended. */
  tidy(): void {
    if (this.#pending) this.exit();
    else this.begin('tidy', []).result();
  }
}

const running = new Map<number, Other>();

/** The other process of this number. */
export function otherProcess(number: number): Other {
  const found = running.get(number) ?? new Other(number);
  running.set(number, found);
  return found;
}

/** After a case. */
export function tidyOthers(): void {
  for (const other of [...running.values()]) other.tidy();
}

/** At the end of the tests. */
export function endOthers(): void {
  for (const other of [...running.values()]) other.exit();
}
