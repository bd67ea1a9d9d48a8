// Processes of a case's own, which make system calls that it tells them, one after the other: probe.c, compiled at first use. A call may
// be begun and its outcome asked for later, so that a case can look at a process that waits.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { EINTR, errnoName } from '../../protocol/errno.ts';
import { O_CLOEXEC, POLLIN } from '../../src/sys/constants.ts';
import { close, pipe2, poll, read, write } from '../../src/sys/fd.ts';
import { cleanEnv, must } from '../mounted/tools.ts';

const source = fileURLToPath(new URL('probe.c', import.meta.url));
let folder: string | undefined;

function program(): string {
  if (folder === undefined) {
    folder = mkdtempSync(`${tmpdir()}/migratefs-probe-`);
    must('gcc', ['-O1', '-o', `${folder}/probe`, source]);
    process.once('exit', () => rmSync(folder as string, { recursive: true, force: true }));
  }
  return `${folder}/probe`;
}

/** An answer that takes longer never comes. */
const PATIENCE_MS = 60_000;

const running = new Set<Probe>();

/** After a case. */
export function endProbes(): void {
  for (const probe of [...running]) probe.end();
}

export type Word = string | number | bigint;

export class Probe {
  readonly #child: ChildProcess;
  readonly #to: number;
  readonly #from: number;
  #rest = '';

  /** @param directory where it works */
  constructor(directory: string) {
    const [down, up] = [new Int32Array(2), new Int32Array(2)];
    if (pipe2(down, O_CLOEXEC) < 0 || pipe2(up, O_CLOEXEC) < 0) throw new Error('no pipe');
    this.#child = spawn(program(), [], {
      stdio: [down[0] as number, up[1] as number, 'ignore'],
      cwd: directory,
      env: cleanEnv(),
    });
    this.#child.on('error', () => {}); // its silence is told below
    running.add(this);
    close(down[0] as number);
    close(up[1] as number);
    this.#to = down[1] as number;
    this.#from = up[0] as number;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Tells it what to do; the answer is to be asked for before the next. */
  begin(...words: Word[]): void {
    const line = Buffer.from(`${words.join(' ')}\n`);
    if (write(this.#to, line, line.length) !== line.length) throw new Error('the probe has ended');
  }

  /** The answer to what was begun. */
  answer(): string {
    const bytes = new Uint8Array(1 << 16);
    while (!this.#rest.includes('\n')) {
      const events = poll(this.#from, POLLIN, PATIENCE_MS);
      if (events === -EINTR) continue; // a child has ended
      if (events <= 0) throw new Error('the probe is silent');
      const count = read(this.#from, bytes, bytes.length);
      if (count <= 0) throw new Error('the probe has ended');
      this.#rest += Buffer.from(bytes.subarray(0, count)).toString('latin1');
    }
    const end = this.#rest.indexOf('\n');
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    return line.trim();
  }

  /** Whether the answer comes within the time. */
  hasAnswer(milliseconds: number): boolean {
    return this.#rest.includes('\n') || poll(this.#from, POLLIN, milliseconds) > 0;
  }

  /** Does something and says what came of it. */
  ask(...words: Word[]): string {
    this.begin(...words);
    return this.answer();
  }

  /** A system call's result, an errno by its name. */
  call(...words: Word[]): string {
    return named(this.ask(...words));
  }

  /** A system call that must succeed: its result. */
  must(...words: Word[]): bigint {
    const result = this.ask(...words);
    if (!/^\d+$/.test(result)) throw new Error(`${words.join(' ')}: ${named(result)}`);
    return BigInt(result);
  }

  /** Text in a mapping. */
  peek(at: bigint, length: number): string {
    const hex = this.ask('peek', at, length);
    return /^SIG/.test(hex) ? hex : Buffer.from(hex, 'hex').toString('latin1');
  }

  poke(at: bigint, text: string): string {
    return this.ask('poke', at, hex(text));
  }

  /** Puts bytes into its scratch memory, which calls name by `$offset`. */
  put(at: number, content: string | Uint8Array): void {
    this.ask('put', at, hex(content));
  }

  get(at: number, length: number): Buffer {
    return Buffer.from(this.ask('get', at, length), 'hex');
  }

  /** Ends what it has begun by a signal that it catches. */
  interrupt(): void {
    this.#child.kill('SIGUSR1');
  }

  /** Kills it, and waits until all that it had open is closed: its end of a pipe is closed with the rest. */
  end(): void {
    running.delete(this);
    this.#child.kill('SIGKILL');
    close(this.#to);
    const bytes = new Uint8Array(4096);
    while (poll(this.#from, POLLIN, PATIENCE_MS) !== 0 && read(this.#from, bytes, bytes.length) > 0);
    close(this.#from);
  }
}

const hex = (content: string | Uint8Array): string =>
  Buffer.from(content as string, 'latin1').toString('hex');

const named = (result: string): string => (/^-\d+$/.test(result) ? errnoName(Number(result)) : result);
