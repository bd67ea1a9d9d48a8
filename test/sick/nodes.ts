// What the kernel knows of the sick file system: for each node an O_PATH descriptor of the object in the directory behind, and the path under
// which it was last seen, for rules. An object is one node, however many names it has.

import { FUSE_ROOT_ID, type Int64, type NodeId } from '../../protocol/index.ts';
import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_NOFOLLOW,
  O_PATH,
  STATX_BASIC_STATS,
} from '../../src/sys/constants.ts';
import { type CString, EMPTY } from '../../src/sys/cstring.ts';
import { close, openat } from '../../src/sys/fd.ts';
import { statx } from '../../src/sys/path.ts';
import { Stat } from '../../src/sys/stat.ts';

export interface Node {
  readonly id: NodeId;
  readonly fd: number;
  readonly key: string;
  path: string;
  lookups: number;
}

export class Nodes {
  readonly #byId = new Map<number, Node>();
  readonly #byObject = new Map<string, Node>();
  #next = FUSE_ROOT_ID as number;
  /** Of what was looked up or asked for last. */
  readonly stat = new Stat();

  /** @param root descriptor of the directory behind */
  constructor(root: number) {
    statx(root, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, this.stat);
    this.#enter(root, '').lookups = Number.POSITIVE_INFINITY;
  }

  get(id: number): Node | undefined {
    return this.#byId.get(id);
  }

  /** Counts one lookup of a name. @returns the node, or a negative errno */
  lookup(parent: Node, name: CString): Node | number {
    const fd = openat(parent.fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return fd;
    const seen = statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, this.stat);
    const known = seen < 0 ? undefined : this.#byObject.get(keyOf(this.stat));
    if (seen < 0 || known) close(fd);
    if (seen < 0) return seen;
    const path = pathIn(parent, name);
    const node = known ?? this.#enter(fd, path);
    node.path = path;
    node.lookups++;
    return node;
  }

  forget(id: number, count: Int64): void {
    const node = this.#byId.get(id);
    if (node === undefined) return;
    node.lookups -= Number(count);
    if (node.lookups > 0) return;
    this.#byId.delete(id);
    this.#byObject.delete(node.key);
    close(node.fd);
  }

  /** The attributes of an object, in `stat`. @returns 0 or a negative errno */
  attributes(node: Node): number {
    return statx(node.fd, EMPTY, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, this.stat);
  }

  #enter(fd: number, path: string): Node {
    const node: Node = { id: this.#next++ as NodeId, fd, key: keyOf(this.stat), path, lookups: 0 };
    this.#byId.set(node.id, node);
    this.#byObject.set(node.key, node);
    return node;
  }
}

const keyOf = ({ devMajor, devMinor, inoLo, inoHi }: Stat): string =>
  `${devMajor}:${devMinor}:${inoHi}:${inoLo}`;

/** The path of a name in a directory. */
export const pathIn = (parent: Node, name: CString): string =>
  `${parent.path}/${Buffer.from(name.subarray(0, -1)).toString('latin1')}`;
