// A cursor over one request, made once for each worker over its own buffer: `load` checks the whole message against its
// row of the operation table, then fields are read in place by their offsets. Nothing is allocated but views of names
// and payloads, and extensions where a message has some.
import type { Dialect } from './dialect.ts';
import { type Extensions, readExtensions, type SecurityContext } from './extensions.ts';
import { nameFault } from './names.ts';
import { type Operation, requestStruct } from './operation.ts';
import {
  type OperationName,
  type OperationOf,
  operationOf,
  operations,
  SWAPPED_INIT_OPCODE,
} from './operations.ts';
import { ProtocolError, type ProtocolErrorCode } from './protocol-error.ts';
import { fuse_in_header } from './structs.ts';
import {
  type CString,
  type FileHandle,
  INEXACT_HIGH_WORD,
  type Int64,
  int64,
  type NodeId,
  signedInt64,
  TWO_32,
} from './types.ts';

const HEADER_SIZE = fuse_in_header.size;
const HEADER = fuse_in_header.offsets;

export class Request {
  /** The buffer that messages are read into. */
  readonly bytes: Uint8Array;
  /** How messages are understood; to be replaced when INIT has been negotiated. */
  dialect: Dialect;
  /** The message's row. As all fields below, of the message that was loaded last. */
  operation: OperationOf<OperationName> = operations.INIT;
  /** Bytes of the whole message. */
  length = 0;
  opcode = 0;
  /** The node that the message is about; zero for a few. */
  nodeid: NodeId = 0 as NodeId;
  uid = 0;
  gid = 0;
  /** The calling thread's process; zero when it is not known in this process's namespace. */
  pid = 0;
  /** The message's number, to be repeated in its reply, as two u32 words. */
  uniqueLo = 0;
  uniqueHi = 0;
  /** Bytes that follow struct and names. */
  payloadLength = 0;

  readonly #view: DataView;
  #fieldsEnd = HEADER_SIZE;
  readonly #nameStarts = [0, 0];
  readonly #nameEnds = [0, 0];
  #payloadStart = 0;
  #extensions: Extensions | undefined = undefined;

  constructor(bytes: Uint8Array, dialect: Dialect) {
    this.bytes = bytes;
    this.dialect = dialect;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /**
   * Takes the message in the first `length` bytes of the buffer, checks all of it and returns its row.
   * Throws a ProtocolError, and nothing else, when the message is malformed; the cursor is not to be read then.
   */
  load(length: number): OperationOf<OperationName> {
    this.#loadHeader(length);
    const operation = operationOf(this.opcode);
    if (operation === undefined) throw this.#fault('unknown-opcode', `opcode ${this.opcode}`);
    this.operation = operation;

    const { dialect } = this;
    const extensionsLength = dialect.hasExtensionLength
      ? this.#view.getUint16(HEADER.total_extlen, true) * 8
      : 0;
    const end = length - extensionsLength;
    if (end < HEADER_SIZE) {
      throw this.#fault('bad-extension', `${extensionsLength} bytes of extensions in a message of ${length}`);
    }
    let at = this.#loadFields(operation, end);
    const { names } = operation;
    for (let i = 0; i < names.length; i++) {
      at = this.#loadName(i, at, end);
    }
    at = this.#loadPayload(operation, at, end);

    // Before 7.38 nothing tells the length of the security contexts: they are the rest.
    const isRest = !dialect.hasExtensionLength && dialect.hasSecurityContexts && operation.extensions;
    if (at !== end && !isRest) throw this.#fault('trailing-bytes', `${end - at} bytes after the message`);
    this.#extensions = undefined;
    if (at !== length) this.#loadExtensions(at, length);
    return operation;
  }

  /** The u32 at an offset of the request's struct. A field that the dialect's struct does not have reads as zero. */
  u32(offset: number): number {
    const at = HEADER_SIZE + offset;
    return at + 4 <= this.#fieldsEnd ? this.#view.getUint32(at, true) : 0;
  }

  i32(offset: number): number {
    return this.u32(offset) | 0;
  }

  /** An unsigned 64-bit field. */
  int64(offset: number): Int64 {
    return int64(this.u32(offset), this.u32(offset + 4));
  }

  /** A signed 64-bit field. Times and file offsets are, though the kernel header declares them unsigned. */
  signedInt64(offset: number): Int64 {
    return signedInt64(this.u32(offset), this.u32(offset + 4));
  }

  /** A node id's field; `load` has checked that it is exact. */
  nodeId(offset: number): NodeId {
    return (this.u32(offset + 4) * TWO_32 + this.u32(offset)) as NodeId;
  }

  /** A file handle's field; `load` has checked that it is exact. */
  fileHandle(offset: number): FileHandle {
    return (this.u32(offset + 4) * TWO_32 + this.u32(offset)) as FileHandle;
  }

  /** A name with its NUL: a view of the message, valid until the next load. */
  name(index: 0 | 1): CString {
    return this.bytes.subarray(this.#nameStarts[index], this.#nameEnds[index]);
  }

  /** The bytes that follow struct and names: a view of the message, valid until the next load. */
  payload(): Uint8Array {
    return this.bytes.subarray(this.#payloadStart, this.#payloadStart + this.payloadLength);
  }

  /** What the message ends with, if it has extensions at all. */
  extensions(): Extensions | undefined {
    return this.#extensions;
  }

  /** Supplementary groups that the message names for its caller (FUSE_EXT_GROUPS). */
  groups(): number[] | undefined {
    return this.#extensions?.groups;
  }

  /** Attributes that the new node is to be created with; the values are views of the message. */
  securityContexts(): readonly SecurityContext[] {
    return this.#extensions?.securityContexts ?? [];
  }

  /** The kernel sent this message before and does not know whether it was acted on. */
  get isResent(): boolean {
    return this.dialect.hasResend && this.uniqueHi >= 0x8000_0000;
  }

  #loadHeader(length: number): void {
    if (length < HEADER_SIZE) throw new ProtocolError('short-header', `a message of ${length} bytes`);
    if (length > this.bytes.length) {
      throw new ProtocolError('beyond-buffer', `${length} bytes in a buffer of ${this.bytes.length}`);
    }
    const view = this.#view;
    this.length = length;
    this.opcode = view.getUint32(HEADER.opcode, true);
    this.uniqueLo = view.getUint32(HEADER.unique, true);
    this.uniqueHi = view.getUint32(HEADER.unique + 4, true);
    this.nodeid = (view.getUint32(HEADER.nodeid + 4, true) * TWO_32 +
      view.getUint32(HEADER.nodeid, true)) as NodeId;
    this.uid = view.getUint32(HEADER.uid, true);
    this.gid = view.getUint32(HEADER.gid, true);
    this.pid = view.getUint32(HEADER.pid, true);
    if (this.opcode === SWAPPED_INIT_OPCODE)
      throw new ProtocolError('byte-order', 'INIT with its bytes swapped');
    const stated = view.getUint32(HEADER.len, true);
    if (stated !== length)
      throw this.#fault('length-mismatch', `header says ${stated} bytes, ${length} were read`);
    this.#checkExact(HEADER.nodeid);
  }

  #loadFields(operation: Operation, end: number): number {
    const needed = (operation.elasticFrom ?? requestStruct(operation, this.dialect))?.size ?? 0;
    if (end - HEADER_SIZE < needed) {
      throw this.#fault('short-struct', `${end - HEADER_SIZE} bytes where ${needed} are needed`);
    }
    this.#fieldsEnd = operation.elasticFrom === null ? HEADER_SIZE + needed : end;
    if (operation.request !== null) {
      const { exact } = operation.request;
      for (let i = 0; i < exact.length; i++) this.#checkExact(HEADER_SIZE + (exact[i] as number));
    }
    return this.#fieldsEnd;
  }

  #loadName(index: number, start: number, end: number): number {
    const { bytes } = this;
    const rule = this.operation.names[index] as Operation['names'][0];
    // Bounded by hand: indexOf would search the rest of the buffer too.
    let nul = start;
    while (nul < end && bytes[nul] !== 0) nul++;
    if (nul === end) throw this.#fault('unterminated-name', `name ${index} has no NUL`);
    const code = nameFault(rule, bytes, start, nul);
    if (code !== undefined) throw this.#fault(code, `name ${index} of ${nul - start} bytes`);
    this.#nameStarts[index] = start;
    this.#nameEnds[index] = nul + 1;
    return nul + 1;
  }

  #loadPayload(operation: Operation, start: number, end: number): number {
    const { payload, request } = operation;
    this.#payloadStart = start;
    this.payloadLength = 0;
    if (payload.kind === 'none') return start;
    const offsets = (request as NonNullable<typeof request>).offsets;
    const counted = payload.kind === 'bytes' ? payload.size : payload.count;
    const count = this.u32(offsets[counted] as number);
    const size = payload.kind === 'bytes' ? count : count * payload.record.size;
    if (size !== end - start) {
      throw this.#fault('payload-mismatch', `${counted} ${count}, but ${end - start} bytes follow`);
    }
    this.payloadLength = size;
    if (payload.kind === 'records') {
      // The records' fields are read by offsets that go on after the struct's.
      this.#fieldsEnd = end;
      for (let at = start; at < end; at += payload.record.size) {
        for (const offset of payload.record.exact) this.#checkExact(at + offset);
      }
    }
    return end;
  }

  #loadExtensions(start: number, end: number): void {
    const found = readExtensions(this.bytes, start, end);
    if (typeof found === 'string') throw this.#fault('bad-extension', found);
    this.#extensions = found;
  }

  #checkExact(at: number): void {
    if (this.#view.getUint32(at + 4, true) >= INEXACT_HIGH_WORD) {
      throw this.#fault('foreign-id', `the number at byte ${at} was never given out`);
    }
  }

  #fault(code: ProtocolErrorCode, detail: string): ProtocolError {
    const { opcode, uniqueLo, uniqueHi } = this;
    // An answer to number zero would be taken for a notification.
    const answerable = (uniqueLo !== 0 || uniqueHi !== 0) && (operationOf(opcode)?.answered ?? true);
    return new ProtocolError(code, detail, { opcode, uniqueLo, uniqueHi, answerable });
  }
}
