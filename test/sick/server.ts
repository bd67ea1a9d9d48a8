// The sick file system at its device: one thread that never waits. What hangs or is late is a message that is kept until its time comes, so
// nothing that is well waits behind it.

import { read as readAsync } from 'node:fs';
import { promisify } from 'node:util';
import {
  type Dialect,
  errno,
  fuse_batch_forget_in,
  fuse_forget_in,
  fuse_forget_one,
  fuse_interrupt_in,
  fuse_link_in,
  fuse_rename_in,
  type OperationName,
  Reply,
  Request,
} from '../../protocol/index.ts';
import { MESSAGE_SIZE } from '../../src/session/device.ts';
import { write } from '../../src/sys/fd.ts';
import { files } from './files.ts';
import { names } from './names.ts';
import { type Node, type Nodes, pathIn } from './nodes.ts';
import { type Illness, Rules } from './rules.ts';
import type { Serve } from './work.ts';

const read = promisify(readAsync);
const served: Partial<Record<OperationName, Serve>> = { ...names, ...files };

/** An operation that hangs. */
export interface Hanging {
  readonly operation: OperationName;
  readonly path: string;
  /** The process that waits for it. */
  readonly pid: number;
}

interface Held extends Hanging {
  readonly message: Uint8Array;
  readonly uniqueLo: number;
  readonly uniqueHi: number;
}

export class Server {
  readonly rules = new Rules();
  /** Whether who waits for what hangs can be killed; a stubborn file system answers nothing before `release`. */
  stubborn = false;
  readonly #device: number;
  readonly #nodes: Nodes;
  readonly #request: Request;
  readonly #reply = new Reply(new Uint8Array(new ArrayBuffer(MESSAGE_SIZE)));
  #held: Held[] = [];

  constructor(device: number, dialect: Dialect, nodes: Nodes) {
    this.#device = device;
    this.#nodes = nodes;
    this.#request = new Request(new Uint8Array(new ArrayBuffer(MESSAGE_SIZE)), dialect);
  }

  /** Serves until the device goes away. */
  async run(): Promise<void> {
    const { bytes } = this.#request;
    for (;;) {
      let length: number;
      try {
        length = (await read(this.#device, bytes, 0, bytes.length, null)).bytesRead;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENODEV' || code === 'ECONNABORTED') return;
        if (code === 'ENOENT' || code === 'EINTR' || code === 'EAGAIN') continue;
        throw error;
      }
      if (length === 0) return;
      this.#receive(length);
    }
  }

  /** What hangs at this moment. */
  get hanging(): Hanging[] {
    return this.#held.map(({ operation, path, pid }) => ({ operation, path, pid }));
  }

  /** Forgets all rules; what hangs goes on. */
  release(): void {
    this.rules.clear();
    for (const { message } of this.#held.splice(0)) this.#resume(message);
  }

  #receive(length: number): void {
    const request = this.#request;
    const { name, answered } = request.load(length);
    if (name === 'INTERRUPT') this.#interrupt();
    else if (answered) this.#treat(length);
    else this.#forget(name);
  }

  #treat(length: number): void {
    const request = this.#request;
    const { name } = request.operation;
    const node = this.#nodes.get(request.nodeid);
    const paths = node === undefined ? [] : this.#paths(name, node);
    const illness = this.rules.judge(name, paths);
    if (illness?.kind === 'hang') this.#hold(length, name, paths[0] ?? '');
    else if (illness?.kind === 'delay') {
      const message = request.bytes.slice(0, length);
      setTimeout(() => this.#resume(message), illness.ms);
    } else this.#serve(illness);
  }

  #hold(length: number, operation: OperationName, path: string): void {
    const { uniqueLo, uniqueHi, pid, bytes } = this.#request;
    this.#held.push({ operation, path, pid, uniqueLo, uniqueHi, message: bytes.slice(0, length) });
  }

  // With a cursor of its own: the buffer may be waiting for the next message.
  #resume(message: Uint8Array): void {
    const request = new Request(message, this.#request.dialect);
    request.load(message.length);
    this.#serve(undefined, request);
  }

  #serve(illness: Illness | undefined, request = this.#request): void {
    const reply = this.#reply;
    const node = this.#nodes.get(request.nodeid);
    const serve = served[request.operation.name];
    const most = illness?.kind === 'short' ? illness.bytes : Number.POSITIVE_INFINITY;
    let result: number;
    if (illness?.kind === 'fail') result = -illness.errno;
    else if (node === undefined) result = -errno.ESTALE;
    else if (serve === undefined) result = -errno.ENOSYS;
    else result = serve({ request, reply, nodes: this.#nodes, node, most });
    // Refused when the mount is gone, or the caller with it: nobody is left to be told.
    write(this.#device, reply.bytes, reply.finish(request, result));
  }

  #interrupt(): void {
    if (this.stubborn) return;
    const { unique } = fuse_interrupt_in.offsets;
    const [lo, hi] = [this.#request.u32(unique), this.#request.u32(unique + 4)];
    const found = this.#held.find(({ uniqueLo, uniqueHi }) => uniqueLo === lo && uniqueHi === hi);
    if (found === undefined) return;
    this.#held = this.#held.filter((one) => one !== found);
    write(this.#device, this.#reply.bytes, this.#reply.finish(found, -errno.EINTR));
  }

  #forget(name: OperationName): void {
    const request = this.#request;
    if (name === 'FORGET') this.#nodes.forget(request.nodeid, request.int64(fuse_forget_in.offsets.nlookup));
    if (name !== 'BATCH_FORGET') return;
    const records = request.u32(fuse_batch_forget_in.offsets.count);
    for (let i = 0; i < records; i++) {
      const at = fuse_batch_forget_in.size + i * fuse_forget_one.size;
      const { nodeid, nlookup } = fuse_forget_one.offsets;
      this.#nodes.forget(request.nodeId(at + nodeid), request.int64(at + nlookup));
    }
  }

  /** What an operation is about: a name in the node, or the node itself. */
  #paths(name: OperationName, node: Node): string[] {
    const request = this.#request;
    const { names } = request.operation;
    if (names.length === 0 || names[0] === 'xattr' || names[0] === 'ignored') return [node.path || '/'];
    const paths = [pathIn(node, request.name(0))];
    if (name === 'RENAME' || name === 'RENAME2') {
      const target = this.#nodes.get(request.nodeId(fuse_rename_in.offsets.newdir));
      if (target !== undefined) paths.push(pathIn(target, request.name(1)));
    }
    if (name === 'LINK') {
      const source = this.#nodes.get(request.nodeId(fuse_link_in.offsets.oldnodeid));
      if (source !== undefined) paths.push(source.path);
    }
    return paths;
  }
}
