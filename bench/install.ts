// What the benchmark compares against, and works with, from the packages of Debian.

import { spawnSync } from 'node:child_process';
import { has } from '../test/mounted/tools.ts';

/** The package that has a program, where it is not called the same. */
const PACKAGES: Readonly<Record<string, string>> = {
  unionfs: 'unionfs-fuse',
  gcc: 'build-essential',
  'mkfs.ext4': 'e2fsprogs',
};

/** What every Debian has; nothing is installed for these. */
const BASIC = new Set(['cat', 'cp', 'find', 'ls', 'rm', 'sync', 'tar', 'npm']);

/** Installs what is missing of some programs, and says so. What cannot be installed is missing afterwards. */
export function install(programs: readonly string[]): void {
  const missing = [...new Set(programs)].filter((name) => !BASIC.has(name) && !has(name));
  if (missing.length === 0 || !has('apt-get')) return;
  const packages = missing.map((name) => PACKAGES[name] ?? name);
  console.log(`installing ${packages.join(', ')} (--no-install leaves them out)`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [
    ['update', '-q'],
    ['install', '-q', '-y', '--no-install-recommends', ...packages],
  ]) {
    const { status } = spawnSync('apt-get', args, { stdio: ['ignore', 'ignore', 'inherit'], env });
    if (status !== 0) {
      console.log(`apt-get ${args[0]} has failed`);
      return;
    }
  }
}

/** Those of some things whose programs are all there. `note` is told of the others. */
export function available<T extends { readonly name: string; readonly needs: readonly string[] }>(
  things: readonly T[],
  note: (what: string) => void,
): T[] {
  const known = new Map<string, boolean>();
  const isThere = (program: string) => {
    const there = known.get(program) ?? has(program);
    known.set(program, there);
    return there;
  };
  return things.filter(({ name, needs }) => {
    const missing = needs.filter((program) => !isThere(program));
    if (missing.length > 0) note(`${name}: no ${missing.join(', ')} here`);
    return missing.length === 0;
  });
}
