// What is compared: each peer shows the same two directories as one tree under a mount point. All are mounted as their own users
// would mount them for shared storage, with names and attributes not cached where that is what is measured.

import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The directories of one peer, on the same file system as everybody else's. */
export interface Ground {
  readonly lower: string;
  readonly upper: string;
  /** Empty, on the upper's file system: for overlay file systems. */
  readonly work: string;
  readonly mountpoint: string;
}

export interface Peer {
  readonly name: string;
  /** The programs without which it cannot run. */
  readonly needs: readonly string[];
  /** The command that mounts it; undefined: the upper directory itself is used, which is the limit. */
  readonly command: ((ground: Ground) => readonly string[]) | undefined;
}

const program = fileURLToPath(new URL('../../bin/migratefs.js', import.meta.url));

export const peers: readonly Peer[] = [
  { name: 'plain', needs: [], command: undefined },
  {
    name: 'migratefs',
    needs: [],
    command: (g) => [
      process.execPath,
      program,
      '--log-file',
      join(g.work, 'log'),
      '-o',
      `lowerdir=${g.lower},upperdir=${g.upper},cache=none`,
      g.mountpoint,
    ],
  },
  {
    name: 'fuse-overlayfs',
    needs: ['fuse-overlayfs'],
    command: (g) => [
      'fuse-overlayfs',
      '-o',
      `lowerdir=${g.lower},upperdir=${g.upper},workdir=${g.work},timeout=0`,
      g.mountpoint,
    ],
  },
  {
    name: 'mergerfs',
    needs: ['mergerfs'],
    command: (g) => [
      'mergerfs',
      '-o',
      'cache.entry=0,cache.negative_entry=0,cache.attr=0,cache.files=partial,allow_other,category.create=ff',
      `${g.upper}:${g.lower}`,
      g.mountpoint,
    ],
  },
  {
    name: 'unionfs-fuse',
    needs: ['unionfs'],
    command: (g) => [
      'unionfs',
      '-o',
      'cow,entry_timeout=0,attr_timeout=0,negative_timeout=0,allow_other',
      `${g.upper}=RW:${g.lower}=RO`,
      g.mountpoint,
    ],
  },
];

/** Lays out a peer's directories below `parent`. */
export function groundOf(parent: string, peer: Peer): Ground {
  const at = (name: string) => {
    const path = join(parent, peer.name, name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  return { lower: at('lower'), upper: at('upper'), work: at('work'), mountpoint: at('mnt') };
}

/** Mounts a peer. @returns where its tree is. @throws with the program's own words. */
export function mountPeer(peer: Peer, ground: Ground): string {
  if (peer.command === undefined) return ground.upper;
  const [file = '', ...args] = peer.command(ground);
  const done = spawnSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] });
  if (done.status !== 0) throw new Error(`${peer.name} did not mount: ${done.stderr.trim()}`);
  return ground.mountpoint;
}

export function unmountPeer(peer: Peer, ground: Ground): void {
  if (peer.command === undefined) return;
  const done = spawnSync('umount', [ground.mountpoint], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${peer.name} did not unmount: ${done.stderr.trim()}`);
}
