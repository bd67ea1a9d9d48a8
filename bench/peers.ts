// What is compared. Each peer shows the same two layers as one tree, mounted as its own manual would have it: it may write, serves all
// users, puts new names on the upper layer, and caches what it caches by default.

import { program } from './places.ts';

/** The directories of one peer, on the same file system as everybody else's. */
export interface Ground {
  readonly lower: string;
  readonly upper: string;
  /** Empty, on the upper's file system: for overlay file systems. */
  readonly work: string;
  readonly mountpoint: string;
}

/** `plain`: a directory that holds what both layers hold, the limit. `tool`: no tree, it moves files from layer to layer. */
export type Kind = 'plain' | 'kernel' | 'fuse' | 'ours' | 'tool';

export interface Peer {
  readonly name: string;
  readonly kind: Kind;
  /** The programs without which it cannot run. */
  readonly needs: readonly string[];
  /** Another setting of a peer: compared where settings matter, and where it is asked for by name. */
  readonly variant?: true;
  /** Whether a lower file that is written to comes up. */
  readonly copiesUp: boolean;
  /** The command that mounts it; a daemon stays in the foreground. */
  readonly mount?: (ground: Ground) => readonly string[];
  /** The command that moves what lies in one directory to another. */
  readonly move?: (from: string, to: string) => readonly string[];
}

/** A setting of ours is one row here. */
const SETTINGS: readonly { name: string; options: string; variant?: true }[] = [
  { name: 'migratefs', options: 'cache=shared' },
  { name: 'migratefs-exclusive', options: 'cache=exclusive', variant: true },
  { name: 'migratefs-none', options: 'cache=none', variant: true },
  { name: 'migratefs-passthrough', options: 'passthrough=upper', variant: true },
];

const ours: readonly Peer[] = SETTINGS.map(({ name, options, variant }) => ({
  name,
  kind: 'ours',
  needs: [],
  copiesUp: true,
  ...(variant ? { variant } : {}),
  mount: (g) => [
    process.execPath,
    program,
    '-f',
    '-o',
    `lowerdir=${g.lower},upperdir=${g.upper},${options}`,
    g.mountpoint,
  ],
}));

export const peers: readonly Peer[] = [
  { name: 'native', kind: 'plain', needs: [], copiesUp: false },
  {
    name: 'overlayfs',
    kind: 'kernel',
    needs: [],
    copiesUp: true,
    mount: (g) => [
      'mount',
      '-t',
      'overlay',
      'overlay',
      '-o',
      `lowerdir=${g.lower},upperdir=${g.upper},workdir=${g.work}`,
      g.mountpoint,
    ],
  },
  {
    name: 'fuse-overlayfs',
    kind: 'fuse',
    needs: ['fuse-overlayfs'],
    copiesUp: true,
    mount: (g) => [
      'fuse-overlayfs',
      '-f',
      '-o',
      `lowerdir=${g.lower},upperdir=${g.upper},workdir=${g.work},allow_other`,
      g.mountpoint,
    ],
  },
  {
    name: 'mergerfs',
    kind: 'fuse',
    needs: ['mergerfs'],
    copiesUp: false,
    mount: (g) => [
      'mergerfs',
      '-f',
      '-o',
      'category.create=ff,minfreespace=0,allow_other,use_ino',
      `${g.upper}:${g.lower}`,
      g.mountpoint,
    ],
  },
  {
    name: 'unionfs-fuse',
    kind: 'fuse',
    needs: ['unionfs'],
    copiesUp: true,
    mount: (g) => [
      'unionfs',
      '-f',
      '-o',
      'cow,allow_other,use_ino',
      `${g.upper}=RW:${g.lower}=RO`,
      g.mountpoint,
    ],
  },
  ...ours,
  {
    name: 'cp',
    kind: 'tool',
    needs: ['cp'],
    copiesUp: true,
    move: (from, to) => ['cp', '-a', '--sparse=always', from, to],
  },
  {
    name: 'cp-sync',
    kind: 'tool',
    needs: ['cp', 'sync'],
    copiesUp: true,
    // With what a copy-up promises besides: it is on the storage before the source goes.
    move: (from, to) => [
      'sh',
      '-c',
      'cp -a --sparse=always "$0" "$1" && sync -f "$1" && rm -r "$0"',
      from,
      to,
    ],
  },
  {
    name: 'rsync',
    kind: 'tool',
    needs: ['rsync'],
    copiesUp: true,
    move: (from, to) => ['rsync', '-aHAXS', '--remove-source-files', from, to],
  },
  {
    name: 'rsync-sync',
    kind: 'tool',
    needs: ['rsync'],
    copiesUp: true,
    // As a copy-up does: each file is on the storage before its source goes.
    move: (from, to) => ['rsync', '-aHAXS', '--fsync', '--remove-source-files', from, to],
  },
];

export const isMounted = (peer: Peer): boolean => peer.mount !== undefined;
export const hasDaemon = (peer: Peer): boolean => peer.kind === 'fuse' || peer.kind === 'ours';
