// A real mount for a test: layers on a storage of choice, the built program serving them, and everything taken away again whatever
// the test does. What cannot run here is skipped with its reason, or fails with MIGRATEFS_REQUIRE_MOUNT=1.

import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { mountAt } from '../../src/sys/mountinfo.ts';
import { Sick } from '../sick/sick.ts';
import { type Backing, backingMissing, makeStorage, type Storage, unmountPath } from './backing.ts';
import { Faults } from './faults.ts';
import { Guard } from './guard.ts';
import { optionsFor } from './mount-options.ts';
import { daemonOf, isAlive, until } from './processes.ts';
import { cleanEnv, has, isRoot, must, run } from './tools.ts';

export { daemonOf, Hung, isAlive, until } from './processes.ts';
export * from './tools.ts';
export { type Backing, isRoot };

/** The program, as built. */
export const program = fileURLToPath(new URL('../../bin/migratefs.js', import.meta.url));
const built = fileURLToPath(new URL('../../dist/program/main.js', import.meta.url));
const guardScript = fileURLToPath(new URL('guard.sh', import.meta.url));

export interface MountTestOptions {
  /** What the layers lie on (default: plain directories). */
  backing?: Backing;
  /** For the upper layer, if not the same. */
  upperBacking?: Backing;
  /** Size of each file system that is made, of which nothing is taken before it is used; the default is more than a test fills. */
  size?: string;
  /** The image files lie on a file system of their own, `store` in the test's directory, where they can be cloned (snapshots.ts). */
  store?: boolean;
  /** All layers are directories of one storage. */
  together?: boolean;
  /** How many lower layers (default 1). */
  lowers?: number;
  /** This layer (the topmost lower one) is a file system that can be told to hang or fail (test/sick); needs `root`. */
  sick?: 'upper' | 'lower';
  /** More mount options, `cache=none,threads=2`. */
  options?: string;
  /** Every message in the log. */
  debug?: boolean;
  /** The daemon may have no more open descriptors than these, whatever it asks for. In the foreground only. */
  descriptors?: number;
  /** Go into the background, as without -f. */
  background?: boolean;
  /** More of the daemon's environment, made of the test's directory. */
  env?: (dir: string) => Record<string, string>;
  /** Needs root: skipped for others, also where mounting is required. */
  root?: boolean;
  /** The daemon stops or dies where the test wants it to, see `Mounted.faults`. */
  faults?: boolean;
  /** Programs that the test runs. */
  needs?: string[];
  /** Lays the layers out, before the mount. */
  prepare?: (layers: { upper: string; lower: string[] }) => void | Promise<void>;
  /** Milliseconds for the whole test; default 120000. */
  timeout?: number;
}

/** What a test has. `lower[0]` is the topmost. */
export interface Mounted {
  /** The test's own directory, which holds all else and may hold more. */
  dir: string;
  mnt: string;
  upper: string;
  lower: string[];
  /** The sick layer, and the directory behind it, where everything is well. */
  readonly sick: Sick;
  readonly behind: string;
  /** The layers as one more host has them: mounts of its own where they lie on a network file system. */
  elsewhere: () => { upper: string; lower: string[] };
  /** What the daemon has logged; of the foreground form only. */
  log: () => string;
  readonly daemonPid: number;
  /** With the option `faults`. */
  readonly faults: Faults;
  /** Kills the daemon at once. The dead mount stays until `unmount` or `remount`. */
  kill9: () => Promise<void>;
  signal: (signal: NodeJS.Signals) => void;
  /** Waits for the daemon's end. @returns its exit status (foreground form), or null; throws after `ms` */
  ended: (ms?: number) => Promise<number | null>;
  /** Unmounts, and waits for the daemon's end. */
  unmount: () => Promise<void>;
  /** Unmounts if need be, and mounts again. */
  remount: (options?: string) => Promise<void>;
}

/** Why nothing can be mounted here. */
export function mountMissing(): string | undefined {
  if (!existsSync('/dev/fuse')) return 'no /dev/fuse here';
  try {
    closeSync(openSync('/dev/fuse', 'r+'));
  } catch (error) {
    return `/dev/fuse cannot be opened: ${(error as NodeJS.ErrnoException).code}`;
  }
  return isRoot || has('fusermount3') ? undefined : 'no fusermount3 here';
}

/** Why a test cannot run here, and whether that is a fault where mounting is required. */
function missing(options: MountTestOptions): { reason: string; fault: boolean } | undefined {
  if (options.root && !isRoot) return { reason: 'root alone can do this', fault: false };
  const store = options.store ? 'xfs' : 'dir';
  for (const backing of [options.backing ?? 'dir', options.upperBacking ?? 'dir', store] as const) {
    const without = backingMissing(backing);
    if (without) return { reason: without.reason, fault: !without.userCannot };
  }
  const nothing = mountMissing();
  if (nothing !== undefined) return { reason: nothing, fault: true };
  const program = options.needs?.find((name) => !has(name));
  return program === undefined ? undefined : { reason: `no ${program} here`, fault: true };
}

/** A subtest of `t` over a live mount. Await it: the tests of a file run one after the other. */
export function mountTest(
  t: Test,
  name: string,
  options: MountTestOptions,
  body: (t: Test, m: Mounted) => void | Promise<void>,
): Promise<unknown> {
  const without = missing(options);
  if (without !== undefined && !(without.fault && process.env.MIGRATEFS_REQUIRE_MOUNT === '1')) {
    return t.test(name, { skip: without.reason }, async () => {});
  }
  return t.test(name, { timeout: options.timeout ?? 120_000 }, async (t) => {
    if (without !== undefined) throw new Error(`${without.reason}, and MIGRATEFS_REQUIRE_MOUNT=1`);
    if (!existsSync(built)) throw new Error('not built: npm run build');
    const mount = new LiveMount(options);
    t.teardown(async () => {
      const faults = await mount.close();
      if (faults.length > 0) throw new Error(`not taken away cleanly: ${faults.join('; ')}`);
    });
    mount.makeLayers();
    if (options.sick !== undefined) await mount.fallSick(options.sick);
    await options.prepare?.({ upper: mount.upper, lower: mount.lower });
    await mount.start();
    await body(t, mount);
  });
}

/** How long a mount may take to answer: on a machine with other work a daemon that comes up may wait long for its turn. */
export const READY_MS = 90_000;

class LiveMount implements Mounted {
  readonly dir = mkdtempSync(`${tmpdir()}/migratefs-test-`);
  readonly mnt = `${this.dir}/mnt`;
  upper = `${this.dir}/upper`;
  readonly lower: string[] = [];
  daemonPid = 0;
  behind = '';
  readonly #options: MountTestOptions;
  /** What must be there before the layers. */
  readonly #storages: Storage[] = [];
  readonly #layers: Storage[] = [];
  readonly #logFile = `${this.dir}/log`;
  readonly #guard: Guard;
  #faults: Faults | undefined;
  #daemon: ChildProcess | undefined;
  #sick: Sick | undefined;

  constructor(options: MountTestOptions) {
    this.#options = options;
    chmodSync(this.dir, 0o755);
    mkdirSync(this.mnt);
    writeFileSync(this.#logFile, '');
    this.#guard = new Guard(this.dir, guardScript);
  }

  makeLayers(): void {
    const { backing = 'dir', upperBacking = backing, size, lowers = 1, store, together } = this.#options;
    const images = store ? `${this.dir}/store` : this.dir;
    if (store) this.#storages.push(makeStorage('xfs', images, this.dir, '8G'));
    const one = `${this.dir}/one`;
    if (together) this.#storages.push(makeStorage(backing, one, this.dir, size, `${images}/one.img`));
    const make = (kind: Backing, name: string): string => {
      if (together) mkdirSync(`${one}/${name}`);
      if (together) return `${one}/${name}`;
      const path = `${this.dir}/${name}`;
      this.#layers.push(makeStorage(kind, path, this.dir, size, `${images}/${name}.img`));
      return path;
    };
    this.upper = make(upperBacking, 'upper');
    for (let i = 0; i < lowers; i++) this.lower.push(make(backing, `lower${lowers > 1 ? i + 1 : ''}`));
  }

  elsewhere(): { upper: string; lower: string[] } {
    const [upper = '', ...lower] = this.#layers.map((layer) => layer.elsewhere());
    return { upper, lower };
  }

  /** Puts a sick file system over a layer, which is still there behind it. */
  async fallSick(which: 'upper' | 'lower'): Promise<void> {
    const point = which === 'upper' ? this.upper : (this.lower[0] as string);
    this.behind = `${this.dir}/behind`;
    mkdirSync(this.behind);
    if (isRoot) must('mount', ['--bind', point, this.behind]);
    writeFileSync(this.#guard.mounts, `${this.behind}\n${point}\n`, { flag: 'a' });
    this.#sick = await Sick.mount(this.behind, point, this.#guard.pids);
  }

  get sick(): Sick {
    if (this.#sick === undefined) throw new Error('no layer of this test is sick');
    return this.#sick;
  }

  async start(more = this.#options.options ?? ''): Promise<void> {
    const words = optionsFor(this, more);
    writeFileSync(this.#guard.mounts, `${this.mnt}\n`, { flag: 'a' });
    const log = openSync(this.#logFile, 'a');
    const env = this.#options.env?.(this.dir) ?? {};
    if (this.#options.background) {
      must(process.execPath, [program, '-o', words, this.mnt], { timeout: READY_MS, env });
      this.daemonPid = daemonOf(this.upper);
    } else {
      const hooked = this.#options.faults ? this.faults : undefined;
      const { descriptors: most, debug } = this.#options;
      const limited = most === undefined ? [] : ['prlimit', `--nofile=${most}:${most}`];
      const node = [process.execPath, ...(hooked?.args ?? []), program];
      const [command = '', ...args] = [...limited, ...node, debug ? '-d' : '-f', '-o', words, this.mnt];
      this.#daemon = spawn(command, args, {
        stdio: ['ignore', log, log],
        cwd: '/',
        env: cleanEnv({ ...env, ...hooked?.env }),
      });
      this.daemonPid = this.#daemon.pid ?? 0;
    }
    closeSync(log);
    writeFileSync(this.#guard.pids, `${this.daemonPid}\n`, { flag: 'a' });
    await until(
      'mounted',
      () => {
        if (!isAlive(this.daemonPid)) throw new Error(`the daemon did not come up:\n${this.log()}`);
        return mountAt(this.mnt) !== undefined;
      },
      READY_MS,
    );
    // Answered once there are workers; a hanging mount must not hang the test.
    try {
      must('stat', [this.mnt], { timeout: READY_MS });
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.log().slice(-4000)}`);
    }
  }

  get faults(): Faults {
    this.#faults ??= new Faults(`${this.dir}/faults`);
    return this.#faults;
  }

  log(): string {
    return readFileSync(this.#logFile, 'utf8');
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.daemonPid, signal);
  }

  async kill9(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended();
  }

  async ended(ms = 15_000): Promise<number | null> {
    await until(`end of the daemon ${this.daemonPid}`, () => !isAlive(this.daemonPid), ms);
    const daemon = this.#daemon;
    if (!daemon) return null;
    await until('exit status', () => daemon.exitCode !== null || daemon.signalCode !== null);
    return daemon.exitCode;
  }

  async unmount(): Promise<void> {
    if (mountAt(this.mnt) !== undefined) {
      const fault = unmountPath(this.mnt);
      if (fault !== undefined) throw new Error(fault);
    }
    await this.ended();
  }

  async remount(options?: string): Promise<void> {
    await this.unmount();
    await this.start(options);
  }

  /** Takes everything away. @returns what was not as it should be */
  async close(): Promise<string[]> {
    const faults: string[] = [];
    this.#faults?.clear();
    await this.#sick?.release().catch((error: Error) => faults.push(error.message));
    await this.unmount().catch((error: Error) => faults.push(error.message));
    if (mountAt(this.mnt) !== undefined) {
      if (isRoot) run('umount', ['-l', this.mnt]);
      else run('fusermount3', ['-u', '-z', this.mnt]);
      await this.ended(3000).catch(() => {});
    }
    if (this.daemonPid > 0 && isAlive(this.daemonPid)) {
      faults.push('the daemon had to be killed');
      await this.kill9().catch((error: Error) => faults.push(error.message));
    }
    const ill = await this.#sick?.unmount();
    if (ill !== undefined) faults.push(ill);
    const behind = mountAt(this.behind) === undefined ? undefined : unmountPath(this.behind);
    if (behind !== undefined) faults.push(behind);
    for (const storage of [...this.#storages, ...this.#layers].reverse()) {
      const fault = storage.remove();
      if (fault !== undefined) faults.push(fault);
    }
    // A file that nobody may change is left by a test that failed half-way.
    if (isRoot) run('chattr', ['-R', '-f', '-i', this.dir]);
    run('chmod', ['-R', '-f', 'u+rwX', this.dir]);
    const removed = run('rm', ['-rf', '--one-file-system', this.dir]);
    if (removed.status !== 0) faults.push(removed.stderr.toString());
    await this.#guard.end();
    return faults;
  }
}
