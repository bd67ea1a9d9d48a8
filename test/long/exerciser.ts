// Builds and runs the exercisers, C programs that work on a mount in several processes at once. A failure prints its seed, which
// MIGRATEFS_EXERCISER_SEED plays again; MIGRATEFS_EXERCISER_SECONDS says how long each run takes.

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { cleanEnv, type Mounted, must } from '../mounted/support.ts';

const { MIGRATEFS_EXERCISER_SECONDS: seconds, MIGRATEFS_EXERCISER_SEED: seed } = process.env;

/** Seconds that each run takes, unless the environment says otherwise. */
export const lasting = (usual: number): number => Number(seconds ?? usual);

/** The first of the seeds of a run: a new one, or the same each time where a test must. */
export const seedOf = (usual = 1 + Math.floor(Math.random() * 1e9)): number => Number(seed ?? usual);

/** Compiles `test/NAME.c`, with its parts `test/NAME-….c`. @returns the program's path, in `dir` */
export function compiled(name: string, dir: string): string {
  const folder = fileURLToPath(new URL(`../../test/${dirname(name)}/`, import.meta.url));
  const main = basename(name);
  const sources = readdirSync(folder).filter(
    (file) => file === `${main}.c` || (file.startsWith(`${main}-`) && file.endsWith('.c')),
  );
  const program = `${dir}/${main}`;
  must('gcc', ['-O1', '-o', program, ...sources.map((file) => `${folder}${file}`)]);
  return program;
}

/** Runs a program to its end. @returns 'ok', or its status and what it has said */
export function ran(program: string, args: readonly (string | number)[], ms: number): Promise<string> {
  return new Promise((done, failed) => {
    const child = spawn(program, args.map(String), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: cleanEnv(),
      cwd: '/',
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), ms);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (said += data));
    child.on('error', failed);
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      done(status === 0 ? 'ok' : `status ${status ?? signal}\n${said.slice(0, 8000)}`);
    });
  });
}

/** A run of the exerciser of contents: pairs of files, one process for each, that begin in the layers by turns. */
export class ContentRun {
  readonly #names: string[];
  readonly #first: number;

  /** @param count processes. */
  constructor(count: number, first = seedOf()) {
    this.#first = first;
    this.#names = Array.from({ length: count }, (_, i) => `x${i}`);
  }

  /** Makes the files, before the mount. @param dir for the program. */
  lay(dir: string, layers: readonly string[]): void {
    const program = compiled('long/exerciser', dir);
    for (const [i, name] of this.#names.entries()) {
      // The old storage has three of four.
      const layer = layers[i % 4 === 3 ? 0 : 1 + (i % (layers.length - 1))];
      must(program, ['lay', `${layer}`, name, `${this.#first + i}`]);
    }
  }

  /** Works on them until the seconds or the operations are over (0: never), and compares what is left on the new storage itself. */
  async work(t: Test, m: Mounted, duration: { seconds: number; operations: number }): Promise<void> {
    const ms = duration.seconds * 1000 + 100_000;
    const results = this.#names.map((name, i) =>
      ran(
        `${m.dir}/exerciser`,
        ['run', m.mnt, name, this.#first + i, duration.seconds, duration.operations, m.dir],
        ms,
      ),
    );
    const said = await Promise.all(results);
    const isRight = said.every((each) => each === 'ok');
    t.same(
      said,
      this.#names.map(() => 'ok'),
      isRight ? 'every byte' : `the daemon's last words:\n${m.log().slice(-3000)}`,
    );
    for (const name of this.#names.flatMap((name) => [`${name}.0`, `${name}.1`])) {
      const expected = readFileSync(`${m.dir}/${name}`);
      t.ok(expected.equals(readFileSync(`${m.mnt}/${name}`)), `${name} through the mount`);
      t.ok(expected.equals(readFileSync(`${m.upper}/${name}`)), `${name} on the new storage`);
    }
  }
}
