// Stopping or killing a daemon of a test at one of its fault points (src/layers/faultpoint.ts).

import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { FaultPoint } from '../../src/layers/faultpoint.ts';
import { until } from './processes.ts';

const hook = fileURLToPath(new URL('fault-hook.mjs', import.meta.url));

/** The steps of a copy-up until the copy is seen. */
export const UNPUBLISHED: readonly FaultPoint[] = [
  'copyup.temporary',
  'copyup.data',
  'copyup.metadata',
  'copyup.synced',
  'copyup.ready',
];

/** All of its steps. */
export const COPY_UP: readonly FaultPoint[] = [
  ...UNPUBLISHED,
  'copyup.published',
  'copyup.durable',
  'source.checked',
  'source.aside',
  'copyup.removed',
];

export interface Paused {
  /** Lets the worker go on. */
  go: () => void;
}

/** The fault points of one daemon, and what is to happen there. */
export class Faults {
  readonly #dir: string;

  /** @param dir a directory for the orders, which is made */
  constructor(dir: string) {
    this.#dir = dir;
    this.#make();
  }

  /** What node is started with. */
  get args(): string[] {
    return ['--import', hook];
  }

  get env(): Record<string, string> {
    return { MIGRATEFS_TEST_FAULTS: this.#dir };
  }

  /** The next worker that comes to the point stops there. @returns call it when somebody is to come: it resolves when he is there */
  pause(point: FaultPoint): () => Promise<Paused> {
    writeFileSync(`${this.#dir}/${point}`, 'pause');
    return async () => {
      await until(`a worker at ${point}`, () => existsSync(`${this.#dir}/${point}.reached`), 20_000);
      return {
        go: () => {
          rmSync(`${this.#dir}/${point}.reached`);
          rmSync(`${this.#dir}/${point}.taken`);
        },
      };
    };
  }

  /** The next worker that comes to the point kills the daemon, or ends, or throws what nobody expects. */
  order(what: 'kill' | 'exit' | 'throw', point: FaultPoint): void {
    writeFileSync(`${this.#dir}/${point}`, what);
  }

  /** The daemon is killed by the next worker that comes to the point. */
  kill(point: FaultPoint): void {
    this.order('kill', point);
  }

  /** Takes all orders back; who is stopped goes on. */
  clear(): void {
    rmSync(this.#dir, { recursive: true });
    this.#make();
  }

  // A worker takes its orders as whoever it works for.
  #make(): void {
    mkdirSync(this.#dir);
    chmodSync(this.#dir, 0o777);
  }
}
