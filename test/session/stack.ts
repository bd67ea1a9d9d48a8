// The whole stack over two layers of its own, a sender that draws messages from what the stack has given out, and the check of what
// it answers: the test bench of fuzz.test.ts.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import * as flag from '../../protocol/flags.ts';
import {
  Dialect,
  decodeReply,
  decodeRequest,
  encodeRequest,
  type Operation,
  operationList,
  operationOf,
  ProtocolError,
  type ReplyMessage,
  type RequestMessage,
  type Struct,
  type StructFields,
} from '../../protocol/index.ts';
import { endSlot } from '../../src/layers/copyslot.ts';
import { FileSystem } from '../../src/layers/filesystem.ts';
import { handlers, undo } from '../../src/ops/index.ts';
import { Device } from '../../src/session/device.ts';
import { Exchange } from '../../src/session/handle.ts';
import { RequestSlots } from '../../src/session/interrupt.ts';
import { getrlimit, ResourceLimit, RLIMIT_FSIZE, setrlimit } from '../../src/sys/limits.ts';
import { prepareLayers, releaseLayers } from './layers.ts';

export const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, pid: process.pid };
const dialect = new Dialect(45, flag.FUSE_INIT_EXT | flag.FUSE_SETXATTR_EXT | flag.FUSE_POSIX_ACL);

// A request may ask for a file of any size; this process makes none above 4 MiB.
process.on('SIGXFSZ', () => {});
const limit = new ResourceLimit();
getrlimit(RLIMIT_FSIZE, limit);
limit.soft = 4 << 20;
setrlimit(RLIMIT_FSIZE, limit);

const NAMES = [
  'hello',
  'dir',
  'both',
  'new',
  'a',
  'b',
  'out',
  'é',
  '\xff',
  '.',
  '..',
  '.migratefs',
  'x'.repeat(255),
];
const XATTRS = [
  'user.a',
  'user.b',
  'system.posix_acl_access',
  'security.capability',
  'trusted.overlay.opaque',
];

/** What can be drawn before it is known which nodes and handles there are: they are picked by number. */
interface Plan {
  readonly operation: Operation;
  readonly node: number;
  readonly handle: number;
  readonly caller: number;
  readonly names: readonly number[];
  readonly numbers: readonly number[];
  readonly payload: Uint8Array;
  readonly mutations: readonly { at: number; to: number }[];
  readonly cut: number;
}

/** What takes nodes and handles away: less of it, or little is left to work on. */
const ENDING = /FORGET|RELEASE/;

export const plan: fc.Arbitrary<Plan> = fc.record({
  operation: fc.oneof(
    {
      weight: 9,
      arbitrary: fc.constantFrom<Operation>(...operationList.filter(({ name }) => !ENDING.test(name))),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom<Operation>(...operationList.filter(({ name }) => ENDING.test(name))),
    },
  ),
  node: fc.nat(),
  handle: fc.nat(),
  caller: fc.nat(),
  names: fc.array(fc.nat(), { minLength: 2, maxLength: 2 }),
  numbers: fc.array(
    fc.oneof(fc.nat(8), fc.nat(), fc.constantFrom(0o100644, 0o40755, 0o10600, 4096, 65_536, -1)),
    {
      minLength: 24,
      maxLength: 24,
    },
  ),
  payload: fc.uint8Array({ maxLength: 64 }),
  mutations: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(fc.record({ at: fc.nat(160), to: fc.nat(255) }), { maxLength: 4 }) },
  ),
  cut: fc.oneof(
    { weight: 9, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: -8, max: 60 }) },
  ),
});

/** The whole stack over layers of its own, and what its answers have given out. */
export class Stack {
  readonly exchange: Exchange;
  readonly device = new Device(-1);
  readonly setup: ReturnType<typeof prepareLayers>;
  #nodes: number[] = [];
  #handles: { readonly fh: number; readonly nodeid: number }[] = [];
  readonly #folder: string;
  #unique = 0;

  constructor(folder: string) {
    this.#folder = folder;
    for (const dir of ['upper/both', 'lower/both', 'lower/dir', 'outside/kept']) {
      mkdirSync(join(folder, dir), { recursive: true });
    }
    for (const file of ['lower/hello', 'lower/both/a', 'upper/both/b', 'lower/dir/a', 'outside/kept/file']) {
      writeFileSync(join(folder, file), `${file}\n`);
    }
    symlinkSync('../outside', join(folder, 'lower/out'));
    symlinkSync('../../outside/kept', join(folder, 'upper/both/out'));
    this.setup = prepareLayers(folder);
    const { request, reply } = this.device;
    const slots = new RequestSlots(RequestSlots.allocate(1));
    const fs = new FileSystem(this.setup, 1, () => false);
    this.exchange = new Exchange({
      served: { handlers, undo },
      request,
      reply,
      dialect,
      fs,
      slots,
      index: 0,
      debug: false,
    });
  }

  /** Looks at what is there and opens some of it, so that there are nodes and handles to draw from, beside invented ones. */
  begin(): void {
    this.#nodes = [1, 1, 99];
    this.#handles = [
      { fh: 1, nodeid: 1 },
      { fh: 1000, nodeid: 2 },
    ];
    const ask = (message: Pick<RequestMessage, 'operation'> & Partial<RequestMessage>) => {
      this.#unique += 2;
      this.send(encodeRequest({ unique: this.#unique, nodeid: 1, ...self, ...message }, dialect));
    };
    for (const name of NAMES.slice(0, 8)) {
      ask({ operation: 'LOOKUP', names: [Buffer.from(`${name}\0`, 'latin1')] });
    }
    ask({
      operation: 'CREATE',
      fields: { flags: 2, mode: 0o100600 },
      names: [Buffer.from(`f${this.#unique}\0`)],
    });
    for (const nodeid of [...this.#nodes]) {
      ask({ operation: 'OPENDIR', nodeid });
      ask({ operation: 'OPEN', nodeid, fields: { flags: 0 } });
      ask({ operation: 'OPEN', nodeid, fields: { flags: 2 } });
    }
  }

  /** Closes what the run has opened and forgets what it has looked up, as a kernel would in the end. */
  end(): void {
    const ask = (operation: 'RELEASE' | 'RELEASEDIR' | 'FORGET', nodeid: number, fields: StructFields) => {
      this.#unique += 2;
      this.send(encodeRequest({ operation, unique: this.#unique, nodeid, ...self, fields }, dialect));
    };
    for (const { fh, nodeid } of this.#handles) {
      ask('RELEASE', nodeid, { fh });
      ask('RELEASEDIR', nodeid, { fh });
    }
    for (const nodeid of this.#nodes) ask('FORGET', nodeid, { nlookup: 1 });
    endSlot(this.exchange.fs);
  }

  /** The message of a plan, as a kernel would send it, or nearly. */
  message(plan: Plan): Uint8Array {
    const { operation, names, payload, mutations, cut } = plan;
    const struct = operation.request;
    const records = operation.payload.kind === 'records' ? operation.payload.record : undefined;
    this.#unique += 2;
    // A handle counts with its own node only; sometimes it comes with another.
    const handle = pick(this.#handles, plan.handle);
    const hasHandle = struct !== null && ('fh' in struct.offsets || 'fh_in' in struct.offsets);
    const message: RequestMessage = {
      operation: operation.name as RequestMessage['operation'],
      unique: this.#unique,
      nodeid: hasHandle && plan.node % 8 !== 0 ? handle.nodeid : pick(this.#nodes, plan.node),
      ...callers[plan.caller % callers.length],
      ...(struct && { fields: this.#fields(struct, plan) }),
      names: operation.names.map((rule, i) =>
        Buffer.from(`${pick(rule === 'xattr' ? XATTRS : NAMES, names[i] as number)}\0`, 'latin1'),
      ),
      ...(operation.payload.kind === 'bytes' && { payload }),
      ...(records && { records: [this.#fields(records, plan)] }),
    } as RequestMessage;
    const bytes = encodeRequest(message, dialect);
    for (const { at, to } of mutations) if (at < bytes.length) bytes[at] = to;
    return cut <= 0
      ? Buffer.concat([bytes, new Uint8Array(-cut)])
      : bytes.subarray(0, Math.max(0, bytes.length - cut));
  }

  #fields(struct: Struct, { operation, numbers, node, handle }: Plan): StructFields {
    const counters = new Set(Object.values(operation.payload));
    return Object.fromEntries(
      Object.entries(struct.decode(new Uint8Array(struct.size))).flatMap(([name, zero], i) => {
        if (typeof zero !== 'number' || counters.has(name)) return [];
        const number = numbers[i] as number;
        if (/^fh/.test(name))
          return [[name, pick(this.#handles, handle + (name === 'fh_out' ? node : 0)).fh]];
        if (/node|newdir/.test(name)) return [[name, pick(this.#nodes, node + i)]];
        return [[name, name === 'valid' ? number & 0xfff : number & 0x7fff_ffff]];
      }),
    );
  }

  /** Sends a message and checks what comes. */
  send(message: Uint8Array): void {
    this.device.request.set(message);
    const length = this.exchange.handle(message.length);
    const operation = expected(message);
    if (operation === undefined) {
      if (length !== 0) throw new Error(`${length} bytes in answer to what expects none`);
      return;
    }
    if (length < 16) throw new Error('no answer');
    const bytes = this.device.reply.slice(0, length);
    const sizeOnly = /XATTR/.test(operation.name) && length === 24;
    const nodeid = message.length < 24 ? 0 : Number(Buffer.from(message).readBigUInt64LE(16));
    this.#learn(
      nodeid,
      operation === UNKNOWN ? { unique: 0, error: -1 } : decodeReply(operation, bytes, sizeOnly),
    );
    const unique = Buffer.from(message.subarray(8, 16)).toString('hex');
    if (Buffer.from(bytes.subarray(8, 16)).toString('hex') !== unique)
      throw new Error('the answer to another request');
  }

  #learn(nodeid: number, { structs, entries = [] }: ReplyMessage): void {
    const node = structs?.fuse_entry_out?.nodeid;
    const handle = structs?.fuse_open_out?.fh;
    if (node) this.#nodes.push(node as number);
    for (const { entry_out } of entries) {
      const listed = (entry_out as StructFields | undefined)?.nodeid;
      if (listed) this.#nodes.push(listed as number);
    }
    if (handle) this.#handles.push({ fh: handle as number, nodeid: (node as number) ?? nodeid });
  }

  /** Ends as the process's own user, and without a mask. */
  close(): void {
    const message = { unique: 2, nodeid: 1, ...self };
    this.send(encodeRequest({ operation: 'STATFS', ...message }, dialect));
    releaseLayers(this.setup);
    process.umask(0o022);
    // A directory may have been closed to its own owner, who has yet to remove it.
    execFileSync('chmod', ['-R', 'u+rwX', this.#folder]);
  }

  get log(): string {
    return readFileSync(join(this.#folder, 'log'), 'utf8');
  }
}

const callers = self.uid === 0 ? [self, self, { ...self, uid: 1000, gid: 1000 }] : [self];
const pick = <T>(list: readonly T[], number: number) => list[number % list.length] as T;

/** Stands for an opcode that nobody knows. */
const UNKNOWN = { name: 'unknown' } as Operation;

/** The row whose answer is expected; undefined for none. */
function expected(message: Uint8Array): Operation | undefined {
  const known = (opcode: number): Operation | undefined => {
    const operation = operationOf(opcode) ?? UNKNOWN;
    return operation.answered === false ? undefined : operation;
  };
  try {
    const { operation } = decodeRequest(message, dialect);
    const { opcode } = operationList.find(({ name }) => name === operation) as Operation;
    // Nothing is in hand when an interrupt arrives here: it has to come again.
    return operation === 'INTERRUPT' ? UNKNOWN : known(opcode);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return error.answerable ? known(error.opcode) : undefined;
  }
}
