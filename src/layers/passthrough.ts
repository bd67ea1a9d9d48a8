// FUSE_PASSTHROUGH: the kernel reads and writes a file of the upper layer itself, past the daemon. It wants all that are open on an inode at
// one time to have the same backing file, or none: so the first handle of a node decides, and a file that comes up while it is open goes on
// through the daemon until everybody has closed it.

import { EPERM } from '../../protocol/errno.ts';
import {
  FOPEN_DIRECT_IO,
  FOPEN_PASSTHROUGH,
  FUSE_DEV_IOC_BACKING_CLOSE,
  FUSE_DEV_IOC_BACKING_OPEN,
} from '../../protocol/flags.ts';
import { fuse_backing_map } from '../../protocol/index.ts';
import type { NodeId } from '../../protocol/types.ts';
import {
  AT_EMPTY_PATH,
  CAP_FSETID,
  O_APPEND,
  S_IFREG,
  S_ISGID,
  S_ISUID,
  STATX_BASIC_STATS,
} from '../sys/constants.ts';
import { ioctl } from '../sys/copy.ts';
import { withoutCapability } from '../sys/credentials.ts';
import { EMPTY } from '../sys/cstring.ts';
import { statx } from '../sys/path.ts';
import { Stat } from '../sys/stat.ts';
import type { FileSystem } from './filesystem.ts';
import { FILE_HANDLE } from './handlekinds.ts';
import { isExclusive } from './setup.ts';

export function hasSetid(stat: Stat): boolean {
  return (stat.mode & (S_ISUID | S_ISGID)) !== 0 && stat.type === S_IFREG;
}

// Among a handle's flags, where no flag of open(2) is: the kernel has the backing file; it asks for each read and write all the same.
const PASSES = 1 << 30;
const ASKS = 1 << 29;

/** What the kernel of one mount is given to read and write by itself. */
export class Backing {
  readonly #device: number;
  readonly #map = new Uint8Array(new ArrayBuffer(fuse_backing_map.size));
  readonly #id = new Uint32Array(new ArrayBuffer(4));
  #refused = false;

  /** @param device the /dev/fuse descriptor of a mount that has agreed to FUSE_PASSTHROUGH */
  constructor(device: number) {
    this.#device = device;
  }

  /** @param fd an open file. @returns a backing id, above 0, or a negative errno: -ELOOP for a file of a stacked file system, -EPERM without CAP_SYS_ADMIN */
  open(fd: number): number {
    if (this.#refused) return -EPERM;
    fuse_backing_map.encode({ fd, flags: 0, padding: 0 }, this.#map);
    // The kernel reads and writes as who is asking now, whoever opens the file later: a write must take set-id bits away.
    const id = withoutCapability(CAP_FSETID, () => ioctl(this.#device, FUSE_DEV_IOC_BACKING_OPEN, this.#map));
    if (id === -EPERM) this.#refused = true;
    return id;
  }

  close(id: number): void {
    this.#id[0] = id;
    ioctl(this.#device, FUSE_DEV_IOC_BACKING_CLOSE, new Uint8Array(this.#id.buffer));
  }
}

/** As many handles as a process can have descriptors, which fs.nr_open bounds. */
const handles = new Int32Array(1 << 20);
const now = new Stat();

/** A handle of the upper layer was just entered: the kernel gets it, if it has others already, or it is the only one. Under the handle lock. */
export function letPass(fs: FileSystem, node: NodeId, fd: number): void {
  const { table, backing } = fs;
  if (backing === undefined) return;
  const flags = table.handleFlags(fd);
  if (table.openHandles.backing(node) === 0 && !begin(fs, backing, node, fd)) return;
  // The kernel would go on appending after fcntl(F_SETFL) has taken that away.
  table.setHandleFlags(fd, flags | PASSES | ((flags & O_APPEND) === 0 ? 0 : ASKS));
}

/** The first handle of a node. @returns whether it passes */
function begin(fs: FileSystem, backing: Backing, node: NodeId, fd: number): boolean {
  const { openHandles } = fs.table;
  if (openHandles.handles(node, handles, FILE_HANDLE) > 1) return false;
  const id = backing.open(fd);
  if (id <= 0) return false;
  openHandles.setBacking(node, id);
  // The kernel may have been told of set-id bits, for the time of the attributes, before it could be known that it will write by itself.
  if (statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, now) === 0 && !hasSetid(now)) {
    if (isExclusive(fs.policy)) fs.outdated(node);
    return true;
  }
  openHandles.setBacking(node, 0);
  backing.close(id);
  return false;
}

/** How the kernel is to treat a handle that was just opened: FOPEN_ flags and, with FOPEN_PASSTHROUGH, a backing id. FOPEN_DIRECT_IO overrides that but for mappings. */
export function passageOf(fs: FileSystem, node: NodeId, fd: number): { flags: number; backing: number } {
  if (!passes(fs, fd)) return { flags: 0, backing: 0 };
  const asks = (fs.table.handleFlags(fd) & ASKS) === 0 ? 0 : FOPEN_DIRECT_IO;
  return { flags: FOPEN_PASSTHROUGH | asks, backing: fs.table.openHandles.backing(node) };
}

export function passes(fs: FileSystem, fd: number): boolean {
  return (fs.table.handleFlags(fd) & PASSES) !== 0;
}

/** Before a handle is taken out of the table, under the handle lock. @returns the backing id that nobody uses then, 0 for none */
export function lastToPass(fs: FileSystem, fd: number): number {
  if (!passes(fs, fd)) return 0;
  const { openHandles } = fs.table;
  const node = openHandles.handleNode(fd);
  const count = openHandles.handles(node, handles, FILE_HANDLE);
  for (let i = 0; i < count; i++) if (handles[i] !== fd && passes(fs, handles[i] as number)) return 0;
  const id = openHandles.backing(node);
  openHandles.setBacking(node, 0);
  return id;
}
