// Our own directory in a layer's root, `.migratefs` (0700, the daemon's): the place of unpublished copies, which nobody else can
// reach, rename or replace while they are made. The merged tree never shows it and lets nobody name it.

import { EACCES, EEXIST, ENOTDIR } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { ROOT_ID } from '../inodes/table.ts';
import { geteuid } from '../sys/credentials.ts';
import { type CString, cstring } from '../sys/cstring.ts';
import { close } from '../sys/fd.ts';
import { mkdirat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { PRIVATE_NAME } from './setup.ts';
import { openSide } from './sides.ts';

const NAME = cstring(PRIVATE_NAME);

/** Whether a name of the merged tree is the reserved one in its root. */
export function isPrivate(parent: NodeId, name: CString): boolean {
  if (parent !== ROOT_ID || name.length !== NAME.length) return false;
  for (let i = 0; i < NAME.length; i++) if (name[i] !== NAME[i]) return false;
  return true;
}

/**
 * The folders of ours: `work` for what is being made, `aside` for hidden trees whose name was removed above them, `links` for the link
 * index (linkindex.ts).
 */
export type PrivateFolder = 'work' | 'aside' | 'links';

/**
 * Opens a folder of our directory in one layer, making it if need be; call it as the daemon. The caller closes it.
 * @returns descriptor, or -EACCES / -ENOTDIR when something of that name is there that is not ours alone.
 */
function openPrivate(root: number, folder: PrivateFolder): number {
  const ours = openOwn(root, NAME);
  if (ours < 0) return ours;
  const fd = openOwn(ours, cstring(folder));
  close(ours);
  return fd;
}

/** As `openPrivate`, in a layer of the mount; -EACCES for anybody but the daemon, who alone may make it. */
export function openPrivateOf(fs: FileSystem, layer: number, folder: PrivateFolder): number {
  if (!fs.caller.isDaemon) return -EACCES;
  return openPrivate((fs.layers[layer] as { fd: number }).fd, folder);
}

const stat = new Stat();

function openOwn(dir: number, name: CString): number {
  const made = mkdirat(dir, name, 0o700);
  if (made < 0 && made !== -EEXIST) return made;
  const fd = openSide(dir, name, stat);
  if (fd < 0) return fd === -ENOTDIR ? -ENOTDIR : fd;
  if (stat.uid === geteuid() && (stat.mode & 0o077) === 0) return fd;
  close(fd);
  return -EACCES;
}

let serial = 0;

/** A name that no other host, process, thread or attacker uses: host, process, thread, serial number and 48 random bits. */
export function privateName(fs: FileSystem, suffix = ''): CString {
  serial++;
  const random = Math.floor(Math.random() * 2 ** 48).toString(16);
  return cstring(`${fs.host}.${process.pid}.${fs.worker}.${serial}.${random}${suffix}`);
}
