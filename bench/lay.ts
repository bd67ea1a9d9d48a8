// Laying files out, on the layers and below any mount. A tree of n files has directories of at most 500.

import { mkdirSync } from 'node:fs';
import type { Bed } from './bed.ts';
import type { Tools } from './tools.ts';

const IN_ONE = 500;

export interface Spread {
  readonly directories: number;
  /** In each. */
  readonly files: number;
}

/** So many files, in enough directories that each of eight processes has some of its own. */
export function spread(count: number): Spread {
  const directories = Math.max(16, Math.ceil(count / IN_ONE));
  return { directories, files: Math.max(2, Math.ceil(count / directories)) };
}

interface Files {
  readonly directories: number;
  readonly files: number;
  readonly first?: number;
  readonly bytes?: number;
}

/** Files in one directory. */
export async function layIn(tools: Tools, directory: string, options: Files): Promise<void> {
  mkdirSync(directory, { recursive: true });
  if (options.directories > 0) await tools.hot('dirs', directory, { ...options, files: 1 });
  if (options.files > 0) await tools.hot('create', directory, options);
}

/** Directories that both layers have; the first half of the files in each lies on the lower one, the rest on the upper. */
export async function layMerged(bed: Bed, name: string, spread: Spread, bytes = 0): Promise<void> {
  const half = Math.ceil(spread.files / 2);
  await layIn(bed.tools, `${bed.lower}/${name}`, { ...spread, files: half, bytes });
  await layIn(bed.tools, `${bed.upper}/${name}`, {
    ...spread,
    files: spread.files - half,
    first: half,
    bytes,
  });
}

/** Directories that both layers have, and nothing in them. */
export async function layDirectories(bed: Bed, name: string, { directories }: Spread): Promise<void> {
  for (const layer of [bed.lower, bed.upper]) {
    mkdirSync(`${layer}/${name}`, { recursive: true });
    await bed.tools.hot('dirs', `${layer}/${name}`, { directories, files: 1 });
  }
}
