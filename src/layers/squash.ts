// A server that squashes root (NFS, GlusterFS): what the daemon does as root it does there as nobody. Users' own requests are theirs still, and what
// the daemon would do for them is tried once more as they (either.ts). Whoever mounts shall know what that means.

import { EACCES } from '../../protocol/errno.ts';
import type { Log } from '../log/log.ts';
import { AT_EACCESS, AT_EMPTY_PATH, W_OK } from '../sys/constants.ts';
import { geteuid } from '../sys/credentials.ts';
import { cstring, EMPTY } from '../sys/cstring.ts';
import { faccessat, procPath } from '../sys/path.ts';
import { removexattr } from '../sys/xattr.ts';
import { UPPER } from './setup.ts';

const NEVER_SET = cstring('user.migratefs.never-set');

/**
 * Whether root is refused what nobody but a server refuses him. NFS tells when it is asked for access; GlusterFS only when something is to be
 * changed, so an attribute is removed that is not there. A directory that anybody may write to tells neither.
 * @param root of a layer, as an O_PATH descriptor
 */
export function isSquashed(root: number): boolean {
  if (geteuid() !== 0) return false;
  const allowed = faccessat(root, EMPTY, W_OK, AT_EACCESS | AT_EMPTY_PATH);
  return allowed === -EACCES || removexattr(procPath(root), NEVER_SET) === -EACCES;
}

export function warnOfSquash(log: Log, layer: string, index: number): void {
  log.warn('root_squashed', {
    layer,
    consequence:
      index === UPPER
        ? 'a file comes up only for its owner, and where he may make files; hard links do not; there is no journal, and nothing that survives a crash of this host'
        : 'what root may not read or remove is read and removed as who writes to it; what he may not remove stays, hidden',
    mend: 'have the server not squash root for this host',
  });
}
