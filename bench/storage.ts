// The file system that the layers lie on: memory, for the cost of the software, or ext4 on a loop device.

import { rmSync } from 'node:fs';
import { type Storage as Made, makeStorage } from '../test/mounted/backing.ts';
import { must } from '../test/mounted/tools.ts';
import type { Storage } from './workload.ts';

/** An image takes what is written to it, no more. */
const SIZES: Readonly<Record<Storage, string>> = { tmpfs: '70%', ext4: '64G' };

/** Has an empty storage for as long as `body` takes. */
export async function withStorage(
  storage: Storage,
  scratch: string,
  body: (made: Made) => Promise<void>,
): Promise<void> {
  const made = makeStorage(storage, `${scratch}/${storage}`, scratch, SIZES[storage]);
  let fault: string | undefined;
  try {
    // As many small files as there is room for.
    if (storage === 'tmpfs') must('mount', ['-o', 'remount,nr_inodes=100m', made.path]);
    await body(made);
  } finally {
    fault = made.remove();
    if (fault === undefined) rmSync(made.path, { recursive: true });
  }
  if (fault !== undefined) throw new Error(fault);
}
