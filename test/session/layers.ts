// A real file system over two temporary layers, prepared as a mount would.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { prepareFileSystem } from '../../src/layers/prepare.ts';
import type { FileSystemSetup, Policy } from '../../src/layers/setup.ts';
import { openLogTarget } from '../../src/log/index.ts';
import { close } from '../../src/sys/fd.ts';

const POLICY: Omit<Policy, 'switchCredentials'> = {
  entryTimeoutMs: 1000,
  attrTimeoutMs: 1000,
  permissions: 'default',
  metadata: 'layer',
  xattrs: 'strict',
  readOnly: false,
  locks: 'local',
  passthrough: 'off',
};

/** `upper` and `lower` under `folder`, which are made if they are missing, and a log beside them. */
export function prepareLayers(folder: string, policy: Partial<typeof POLICY> = {}): FileSystemSetup {
  const [upper, lower] = [join(folder, 'upper'), join(folder, 'lower')];
  for (const layer of [upper, lower]) mkdirSync(layer, { recursive: true });
  const log = openLogTarget({ logFile: join(folder, 'log'), foreground: true });
  if (log.kind === 'failed') throw new Error(log.message);
  return prepareFileSystem({
    upper,
    lower: [lower],
    policy: { ...POLICY, ...policy },
    inodeMemory: 64 << 20,
    keepHandles: false,
    log,
    logLevel: 'debug',
  });
}

/** Closes what `prepareLayers` opened. */
export function releaseLayers(setup: FileSystemSetup): void {
  for (const { fd, ours } of setup.layers) {
    close(fd);
    close(ours);
  }
  if (setup.log.kind === 'file') close(setup.log.fd);
}

/** A folder with `hello` in the lower layer and an empty upper one. */
export function sampleLayers(folder: string): FileSystemSetup {
  const setup = prepareLayers(folder);
  writeFileSync(join(folder, 'lower', 'hello'), 'hello, world\n', { mode: 0o644 });
  return setup;
}
