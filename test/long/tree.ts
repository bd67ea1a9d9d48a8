// The exerciser of names (tree-exerciser.c) over layers that hold parts of one tree, and what must be true of them afterwards.

import { existsSync, lstatSync, readdirSync } from 'node:fs';
import type { Test } from 'tap';
import {
  type Described,
  describe,
  join,
  type Mounted,
  must,
  printable,
  run,
  treeDigest,
} from '../mounted/support.ts';
import { compiled, ran, seedOf } from './exerciser.ts';
import { reported } from './support.ts';

/** What a merged tree of these layers must show, read from the layers themselves; links are counted by none of them alone. */
export function mergedDigest(layers: readonly string[]): Record<string, Described> {
  const digest: Record<string, Described> = {};
  const walk = (dirs: readonly Buffer[], shown: string) => {
    const names = new Set(dirs.flatMap((dir) => readdirSync(dir, 'latin1')));
    for (const name of [...names].sort()) {
      if (shown === '' && name === '.migratefs') continue;
      const bytes = Buffer.from(name, 'latin1');
      const found = dirs
        .map((dir) => join(dir, bytes))
        .filter((path) => lstatSync(path, { throwIfNoEntry: false }));
      const top = found[0] as Buffer;
      const key = `${shown}${printable(bytes)}`;
      digest[key] = withoutLinks(describe(top));
      const hider = found.findIndex((path) => !lstatSync(path).isDirectory());
      const sides = hider < 0 ? found : found.slice(0, hider);
      if (sides.length > 0) walk(sides, `${key}/`);
    }
  };
  walk(
    layers.map((layer) => Buffer.from(layer)),
    '',
  );
  return digest;
}

const withoutLinks = (described: Described): Described => ({ ...described, links: undefined });

/** A tree whose parts begin in different layers, with conflicts between them. */
export class TreeRun {
  readonly #processes: number;
  readonly #seed: number;

  constructor(processes: number, seed = seedOf()) {
    this.#processes = processes;
    this.#seed = seed;
  }

  /** Makes the parts, before the mount. @param dir for the program. */
  lay(dir: string, layers: readonly string[]): void {
    const program = compiled('long/tree-exerciser', dir);
    for (const [i, layer] of layers.entries())
      must(program, ['lay', layer, `${this.#seed + 1000 + i}`, '300']);
  }

  /** Works in it until the seconds or the operations are over (0: never), looks at all of it, and takes it away through the mount. */
  async work(t: Test, m: Mounted, duration: { seconds: number; operations: number }): Promise<void> {
    const program = `${m.dir}/tree-exerciser`;
    const check = async (what: string) => t.equal(await ran(program, ['check', m.mnt], 100_000), 'ok', what);
    await check('the tree at the beginning');
    const { seconds, operations } = duration;
    const results = Array.from({ length: this.#processes }, (_, i) =>
      ran(program, ['run', m.mnt, this.#seed + i, seconds, operations], seconds * 1000 + 150_000),
    );
    t.same(await Promise.all(results), Array(this.#processes).fill('ok'));
    await check('the tree at the end');
    const layers = [m.upper, ...m.lower];
    const shown = Object.entries(treeDigest(m.mnt)).filter(([name]) => name !== '.');
    const seen = Object.fromEntries(shown.map(([name, each]) => [name, withoutLinks(each)]));
    t.ok(shown.length > 20, `${shown.length} objects`);
    t.same(seen, mergedDigest(layers), 'it is what the layers hold');
    const removed = run('find', [m.mnt, '-mindepth', '1', '-delete'], { timeout: 100_000 });
    t.equal(`${removed.stderr}`, '', 'all of it can be removed');
    t.same(readdirSync(m.mnt), []);
    for (const layer of layers) {
      t.same(
        readdirSync(layer).filter((name) => name !== '.migratefs'),
        [],
        'and is gone from the layers',
      );
    }
    // What was hidden below a name of another type has been kept.
    t.same(
      reported(m).filter((line) => !/ event=hidden_tree_set_aside /.test(line)),
      [],
      'nothing wrong in the log',
    );
    for (const work of layers.map((layer) => `${layer}/.migratefs/work`)) {
      t.same(existsSync(work) ? readdirSync(work) : [], [], 'nothing is left half-way');
    }
  }
}
