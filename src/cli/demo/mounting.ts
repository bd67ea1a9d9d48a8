// The demo's mount: the real command, in the background as an administrator would start it, and its end. The daemon's log goes
// into a named pipe, which has a writer as long as the daemon lives.
import { spawn } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoName } from '../../../protocol/errno.ts';
import { SystemError } from '../../mount/index.ts';
import { FS_TYPE } from '../../mount/mount-flags.ts';
import { optionText } from '../../mount/option-words.ts';
import { AT_FDCWD, S_IFIFO } from '../../sys/constants.ts';
import { cstring } from '../../sys/cstring.ts';
import { mountAt } from '../../sys/mountinfo.ts';
import { mknodat } from '../../sys/path.ts';
import type { Stage } from './storages.ts';

const LOOK_AGAIN_MS = 10;
const END_MS = 10_000;

interface Ended {
  readonly status: number;
  readonly said: string;
}

export class DemoMount {
  readonly #stage: Stage;
  #pipe = -1;
  #log = '';
  #running: Promise<Ended> | undefined;
  #child: ReturnType<typeof spawn> | undefined;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** The words after `migratefs`. */
  static words({ old, new: upper, data }: Pick<Stage, 'old' | 'new' | 'data'>): string[] {
    // A colon in a path would begin another layer.
    const lower = optionText('lowerdir', old).replace(/:/g, '\\:');
    return ['-o', `${lower},${optionText('upperdir', upper)}`, data];
  }

  /** @throws SystemError with the command's own words, which name the mend */
  async mount(): Promise<void> {
    const { log } = this.#stage;
    const made = mknodat(AT_FDCWD, cstring(log), S_IFIFO | 0o600, 0);
    if (made < 0) throw new SystemError('LOG_FAILED', `cannot make the pipe ${log}: ${errnoName(-made)}`);
    this.#pipe = openSync(log, constants.O_RDONLY | constants.O_NONBLOCK);
    const { status, said } = await this.#command(['--log-file', log, ...DemoMount.words(this.#stage)]);
    if (status === 0) return;
    throw new SystemError('MOUNT_FAILED', withoutName(said) || `the command ended with status ${status}`);
  }

  get isMounted(): boolean {
    return mountAt(this.#stage.data)?.type === FS_TYPE;
  }

  /** Lines of the daemon's log so far. */
  log(): string[] {
    this.#drain();
    return this.#log.split('\n').filter((line) => line !== '');
  }

  /** `migratefs umount`. @returns what it said if it could not */
  async unmount(): Promise<string> {
    const { status, said } = await this.#command(['umount', this.#stage.data]);
    return status === 0 ? '' : said || `it ended with status ${status}`;
  }

  /** @returns whether the daemon has ended, at the latest after 10 seconds */
  async ended(): Promise<boolean> {
    for (const end = performance.now() + END_MS; !this.#drain(); await sleep(LOOK_AGAIN_MS)) {
      if (performance.now() > end) return false;
    }
    return true;
  }

  /** Takes the mount away, whatever state it is in. @returns what could not be done, a line each */
  async close(): Promise<string[]> {
    this.#child?.kill('SIGTERM');
    await this.#running;
    const faults: string[] = [];
    if (this.isMounted && (await this.unmount()) !== '' && this.isMounted) {
      const { status, said } = await this.#command(['umount', '--lazy', this.#stage.data]);
      if (status !== 0) faults.push(withoutName(said));
    }
    if (this.#pipe < 0) return faults;
    if (!(await this.ended())) faults.push('the daemon has not ended: ps -C migratefs shows it');
    closeSync(this.#pipe);
    this.#pipe = -1;
    return faults;
  }

  /** Takes what is in the pipe. @returns whether nobody can write to it any more */
  #drain(): boolean {
    const buffer = Buffer.alloc(65_536);
    for (;;) {
      try {
        const got = readSync(this.#pipe, buffer);
        if (got === 0) return true;
        this.#log += buffer.toString('utf8', 0, got);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
        return false;
      }
    }
  }

  /** This very program with other words. */
  #command(args: readonly string[]): Promise<Ended> {
    const program = process.argv[1] as string;
    const child = spawn(process.execPath, [...process.execArgv, program, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true, // Ctrl-C is ours to deal with
    });
    this.#child = child;
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    this.#running = new Promise((done) => {
      child.once('error', (error) => done({ status: -1, said: error.message }));
      child.once('close', (status) => done({ status: status ?? -1, said: said.trim() }));
    });
    return this.#running;
  }
}

function withoutName(said: string): string {
  return said.replace(/^migratefs: /, '');
}
