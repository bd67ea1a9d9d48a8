// The kernel's side of a device that is a pair of sockets: SOCK_SEQPACKET keeps messages whole, as /dev/fuse does.

import {
  Dialect,
  decodeReply,
  encodeRequest,
  operations,
  type ReplyMessage,
  type RequestMessage,
} from '../../protocol/index.ts';
import { POLLIN } from '../../src/sys/constants.ts';
import { close, poll, read, write } from '../../src/sys/fd.ts';
import { bind } from '../../src/sys/libc.ts';

const socketpair = bind<(domain: number, type: number, protocol: number, pair: Int32Array) => number>(
  'int socketpair(int, int, int, void*)',
);
const AF_UNIX = 1;
const SOCK_SEQPACKET_CLOEXEC = 5 | 0o2000000;

/** What a request needs to be given: the rest has values that tell the fields apart. */
export type Draft = Pick<RequestMessage, 'operation'> & Partial<RequestMessage>;

export class Kernel {
  /** The daemon's end. */
  readonly device: number;
  readonly #fd: number;
  readonly #dialect: Dialect;
  #unique = 0;

  constructor(dialect: Dialect = Dialect.initial) {
    const pair = new Int32Array(new ArrayBuffer(8));
    if (socketpair(AF_UNIX, SOCK_SEQPACKET_CLOEXEC, 0, pair) !== 0) throw new Error('no socket pair');
    this.#fd = pair[0] as number;
    this.device = pair[1] as number;
    this.#dialect = dialect;
  }

  /** Sends a request. @returns its number */
  ask(draft: Draft): number {
    this.#unique += 2;
    const message = { unique: this.#unique, nodeid: 1, uid: 0, gid: 0, pid: process.pid, ...draft };
    this.send(encodeRequest(message, this.#dialect));
    return this.#unique;
  }

  send(bytes: Uint8Array): void {
    if (write(this.#fd, bytes, bytes.length) !== bytes.length) throw new Error('message not sent');
  }

  /** The next message of the daemon. Throws when none comes in time. */
  receive(timeoutMs = 10_000): Uint8Array {
    const bytes = new Uint8Array(1 << 21);
    const events = poll(this.#fd, POLLIN, timeoutMs);
    if (events === 0) throw new Error('no message from the daemon');
    return bytes.slice(0, Math.max(0, read(this.#fd, bytes, bytes.length)));
  }

  /** The next answer, decoded as that of `operation`. */
  answer(operation: RequestMessage['operation'], timeoutMs?: number): ReplyMessage {
    return decodeReply(operations[operation], this.receive(timeoutMs));
  }

  /** Whether a message of the daemon waits. */
  get hasMessage(): boolean {
    return poll(this.#fd, POLLIN, 0) !== 0;
  }

  /** The device's end: readers get 0 bytes. */
  unmount(): void {
    close(this.#fd);
  }
}
