// Two daemons over the same layers, as on two hosts, each of which the test can stop at its fault points while the other goes on.

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import type { Test } from 'tap';
import { Faults } from './faults.ts';
import { mountOther } from './second.ts';
import { type Backing, cleanEnv, isRoot, type Mounted, type MountTestOptions, mountTest } from './support.ts';

export interface Host {
  readonly mnt: string;
  readonly faults: Faults;
  /** Runs a bash script in the mount. @returns 'ok', or the last words of the error that it met first */
  run: (script: string) => Promise<string>;
}

export interface Hosts extends Mounted {
  readonly a: Host;
  readonly b: Host;
}

function host(mnt: string, faults: Faults): Host {
  const run = (script: string) =>
    new Promise<string>((done) => {
      const child = spawn('bash', ['-e', '-c', script], {
        cwd: mnt,
        env: cleanEnv(),
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let said = '';
      child.stderr.on('data', (data) => {
        said += data;
      });
      child.once('close', (status) =>
        done(status === 0 ? 'ok' : (said.trim().split(': ').at(-1) ?? `status ${status}`)),
      );
    });
  return { mnt, faults, run };
}

/** What hosts meet on: directories of one machine; in test/long also a network file system that each of them mounts, where `renameat2` has no flags. */
export const BACKING = (process.env.MIGRATEFS_HOSTS_BACKING ?? 'dir') as Backing;

/** A subtest over two mounts of the same layers that believe nothing for longer than a request. */
export function hostsTest(
  t: Test,
  name: string,
  options: MountTestOptions,
  body: (t: Test, m: Hosts) => Promise<void>,
): Promise<unknown> {
  const { backing = BACKING } = options;
  const all = { ...options, backing, faults: true, options: options.options ?? 'cache=none' };
  return mountTest(t, backing === 'dir' ? name : `${name}, on ${backing}`, all, async (t, m) => {
    const faults = new Faults(`${m.dir}/faults-b`);
    // Only root can give it another name; for others both are daemons of one host, which can ask about each other's processes.
    const { mnt } = await mountOther(t, m, 'second', all.options, {
      faults,
      ...(isRoot && { host: 'other' }),
    });
    await body(t, Object.assign(m, { a: host(m.mnt, m.faults), b: host(mnt, faults) }));
    for (const layer of [m.upper, ...m.lower]) {
      t.same(list(`${layer}/.migratefs/work`), [], 'nothing unfinished is left');
      t.same(list(`${layer}/.migratefs/links`), [], 'nothing waits for names that are gone');
    }
  });
}

/** The names in a directory; none where it is not there. */
export function list(dir: string): string[] {
  try {
    return readdirSync(dir).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** The records of renames that stand (src/layers/intent.ts), without their marks. */
export function records({ upper }: Pick<Mounted, 'upper'>): string[] {
  return list(`${upper}/.migratefs/intents`).filter((name) => !name.startsWith('moving-'));
}
