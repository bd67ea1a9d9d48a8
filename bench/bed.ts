// The bed of one peer on one storage: its layers, its mount, its daemon.

import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { mountAt } from '../src/sys/mountinfo.ts';
import { unmountPath } from '../test/mounted/backing.ts';
import type { Guard } from '../test/mounted/guard.ts';
import { cleanEnv } from '../test/mounted/tools.ts';
import { Sick } from '../test/sick/sick.ts';
import type { Ground, Peer } from './peers.ts';
import type { Tools } from './tools.ts';

const READY_MS = 90_000;
/** Of the clock that /proc/PID/stat counts in; the same on every Linux that Node runs on. */
const TICKS = 100;

export class Bed {
  readonly peer: Peer;
  readonly tools: Tools;
  /** Where a workload lays what is on each layer. Of a plain directory both are the same one. */
  readonly lower: string;
  readonly upper: string;
  /** Where programs work. */
  readonly tree: string;
  readonly #guard: Guard;
  readonly #ground: Ground;
  readonly #log: string;
  #daemon: ChildProcess | undefined;
  #sick: Sick | undefined;
  #sickPoint: string | undefined;

  /**
   * @param parent a directory on the storage
   * @param isSick the lower layer is to be a file system that can be told to be slow or to hang
   */
  constructor(peer: Peer, parent: string, tools: Tools, guard: Guard, isSick: boolean) {
    const at = (name: string) => {
      const path = `${parent}/${peer.name}/${name}`;
      mkdirSync(path, { recursive: true });
      return path;
    };
    this.peer = peer;
    this.tools = tools;
    this.#guard = guard;
    this.#log = `${tools.scratch}/${peer.name}.log`;
    const isPlain = peer.kind === 'plain';
    this.upper = at('upper');
    this.lower = isPlain ? this.upper : at('lower');
    this.#sickPoint = isSick ? at('sick') : undefined;
    this.#ground = {
      lower: this.#sickPoint ?? this.lower,
      upper: this.upper,
      work: at('work'),
      mountpoint: at('mnt'),
    };
    this.tree = peer.mount ? this.#ground.mountpoint : isPlain ? this.#ground.lower : this.upper;
  }

  /** The lower layer, of a workload that wants it sick. */
  get sick(): Sick {
    if (this.#sick === undefined) throw new Error('the lower layer of this workload is well');
    return this.#sick;
  }

  /** Mounts it, and waits until it answers. @throws with its own words */
  async mount(): Promise<void> {
    if (this.#sickPoint !== undefined && this.#sick === undefined) {
      appendFileSync(this.#guard.mounts, `${this.#sickPoint}\n`);
      this.#sick = await Sick.mount(this.lower, this.#sickPoint, this.#guard.pids);
    }
    const command = this.peer.mount?.(this.#ground);
    if (command === undefined) return;
    const [file = '', ...args] = command;
    const point = this.#ground.mountpoint;
    appendFileSync(this.#guard.mounts, `${point}\n`);
    if (this.peer.kind === 'kernel') await this.tools.run(file, args);
    else {
      const log = openSync(this.#log, 'w');
      const stdio = ['ignore', log, log] as const;
      const daemon = spawn(file, args, { stdio: [...stdio], cwd: '/', env: cleanEnv(), detached: true });
      closeSync(log);
      this.#daemon = daemon;
      daemon.once('error', () => {}); // told below, by what is not mounted
      appendFileSync(this.#guard.pids, `${daemon.pid ?? 0}\n`);
      for (const end = Date.now() + READY_MS; mountAt(point) === undefined; await sleep(1)) {
        const isGone = daemon.pid === undefined || daemon.exitCode !== null || daemon.signalCode !== null;
        if (isGone || Date.now() > end) throw new Error(`did not mount: ${this.#said()}`);
      }
    }
    await stat(point);
  }

  /** Takes the mount away, and waits for the daemon's end. @returns what went wrong, or undefined */
  async unmount(): Promise<string | undefined> {
    const point = this.#ground.mountpoint;
    const fault = mountAt(point) === undefined ? undefined : unmountPath(point);
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (daemon?.pid === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return fault;
    const late = setTimeout(() => daemon.kill('SIGKILL'), fault === undefined ? 15_000 : 0);
    await new Promise((resolve) => daemon.once('exit', resolve));
    clearTimeout(late);
    return fault;
  }

  /** Takes everything away. @returns what went wrong, or undefined */
  async close(): Promise<string | undefined> {
    await this.#sick?.release().catch(() => {}); // its end is told below
    const fault = await this.unmount();
    const sick = this.#sick;
    this.#sick = undefined;
    return (await sick?.unmount()) ?? fault;
  }

  /** Has the kernel forget all names and attributes that nobody uses, and waits until the daemon has taken note of it. */
  async cold(): Promise<void> {
    writeFileSync('/proc/sys/vm/drop_caches', '2');
    await this.settle();
  }

  /** Waits until the daemon does nothing any more. */
  async settle(): Promise<void> {
    if (this.#daemon === undefined) return;
    for (let last = -1, turn = 0; last !== this.cpuSeconds() && turn < 100; turn++) {
      last = this.cpuSeconds();
      await sleep(50);
    }
  }

  /** User and system time of the daemon so far. */
  cpuSeconds(): number {
    // The name, in brackets, may hold anything; the state is the third field (proc_pid_stat(5)).
    const fields = readFileSync(`/proc/${this.#pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  }

  /** Bytes that the daemon has resident. */
  residentBytes(): number {
    return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.#pid}/status`, 'latin1'))?.[1]);
  }

  get #pid(): number {
    if (this.#daemon?.pid === undefined) throw new Error('it has no daemon');
    return this.#daemon.pid;
  }

  #said(): string {
    return readFileSync(this.#log, 'utf8').trim().split('\n').slice(-3).join(' ').slice(-400);
  }
}
