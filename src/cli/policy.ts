// What the mount options decide about the tree.
import type { Policy } from '../layers/setup.ts';
import type { MountOptions } from '../mount/index.ts';

const TIMEOUTS_MS = { none: 0, shared: 1000, exclusive: 86_400_000 };

export function policyOf(options: MountOptions): Omit<Policy, 'switchCredentials'> {
  const timeout = TIMEOUTS_MS[options.cache];
  return {
    entryTimeoutMs: timeout,
    attrTimeoutMs: timeout,
    permissions: options.permissions,
    metadata: options.metadata,
    xattrs: options.xattrs,
    readOnly: options.readOnly,
    locks: options.locks,
    passthrough: options.passthrough,
  };
}
