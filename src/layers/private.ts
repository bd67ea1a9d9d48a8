// Our own directory in a layer's root, `.migratefs` (0700, the daemon's): the place of unpublished copies, which nobody else can
// reach, rename or replace while they are made. The merged tree never shows it and lets nobody name it.

import { EACCES, EEXIST, ENOENT } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { ROOT_ID } from '../inodes/table.ts';
import { O_CLOEXEC } from '../sys/constants.ts';
import { geteuid } from '../sys/credentials.ts';
import { type CString, cstring } from '../sys/cstring.ts';
import { close, dup3 } from '../sys/fd.ts';
import { mkdirat } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { openSide } from './openside.ts';
import { type LayerSetup, PRIVATE_NAME } from './setup.ts';

const NAME = cstring(PRIVATE_NAME);

/** Whether a name of the merged tree is the reserved one in its root. */
export function isPrivate(parent: NodeId, name: CString): boolean {
  if (parent !== ROOT_ID || name.length !== NAME.length) return false;
  for (let i = 0; i < NAME.length; i++) if (name[i] !== NAME[i]) return false;
  return true;
}

/**
 * The folders of ours: `work` for what is being made or out of the way, `aside` for hidden trees whose name was removed above them, `links`
 * for the link index (linkindex.ts), `intents` for what takes steps in several layers (intent.ts), `slots` for
 * what each worker publishes (copyslot.ts), `alive` for the signs of life of all hosts (life.ts), `journal` for their journals.
 */
export type PrivateFolder = 'work' | 'aside' | 'links' | 'intents' | 'slots' | 'alive' | 'journal';

/**
 * Opens a folder of our directory in one layer, making it if need be. The caller closes it.
 * @returns descriptor, -EACCES for anybody but the daemon and when something of that name is there that is not ours alone, -ENOTDIR when
 * that is no directory, or another negative errno.
 */
export function openPrivateOf(fs: FileSystem, layer: number, folder: PrivateFolder): number {
  return fs.caller.isDaemon ? openFolder(fs.layers[layer] as LayerSetup, folder) : -EACCES;
}

/** The same, before there are workers and callers. */
export function openFolder({ fd: root, ours }: LayerSetup, folder: PrivateFolder): number {
  const known = openOwn(ours, cstring(folder));
  if (known >= 0) return known;
  // Not made yet, or removed behind the mount: then the new one takes the old one's place, for all workers.
  const made = openOwn(root, NAME);
  if (made < 0) return made;
  const fd = openOwn(made, cstring(folder));
  if (fd >= 0) dup3(made, ours, O_CLOEXEC);
  close(made);
  return fd;
}

/** Our directory in a layer, for paths in it: as the daemon alone may use them. */
export function oursOf(fs: FileSystem, layer: number): number {
  return (fs.layers[layer] as LayerSetup).ours;
}

const stat = new Stat();

function openOwn(dir: number, name: CString): number {
  let fd = openSide(dir, name, stat);
  if (fd === -ENOENT) {
    const made = mkdirat(dir, name, 0o700);
    if (made < 0 && made !== -EEXIST) return made;
    fd = openSide(dir, name, stat);
  }
  if (fd < 0 || isOurs(stat)) return fd;
  close(fd);
  return -EACCES;
}

/** Whether a directory is the daemon's alone. An ACL that lets anybody else in would show in the group's bits. */
export function isOurs(found: Stat): boolean {
  return found.uid === geteuid() && (found.mode & 0o077) === 0;
}

let serial = 0;

/**
 * As `privateName`, for what has to be made among users' names: where a server squashes root nothing in a layer is the daemon's alone. It tells
 * who finds it after a crash what it is.
 */
export function exposedName(fs: Pick<FileSystem, 'host' | 'worker'>): CString {
  return cstring(`${PRIVATE_NAME}.${nameText(fs)}`);
}

/** A name that no other host, process, thread or attacker uses: host, process, thread, serial number and 48 random bits. */
export function privateName(fs: Pick<FileSystem, 'host' | 'worker'>, suffix = ''): CString {
  return cstring(`${nameText(fs)}${suffix}`);
}

function nameText({ host, worker }: Pick<FileSystem, 'host' | 'worker'>): string {
  serial++;
  const random = Math.floor(Math.random() * 2 ** 48).toString(16);
  return `${host}.${process.pid}.${worker}.${serial}.${random}`;
}
