// A sick file system, for tests: it passes everything on to a directory behind it, and hangs, is slow or fails as it is told to, operation by
// operation, while it is mounted. It is served by the project's own protocol package, in a process of its own.
//
//   const sick = await Sick.mount(behind, point, pids);
//   await sick.fail('EIO', { operations: ['READ'], path: '^/big$', from: 3 }); // from the third READ of /big on
//   await sick.hang({ operations: ['LOOKUP'], path: '/x$' });
//   await sick.hangs(2);    // until two operations hang
//   await sick.release();   // well again, and what hung goes on
//   await sick.unmount();
//
// It has neither O_TMPFILE nor times of birth, and asks the kernel to remember nothing, so every operation comes to it. Nothing that it does
// can stay: when the test is gone, its process ends, by itself or by the test's guard (test/mounted/guard.sh), and the kernel aborts the connection then.
// Tests of mounts have one as a layer with the option `sick` of mountTest.

import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { extname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { errno, type OperationName } from '../../protocol/index.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { umount2 } from '../../src/sys/mount.ts';
import { mountAt } from '../../src/sys/mountinfo.ts';
import { TYPESCRIPT } from '../typescript/arguments.ts';
import type { Command } from './main.ts';
import type { Rule } from './rules.ts';
import type { Hanging } from './server.ts';

/** As this file: TypeScript, or what it has been built to. */
const script = fileURLToPath(new URL(`main${extname(import.meta.url)}`, import.meta.url));
const WAIT_MS = 30_000;
/** On a machine with other work a process that comes up may wait long for its turn. */
const MOUNT_MS = 90_000;
const MNT_DETACH = 2;

/** Which operations fall ill; see `Rule`. */
export type Which = Omit<Rule, 'illness'>;

export class Sick {
  readonly point: string;
  readonly #process: ChildProcess;
  readonly #answers = new Map<number, (value: unknown) => void>();
  readonly #ended: Promise<void>;
  #last = 0;

  private constructor(behind: string, point: string) {
    this.point = point;
    const stdio = ['ignore', 'ignore', 'inherit', 'ipc'] as const;
    this.#process = spawn(process.execPath, [...TYPESCRIPT, script, behind, point], {
      stdio: [...stdio],
      cwd: '/',
      detached: true, // ^C is for who has started it, and takes it away in his turn
    });
    this.#process.unref();
    this.#ended = new Promise((resolve) => this.#process.once('exit', () => resolve()));
    this.#process.on('message', ({ id, value }: { id: number; value: unknown }) => {
      this.#answers.get(id)?.(value);
      this.#answers.delete(id);
    });
  }

  /**
   * Mounts one at `point` over the directory `behind`; as root.
   * @param pids a file that is told its process, for who cleans up after a dead test
   */
  static async mount(behind: string, point: string, pids?: string): Promise<Sick> {
    const sick = new Sick(behind, point);
    if (pids !== undefined) appendFileSync(pids, `${sick.#process.pid}\n`);
    try {
      await sick.#answer(0, 'mounting', MOUNT_MS);
    } catch (error) {
      await sick.abort(); // nobody else knows of it
      umount2(cstring(point), MNT_DETACH);
      throw error;
    }
    return sick;
  }

  /** Operations hang until `release`. */
  hang(which: Which = {}): Promise<void> {
    return this.#rule({ ...which, illness: { kind: 'hang' } });
  }

  /** Operations take so much longer. */
  delay(ms: number, which: Which = {}): Promise<void> {
    return this.#rule({ ...which, illness: { kind: 'delay', ms } });
  }

  /** Operations are not done, but answered with an errno, by its name. */
  fail(name: keyof typeof errno, which: Which = {}): Promise<void> {
    return this.#rule({ ...which, illness: { kind: 'fail', errno: errno[name] } });
  }

  /** READs and WRITEs take at most so many bytes. */
  short(bytes: number, which: Which = {}): Promise<void> {
    return this.#rule({ ...which, illness: { kind: 'short', bytes } });
  }

  /** Whether who waits for it cannot even be killed. */
  async stubborn(stubborn: boolean): Promise<void> {
    await this.#ask({ kind: 'stubborn', stubborn });
  }

  /** All is well from here on, and what hangs goes on. */
  async release(): Promise<void> {
    await this.#ask({ kind: 'release' });
  }

  /** The operations that hang now. */
  async hanging(): Promise<Hanging[]> {
    return (await this.#ask({ kind: 'hanging' })) as Hanging[];
  }

  /** Waits until as many operations hang. @throws when they do not in time */
  async hangs(count: number, ms = WAIT_MS): Promise<Hanging[]> {
    for (const end = Date.now() + ms; ; await sleep(10)) {
      const hanging = await this.hanging();
      if (hanging.length >= count) return hanging;
      if (Date.now() > end) throw new Error(`${hanging.length} operations hang, not ${count}`);
    }
  }

  /** How often each operation has come so far. */
  async counts(): Promise<Partial<Record<OperationName, number>>> {
    return (await this.#ask({ kind: 'counts' })) as Partial<Record<OperationName, number>>;
  }

  /** Whoever hangs there, or comes there later, gets an error: ECONNABORTED or ENOTCONN. */
  async abort(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#end();
  }

  /** Takes it away: its users must have left it. @returns what went wrong, or undefined */
  async unmount(): Promise<string | undefined> {
    const busy = mountAt(this.point) !== undefined && umount2(cstring(this.point), 0) < 0;
    if (busy) {
      umount2(cstring(this.point), MNT_DETACH);
    }
    if (this.#process.connected) this.#process.disconnect();
    await this.#end();
    return busy ? `${this.point} was still in use` : undefined;
  }

  async #end(): Promise<void> {
    this.#process.ref();
    if (this.#process.exitCode === null && this.#process.signalCode === null) await this.#ended;
  }

  async #rule(rule: Rule): Promise<void> {
    await this.#ask({ kind: 'rule', rule });
  }

  #ask(command: Command): Promise<unknown> {
    const id = ++this.#last;
    const answered = this.#answer(id, command.kind);
    this.#process.send({ id, command });
    return answered;
  }

  #answer(id: number, what: string, ms = WAIT_MS): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => fail('no answer'), ms);
      const fail = (why: string) => {
        this.#answers.delete(id);
        clearTimeout(late);
        reject(new Error(`the sick file system, ${what}: ${why}`));
      };
      const gone = () => fail('its process has ended');
      this.#process.once('exit', gone);
      this.#answers.set(id, (value) => {
        clearTimeout(late);
        this.#process.off('exit', gone);
        resolve(value);
      });
    });
  }
}
