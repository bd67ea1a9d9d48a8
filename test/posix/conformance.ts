// Runs all cases: on a plain directory of each file system, which shows that the cases are right there, and on mounts over it, one for each
// layout, in which each case has a directory of its own.

import { mkdirSync, readdirSync } from 'node:fs';
import type { Test } from 'tap';
import { O_CLOEXEC, O_PATH } from '../../src/sys/constants.ts';
import { close, open } from '../../src/sys/fd.ts';
import { fstatfs, StatFs } from '../../src/sys/statfs.ts';
import { type Backing, backingMissing } from '../mounted/backing.ts';
import { isAsked } from '../mounted/mount-options.ts';
import { has, isRoot, type Mounted, mountTest, run } from '../mounted/support.ts';
import { build, complete } from './build.ts';
import { calls } from './calls/index.ts';
import { bytesOf, sure } from './calls/support.ts';
import type { Case, FileSystemName } from './case.ts';
import { contextFor, Mismatch, tidy } from './context.ts';
import { LAYOUTS, type Layout, type LayoutName } from './layouts.ts';
import { endOthers, tidyOthers } from './other.ts';
import { endProbes } from './probe.ts';

const list = (name: string): string[] | undefined =>
  process.env[`MIGRATEFS_POSIX_${name}`]?.split(',').filter(Boolean);

const only = process.env.MIGRATEFS_POSIX_ONLY ?? '';
const files = process.env.MIGRATEFS_POSIX_FILES ?? '';
const isPassing = isAsked('passthrough=upper');

/** Where cases run, and the directory that all their own ones are in. */
interface Place {
  layout: LayoutName;
  fs: FileSystemName;
  root: string;
  /** Made when a case begins, not before the mount. */
  lateBuild: boolean;
  /** What the plain directory has answered, by case. */
  plain: Map<string, string[]>;
}

/** The cases of every file in `cases/`, or of those that are asked for. */
async function load(): Promise<Case[]> {
  const folder = new URL('cases/', import.meta.url);
  const all: Case[] = [];
  for (const name of readdirSync(folder).sort()) {
    if (!name.includes(files)) continue;
    const { default: some } = (await import(new URL(name, folder).href)) as { default: Case[] };
    all.push(...some);
  }
  const names = new Set(all.map(({ name }) => name));
  if (names.size !== all.length) {
    const twice = all.filter(({ name }, i) => all.findIndex((each) => each.name === name) !== i);
    throw new Error(`two cases have one name: ${twice.map(({ name }) => name).join(', ')}`);
  }
  return all.filter(({ name }) => name.includes(only));
}

/** Each case's directory: short, so that a path in it has room, and the same whatever else runs. */
const directoryOf = (number: number) => `c${number}`;

/** A number of the case's own, whatever other cases there are. */
const drawn = (name: string) =>
  [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) & 0xffff, 0);

const MAGIC: Record<number, FileSystemName> = {
  61267: 'ext4',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  16914836: 'tmpfs',
};

function fileSystemOf(path: string): FileSystemName {
  const fd = sure(open(bytesOf(path), O_PATH | O_CLOEXEC), path);
  const out = new StatFs();
  sure(fstatfs(fd, out), `statfs ${path}`);
  close(fd);
  return MAGIC[out.type] ?? 'other';
}

const programs = new Map<string, boolean>();

function isThere(program: string): boolean {
  const known = programs.get(program) ?? has(program);
  programs.set(program, known);
  return known;
}

/** Why a case does not run at a place. */
function skipReason(each: Case, fs: FileSystemName): string | undefined {
  if (each.root && !isRoot) return 'root alone can do this';
  if (each.needs !== undefined && !isThere(each.needs)) {
    if (process.env.MIGRATEFS_REQUIRE_MOUNT === '1') throw new Error(`no ${each.needs} here`);
    return `no ${each.needs} here`;
  }
  return each.unless?.[fs];
}

/** Runs one case. @returns how it failed, or undefined */
function outcomeOf(each: Case, number: number, place: Place): string | undefined {
  const directory = `${place.root}/${directoryOf(number)}`;
  const plain = place.plain.get(each.name) ?? [];
  place.plain.set(each.name, plain);
  try {
    calls.umask(0);
    if (place.lateBuild) build(directory, complete(each.given ?? {}));
    calls.umask(0o022);
    sure(calls.chdir(directory), `chdir ${directory}`);
    each.run(contextFor({ layout: place.layout, fs: place.fs, directory, plain }));
    return undefined;
  } catch (error) {
    return error instanceof Mismatch ? error.message : String((error as Error).stack);
  } finally {
    tidy();
    tidyOthers();
    endProbes();
  }
}

/** Where in this file an assertion stands means nothing, and takes longer to find out than most cases. */
const HERE = { at: null, stack: '' };

function runCases(t: Test, cases: readonly Case[], place: Place): void {
  const skipped = new Map<string, number>();
  for (const [number, each] of cases.entries()) {
    const without = skipReason(each, place.fs);
    if (without !== undefined) {
      skipped.set(without, (skipped.get(without) ?? 0) + 1);
      continue;
    }
    const failure = outcomeOf(each, number, place);
    const deviates =
      place.layout === 'plain' ? undefined : (each.deviates?.[place.layout] ?? each.deviates?.mounted);
    const passing = isPassing && place.layout !== 'plain' ? each.deviates?.passthrough : undefined;
    if (passing !== undefined && failure?.includes(passing.sees))
      t.pass(`${each.name} (deviates: ${passing.why})`, HERE);
    else if (deviates === undefined) {
      if (failure === undefined) t.pass(each.name, HERE);
      else t.fail(`${each.name} (${place.layout}, ${place.fs})`, { failure, ...HERE });
    } else if (failure?.includes(deviates.sees)) t.pass(`${each.name} (deviates: ${deviates.why})`, HERE);
    else {
      const seen = failure ?? 'no deviation any more';
      t.fail(`${each.name} (${place.layout}, ${place.fs})`, {
        expected: deviates.sees,
        failure: seen,
        ...HERE,
      });
    }
  }
  for (const [reason, count] of skipped) {
    void t.test(`${place.layout}: ${count} cases`, { skip: reason }, async () => {});
  }
}

/** What cases have left can be taken away through the mount, and nothing of it stays behind on any layer. */
function takeAway(t: Test, m: Mounted): void {
  const names = readdirSync(m.mnt).filter((name) => /^c\d+$/.test(name));
  if (!isRoot) run('chmod', ['-R', 'u+rwX', '--', ...names], { cwd: m.mnt });
  const { status, stderr } = run('rm', ['-rf', '--', ...names], { cwd: m.mnt });
  t.equal(`${stderr}`.slice(0, 2000), '', 'everything can be removed');
  t.equal(status, 0);
  const left = [m.upper, ...m.lower].flatMap((layer) =>
    readdirSync(layer).flatMap((name) => (/^c\d+$/.test(name) ? [`${layer}/${name}`] : [])),
  );
  t.same(left, [], 'nothing is left on the layers');
}

/** Where nothing else is asked for: which layouts (all), and with how many workers (as many as the mount starts by itself). */
export interface Usual {
  layouts?: readonly LayoutName[];
  threads?: readonly string[];
  /** Each layout with one number of workers only, in turn: the file system is what matters. */
  inTurn?: boolean;
}

/** All cases on one file system. */
export async function conformance(t: Test, backing: Backing, usual: Usual = {}): Promise<void> {
  // One skip, with its reason, instead of one for each layout.
  if (backingMissing(backing)) {
    await mountTest(t, backing, { backing }, () => {});
    return;
  }
  const cases = await load();
  const plain = new Map<string, string[]>();
  const layouts: readonly string[] = list('LAYOUTS') ?? usual.layouts ?? LAYOUTS.map(({ name }) => name);
  const asked = list('THREADS');
  const counts = asked ?? usual.threads ?? [''];
  for (const [i, count] of counts.entries()) {
    for (const [k, layout] of LAYOUTS.entries()) {
      if (asked === undefined && usual.inTurn && k % counts.length !== i) continue;
      if (layouts.includes(layout.name)) await runLayout(t, cases, backing, layout, count, plain);
    }
  }
  endOthers();
}

function runLayout(
  t: Test,
  cases: readonly Case[],
  backing: Backing,
  layout: Layout,
  count: string,
  plain: Map<string, string[]>,
): Promise<unknown> {
  const isFirst = plain.size === 0;
  const { lowers, place } = layout;
  const options = count === '' ? '' : `threads=${count}`;
  const label = `${backing}, ${layout.name}${options === '' ? '' : `, ${options}`}`;
  const prepare = ({ upper, lower }: { upper: string; lower: string[] }) => {
    const old = calls.umask(0);
    const fs = fileSystemOf(upper);
    for (const [number, each] of cases.entries()) {
      if (skipReason(each, fs) !== undefined) continue;
      const placed = place?.(each.given ?? {}, drawn(each.name)) ?? [];
      for (const [i, root] of [upper, ...lower].entries()) {
        if (placed[i]?.length) build(`${root}/${directoryOf(number)}`, placed[i]);
      }
    }
    calls.umask(old);
  };
  return mountTest(t, label, { backing, lowers, options, prepare, timeout: 3_600_000 }, async (t, m) => {
    const fs = fileSystemOf(m.upper);
    if (isFirst) {
      const root = `${m.lower[0]}/plain`;
      mkdirSync(root);
      const at: Place = { layout: 'plain', fs, root, lateBuild: true, plain };
      await t.test('plain directory', async (t) => runCases(t, cases, at));
    }
    runCases(t, cases, { layout: layout.name, fs, root: m.mnt, lateBuild: !place, plain });
    takeAway(t, m);
  });
}

/** The file systems that were asked for, or else the ones that are always tried. */
export function backings(usual: readonly Backing[]): readonly Backing[] {
  return (list('BACKINGS') as Backing[] | undefined) ?? usual;
}
