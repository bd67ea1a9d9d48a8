// What a row of the operation table says, and the check that the rows make sense together.
import type { Dialect } from './dialect.ts';
import type { Struct } from './layout.ts';

/**
 * What a name may be. `entry`: a name in a directory. `lookup`: the same, or `.` or `..`. `xattr`: an attribute's name.
 * `target`: a symbolic link's. `ignored`: the kernel sends one that means nothing (TMPFILE's is a slash).
 */
export type NameRule = 'entry' | 'lookup' | 'xattr' | 'target' | 'ignored';

/** What follows the names: nothing, or bytes counted by a field, or records counted by a field. */
export type Payload =
  | { readonly kind: 'none' }
  | { readonly kind: 'bytes'; readonly size: string }
  | { readonly kind: 'records'; readonly count: string; readonly record: Struct };

/** What follows a reply's structs. `size-or-bytes`: fuse_getxattr_out when the request's `size` is zero, else bytes. */
export type ReplyRest = 'none' | 'bytes' | 'dirents' | 'direntplus' | 'size-or-bytes';

export interface ReplyShape {
  readonly structs: readonly Struct[];
  readonly rest: ReplyRest;
}

export interface Operation {
  readonly opcode: number;
  /** The header's name without FUSE_. */
  readonly name: string;
  readonly request: Struct | null;
  /** A shorter struct that stands in the request's place, as long as the dialect lacks what `unless` names. */
  readonly compat: { readonly request: Struct; readonly unless: 'hasSetxattrExtension' } | null;
  /** The request's struct may be as short as this one, or longer than is known here. Only INIT's. */
  readonly elasticFrom: Struct | null;
  readonly names: readonly NameRule[];
  readonly payload: Payload;
  readonly reply: ReplyShape;
  /** A reply is awaited. INTERRUPT's is not, but -EAGAIN (ask again) or -ENOSYS (never again) may be answered. */
  readonly answered: boolean;
  /** Creates a node: security contexts and groups may end the message. */
  readonly extensions: boolean;
  /** The minor version that brought it, zero when older than anything that is spoken here. */
  readonly since: number;
}

export const NOTHING: Payload = { kind: 'none' };
export const bytes = (size: string): Payload => ({ kind: 'bytes', size });
export const records = (count: string, record: Struct): Payload => ({ kind: 'records', count, record });
export const reply = (...structs: Struct[]): ReplyShape => ({ structs, rest: 'none' });
export const replyRest = (rest: ReplyRest, ...structs: Struct[]): ReplyShape => ({ structs, rest });

type Row = Partial<Omit<Operation, 'opcode' | 'name' | 'request' | 'reply'>>;

/** A row without its name, which is its key in the table. */
export function row(opcode: number, request: Struct | null, answer: ReplyShape | null, more: Row = {}) {
  return {
    opcode,
    request,
    compat: null,
    elasticFrom: null,
    names: [],
    payload: NOTHING,
    reply: answer ?? { structs: [], rest: 'none' },
    answered: answer !== null,
    extensions: false,
    since: 0,
    ...more,
  } satisfies Omit<Operation, 'name'>;
}

/** The struct that an operation's request has in a dialect. */
export function requestStruct(operation: Operation, dialect: Dialect): Struct | null {
  const { compat } = operation;
  return compat !== null && !dialect[compat.unless] ? compat.request : operation.request;
}

/** Throws when rows contradict each other or themselves. */
export function checkOperations(rows: readonly Operation[]): void {
  const opcodes = new Set<number>();
  for (const { opcode, name, request, compat, names, payload, reply: answer, answered } of rows) {
    const refuse = (why: string) => new Error(`operation ${name}: ${why}`);
    if (opcodes.has(opcode)) throw refuse(`opcode ${opcode} is taken`);
    opcodes.add(opcode);
    if (names.length > 2) throw refuse('more than two names');
    const counter =
      payload.kind === 'bytes' ? payload.size : payload.kind === 'records' ? payload.count : null;
    for (const struct of counter === null ? [] : [request, compat?.request]) {
      if (struct !== undefined && !((counter as string) in (struct?.offsets ?? {}))) {
        throw refuse(`no field ${counter}`);
      }
    }
    if (!answered && (answer.structs.length > 0 || answer.rest !== 'none'))
      throw refuse('a reply to nothing');
  }
}
