// Requests as plain objects, for tests and tools: readable, allocated freely, through the same structs, table and checks
// as the cursor.
import { concatenated, encoded, type StructFields } from './bytes.ts';
import type { Dialect } from './dialect.ts';
import { encodeExtensions, type SecurityContext } from './extensions.ts';
import type { Struct } from './layout.ts';
import { type Operation, requestStruct } from './operation.ts';
import { type OperationName, operations } from './operations.ts';
import { Request } from './request.ts';
import { fuse_in_header } from './structs.ts';
import { type CString, type Int64, int64 } from './types.ts';

export interface RequestMessage {
  readonly operation: OperationName;
  readonly unique: Int64;
  readonly nodeid: Int64;
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
  /** The request's struct, absent where there is none. */
  readonly fields?: StructFields;
  /** With their NULs. */
  readonly names?: readonly CString[];
  readonly payload?: Uint8Array;
  readonly records?: readonly StructFields[];
  /** Present, even if empty, when the message has such an extension. */
  readonly groups?: readonly number[];
  readonly securityContexts?: readonly SecurityContext[];
}

/** Reads a whole message. Throws a ProtocolError when it is malformed. */
export function decodeRequest(bytes: Uint8Array, dialect: Dialect): RequestMessage {
  const request = new Request(bytes, dialect);
  const operation = request.load(bytes.length);
  const { payload } = operation;
  const struct = structIn(operation, dialect, bytes.length - fuse_in_header.size);
  const { groups, securityContexts } = request.extensions() ?? {};
  return {
    operation: operation.name,
    unique: int64(request.uniqueLo, request.uniqueHi),
    nodeid: request.nodeid,
    uid: request.uid,
    gid: request.gid,
    pid: request.pid,
    ...(struct && { fields: struct.decode(bytes, fuse_in_header.size) }),
    ...(operation.names.length > 0 && { names: operation.names.map((_, i) => request.name(i as 0 | 1)) }),
    ...(payload.kind === 'bytes' && { payload: request.payload() }),
    ...(payload.kind === 'records' && { records: recordsIn(payload.record, request.payload()) }),
    ...(groups && { groups }),
    ...(securityContexts && { securityContexts }),
  };
}

/** Writes a message. The header's length, and the field that counts the payload, are found out when they are left out. */
export function encodeRequest(message: RequestMessage, dialect: Dialect): Uint8Array {
  const operation: Operation = operations[message.operation];
  const { fields = {}, names = [], records = [] } = message;
  const { payload } = operation;
  const struct =
    operation.elasticFrom !== null && !('flags2' in fields)
      ? operation.elasticFrom
      : requestStruct(operation, dialect);
  const counted =
    payload.kind === 'bytes'
      ? { [payload.size]: message.payload?.length ?? 0 }
      : payload.kind === 'records'
        ? { [payload.count]: records.length }
        : {};
  const extensions = encodeExtensions(message.securityContexts, message.groups);
  const parts = [
    ...(struct === null ? [] : [encoded(struct, { ...counted, ...fields })]),
    ...names,
    ...(message.payload === undefined ? [] : [message.payload]),
    ...(payload.kind === 'records' ? records.map((record) => encoded(payload.record, record)) : []),
    extensions,
  ];
  const header = encoded(fuse_in_header, {
    len: parts.reduce((sum, part) => sum + part.length, fuse_in_header.size),
    opcode: operation.opcode,
    unique: message.unique,
    nodeid: message.nodeid,
    uid: message.uid,
    gid: message.gid,
    pid: message.pid,
    total_extlen: dialect.hasExtensionLength ? extensions.length / 8 : 0,
  });
  return concatenated([header, ...parts]);
}

function structIn(operation: Operation, dialect: Dialect, bodyLength: number): Struct | null {
  const struct = requestStruct(operation, dialect);
  return operation.elasticFrom !== null && struct !== null && bodyLength < struct.size
    ? operation.elasticFrom
    : struct;
}

function recordsIn(record: Struct, payload: Uint8Array): StructFields[] {
  return Array.from({ length: payload.length / record.size }, (_, i) =>
    record.decode(payload, i * record.size),
  );
}
