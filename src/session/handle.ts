// One message in, one answer out, no kernel: load → handler → finish. Every request that expects an answer gets exactly
// one, whatever the message or the handler does: a malformed message gets its errno, an operation that is not served
// ENOSYS, a handler that throws EIO. Replay, fuzzing and benchmarks enter here, and so does the worker's loop.

import { EAGAIN, EINTR, EIO, EMFILE, ENAMETOOLONG, ENOSYS } from '../../protocol/errno.ts';
import {
  type Dialect,
  fuse_getxattr_in,
  type NodeId,
  type Operation,
  operationList,
  operations,
  ProtocolError,
  printReply,
  printRequest,
  Reply,
  Request,
} from '../../protocol/index.ts';
import type { FileSystem } from '../layers/filesystem.ts';
import { endUse } from '../layers/forget.ts';
import { PARKED } from '../layers/locking.ts';
import type { Call, Handler } from '../ops/index.ts';
import type { RequestSlots } from './interrupt.ts';
import type { Parker } from './parker.ts';

/** Milliseconds between two lines of one worker about callers who got no descriptor: there may be thousands. */
const TELL_LACK_MS = 10_000;

/** What the operations floor gives: src/ops, or a test's own. */
export interface Served {
  /** By the operations' names in the table; one without a handler is answered ENOSYS. */
  readonly handlers: { readonly [operation: string]: Handler | undefined };
  /** Takes back what the successful answer of a handler gave to the kernel. */
  readonly undo: (call: Call) => void;
}

export interface ExchangeOptions {
  readonly served: Served;
  /** Where a message is put before `handle`, and where its answer is found after. */
  readonly request: Uint8Array;
  readonly reply: Uint8Array;
  readonly dialect: Dialect;
  readonly fs: FileSystem;
  /** The requests in hand of all workers, and the number of this one among them. */
  readonly slots: RequestSlots;
  readonly index: number;
  /** Takes requests that would have to wait for a lock; without it, every request waits for a node's, and gets no file's. */
  readonly parker?: Parker | undefined;
  /** Print every message to the log. */
  readonly debug: boolean;
}

/** One worker's requests and answers. */
export class Exchange implements Call {
  readonly request: Request;
  readonly reply: Reply;
  readonly fs: FileSystem;
  readonly #options: ExchangeOptions;
  readonly #handlerOf: (Handler | undefined)[] = [];
  /** The faults that were logged in full already: a bug that every request meets must not fill the log with stacks. */
  readonly #known = new Set<string>();
  #exhausted = false;
  #toldLack = Number.NEGATIVE_INFINITY;
  readonly #isFree = (node: NodeId) => this.fs.table.isFree(node);

  constructor(options: ExchangeOptions) {
    this.request = new Request(options.request, options.dialect);
    this.reply = new Reply(options.reply);
    this.fs = options.fs;
    this.#options = options;
    const { handlers } = options.served;
    for (const { name, opcode } of operationList) this.#handlerOf[opcode] = handlers[name];
  }

  /**
   * Handles the message in the first `length` bytes of the request buffer. Never throws.
   * @returns the length of the answer in the reply buffer, 0 when there is none to give (now: a parked request's comes later)
   */
  handle(length: number): number {
    const { request, reply } = this;
    let operation: Operation;
    try {
      operation = request.load(length);
    } catch (error) {
      return this.#refuse(error);
    }
    const { slots, index, debug, parker } = this.#options;
    if (debug) this.fs.log.debug('request', { message: printRequest(request) });
    if (operation.name === 'INTERRUPT') return this.#interrupt();
    if (operation.name === 'NOTIFY_REPLY') parker?.knocked();
    slots.begin(index, request.uniqueLo, request.uniqueHi);
    parker?.begin(length, request, request.pid);
    let answer: number;
    try {
      const handler = this.#handlerOf[operation.opcode];
      let result = handler === undefined ? unserved(operation) : handler(this);
      if (result === -EMFILE) result = this.#lackDescriptor(parker);
      if (result === PARKED && parker !== undefined) return this.#park(parker);
      answer = operation.answered ? reply.finish(request, result) : 0;
    } catch (error) {
      this.#report(error, printRequest(request));
      answer = operation.answered ? reply.finish(request, -EIO) : 0;
    }
    slots.end(index);
    this.fs.lower.leave();
    endUse(this.fs.table);
    parker?.done();
    if (debug && answer > 0) this.fs.log.debug('reply', { message: this.#describeReply(answer) });
    return answer;
  }

  /** A message has come from the kernel. */
  refresh(): void {
    this.#options.parker?.refresh();
  }

  /** Whether a request could not have a descriptor since this was last asked. */
  takeExhausted(): boolean {
    const exhausted = this.#exhausted;
    this.#exhausted = false;
    return exhausted;
  }

  /** See `Parker.dueIn`. */
  get dueIn(): number | undefined {
    return this.#options.parker?.dueIn;
  }

  /** Cheap: asked after every request. */
  get hasParked(): boolean {
    return this.#options.parker?.hasParked ?? false;
  }

  /** Loads a parked request whose turn has come. @returns its length, for `handle`; 0 when there is none */
  takeUp(): number {
    return this.#options.parker?.takeUp(this.#isFree) ?? 0;
  }

  /** The kernel did not take the answer of the last `handle`: what it carried is taken back. */
  undo(): void {
    this.#options.served.undo(this);
  }

  /** The request of the last `handle` as one line for the log; not after a malformed one. */
  describe(): string {
    return printRequest(this.request);
  }

  #describeReply(length: number): string {
    const { operation, opcode } = this.request;
    const asksSize = opcode === operations.GETXATTR.opcode || opcode === operations.LISTXATTR.opcode;
    const sizeOnly = asksSize && this.request.u32(fuse_getxattr_in.offsets.size) === 0;
    return printReply(operation, this.#options.reply.subarray(0, length), sizeOnly);
  }

  // An operation that fails changes nothing that its being begun again would not, and directories that nobody uses are about to give up theirs.
  #lackDescriptor(parker: Parker | undefined): number {
    this.#exhausted = true;
    if (parker?.waitForDescriptor(this.request.nodeid)) return PARKED;
    this.#tellLack();
    return -EMFILE;
  }

  #tellLack(): void {
    if (performance.now() - this.#toldLack < TELL_LACK_MS) return;
    this.#toldLack = performance.now();
    const { table, log } = this.fs;
    log.warn('no_descriptor', { files: table.openHandles.count, directories: table.descriptors() });
  }

  // Interrupts find a request in hand or parked. One that comes between the two is told to come again.
  #park(parker: Parker): number {
    const { slots, index, debug } = this.#options;
    this.fs.lower.leave();
    endUse(this.fs.table);
    if (slots.end(index)) {
      parker.done();
      return this.reply.finish(this.request, -EINTR);
    }
    if (debug) this.fs.log.debug('parked', { message: printRequest(this.request) });
    parker.park();
    return 0;
  }

  /**
   * Found in hand: its worker answers it. Found parked: it is answered here, or by the main thread. Not found: EAGAIN, the kernel asks again if it still has
   * it. The interrupt itself has an answer in this case only.
   */
  #interrupt(): number {
    const { request, reply } = this;
    const { slots, parker } = this.#options;
    const [uniqueLo, uniqueHi] = [request.u32(0), request.u32(4)];
    if (slots.interrupt(uniqueLo, uniqueHi)) return 0;
    if (parker?.signal(uniqueLo, uniqueHi)) return 0;
    if (parker?.interrupt(uniqueLo, uniqueHi)) return reply.finish({ uniqueLo, uniqueHi }, -EINTR);
    return reply.finish(request, -EAGAIN);
  }

  #refuse(error: unknown): number {
    if (error instanceof ProtocolError) {
      // A name that is too long reaches us as it is: an application's mistake, of which its errno tells it.
      if (error.errno !== ENAMETOOLONG) this.fs.log.error('malformed_message', { error: error.message });
      return error.answerable ? this.reply.finish(error, -error.errno) : 0;
    }
    // A bug in the codec. The number, if it was read, is good enough to answer: the kernel ignores an answer to nothing.
    this.#report(error, 'a message that the codec fails on');
    return this.reply.finish(this.request, -EIO);
  }

  #report(error: unknown, request: string): void {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    const known = this.#known.has(message);
    if (!known && this.#known.size < MAX_KNOWN) this.#known.add(message);
    this.fs.log.error('bug', { request, error: known ? message : (stack ?? message) });
  }
}

/** Faults remembered by one worker. */
const MAX_KNOWN = 64;

/** INIT was answered before there were workers, and a DESTROY needs nothing done: the rest is not served. */
function unserved(operation: Operation): number {
  if (operation.name === 'DESTROY') return 0;
  return operation.name === 'INIT' ? -EIO : -ENOSYS;
}
