// Replies and notifications as plain objects, for tests, tools and the printer.
import { concatenated, encoded, type StructFields } from './bytes.ts';
import { encodeDirents, readDirentplus, readDirents } from './dirents.ts';
import { type Notification, notifications } from './notify.ts';
import type { Operation } from './operation.ts';
import { ProtocolError } from './protocol-error.ts';
import { fuse_forget_in, fuse_getxattr_out, fuse_out_header } from './structs.ts';
import type { CString, Int64 } from './types.ts';

export interface ReplyMessage {
  readonly unique: Int64;
  /** Zero, or a negative errno: then nothing follows. */
  readonly error: number;
  /** The reply's structs, by the structs' names. */
  readonly structs?: { readonly [struct: string]: StructFields };
  readonly bytes?: Uint8Array;
  /** A listing's records, each with its `name` without NUL. */
  readonly entries?: readonly StructFields[];
}

export interface NotificationMessage {
  readonly notification: string;
  readonly fields?: StructFields;
  /** With its NUL. */
  readonly name?: CString;
  readonly bytes?: Uint8Array;
  readonly nodeids?: readonly Int64[];
}

const HEADER_SIZE = fuse_out_header.size;

/**
 * Reads a whole reply to a request of `operation`. `sizeOnly`: a GETXATTR or LISTXATTR request asked with size zero.
 * Throws a ProtocolError when it is no such reply.
 */
export function decodeReply(operation: Operation, bytes: Uint8Array, sizeOnly = false): ReplyMessage {
  const { error, unique } = headerOf(bytes);
  if (error > 0) throw new ProtocolError('bad-reply', `error ${error} is positive`);
  if (error < 0) {
    if (bytes.length !== HEADER_SIZE) throw new ProtocolError('bad-reply', 'a body after an error');
    return { unique, error };
  }
  const { rest, structs } = operation.reply;
  const expected = rest === 'size-or-bytes' && sizeOnly ? [fuse_getxattr_out] : structs;
  const found: { [struct: string]: StructFields } = {};
  let at = HEADER_SIZE;
  for (const struct of expected) {
    if (at + struct.size > bytes.length) throw new ProtocolError('bad-reply', `cut within ${struct.name}`);
    found[struct.name] = struct.decode(bytes, at);
    at += struct.size;
  }
  const body = bytes.subarray(at);
  const hasBytes = rest === 'bytes' || (rest === 'size-or-bytes' && !sizeOnly);
  const hasEntries = rest === 'dirents' || rest === 'direntplus';
  if (!hasBytes && !hasEntries && body.length > 0) {
    throw new ProtocolError('bad-reply', `${body.length} bytes after the reply`);
  }
  return {
    unique,
    error,
    ...(expected.length > 0 && { structs: found }),
    ...(hasBytes && { bytes: body }),
    ...(hasEntries && { entries: entriesIn(body, rest === 'direntplus') }),
  };
}

/** Writes a reply to a request of `operation`. */
export function encodeReply(operation: Operation, message: ReplyMessage): Uint8Array {
  const { structs = {}, bytes = new Uint8Array(0), entries = [] } = message;
  const shapes = [...operation.reply.structs, fuse_getxattr_out];
  const body = concatenated([
    ...shapes.flatMap((shape) => {
      const fields = structs[shape.name];
      return fields === undefined ? [] : [encoded(shape, fields)];
    }),
    bytes,
    ...encodeDirents(entries),
  ]);
  return framed(message.error, message.unique, body);
}

/** Reads a whole notification. Throws a ProtocolError when it is none. */
export function decodeNotification(bytes: Uint8Array): NotificationMessage {
  const { error: code } = headerOf(bytes);
  const row = notifications.find((one) => one.code === code);
  if (row === undefined) throw new ProtocolError('bad-reply', `notification ${code}`);
  const { struct, tail } = row;
  const size = struct?.size ?? 0;
  if (HEADER_SIZE + size > bytes.length) throw new ProtocolError('bad-reply', `cut within ${row.name}`);
  const fields = struct?.decode(bytes, HEADER_SIZE);
  const rest = bytes.subarray(HEADER_SIZE + size);
  if (rest.length !== tailLength(row, fields)) throw new ProtocolError('bad-reply', `tail of ${row.name}`);
  return {
    notification: row.name,
    ...(fields && { fields }),
    ...(tail === 'name' && { name: rest }),
    ...(tail === 'bytes' && { bytes: rest }),
    ...(tail === 'nodeids' && {
      nodeids: Array.from({ length: rest.length / 8 }, (_, i) => fuse_forget_in.decode(rest, i * 8).nlookup),
    }),
  };
}

function tailLength({ tail }: Notification, fields: StructFields | undefined): number {
  if (tail === 'name') return Number(fields?.namelen) + 1;
  if (tail === 'bytes') return Number(fields?.size);
  return tail === 'nodeids' ? Number(fields?.count) * 8 : 0;
}

function headerOf(bytes: Uint8Array) {
  if (bytes.length < HEADER_SIZE) throw new ProtocolError('short-header', `a reply of ${bytes.length} bytes`);
  const header = fuse_out_header.decode(bytes);
  if (header.len !== bytes.length) {
    throw new ProtocolError('length-mismatch', `header says ${header.len} bytes, there are ${bytes.length}`);
  }
  return header;
}

function entriesIn(body: Uint8Array, plus: boolean): StructFields[] {
  try {
    return plus ? readDirentplus(body) : readDirents(body);
  } catch (error) {
    throw new ProtocolError('bad-reply', (error as Error).message);
  }
}

function framed(error: number, unique: Int64, body: Uint8Array): Uint8Array {
  const header = new Uint8Array(HEADER_SIZE);
  fuse_out_header.encode({ len: HEADER_SIZE + body.length, error, unique }, header);
  return concatenated([header, body]);
}
