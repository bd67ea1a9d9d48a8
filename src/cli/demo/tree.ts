// Reading trees back: which files a storage, or the mount, holds. Never with a blocking call: a mount that does not answer must
// not keep the demo from ending.
import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Stage } from './storages.ts';

/** migratefs's own directory in a layer's root. */
export const PRIVATE = '.migratefs';

/** Paths of the files below `dir`, sorted, with their sizes; our own directory is left out. */
export async function files(dir: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const walk = async (below: string) => {
    for (const entry of await readdir(join(dir, below), { withFileTypes: true })) {
      const path = join(below, entry.name);
      if (path === PRIVATE) continue;
      if (entry.isDirectory()) await walk(path);
      else found.set(path, (await lstat(join(dir, path))).size);
    }
  };
  await walk('');
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Which storages have a name: `old`, `new`, `old and new` or `none`. */
export async function where(stage: Stage, path: string): Promise<string> {
  const sides: string[] = [];
  for (const side of ['old', 'new'] as const) {
    const there = await lstat(join(stage[side], path)).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return false;
        throw error;
      },
    );
    if (there) sides.push(side);
  }
  return sides.join(' and ') || 'none';
}

/** Permission bits in octal. */
export async function mode(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o7777).toString(8);
}

/** What our own directory of a layer holds besides its folders and the journal. */
export async function privateFiles(layer: string): Promise<string[]> {
  try {
    const entries = await readdir(join(layer, PRIVATE), { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory() && !entry.parentPath.endsWith('/journal'))
      .map(({ name }) => name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
