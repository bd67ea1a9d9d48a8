// A message that breaks the protocol. Nothing else is thrown for what the other side sent.
import { EINVAL, EIO, ENAMETOOLONG, ENOSYS } from './errno-numbers.ts';

/** Stable codes, and the errno that a message with such a fault is answered with. */
export const PROTOCOL_ERRORS = {
  /** Fewer bytes than a header. */
  'short-header': EIO,
  /** More bytes than the buffer that the message should lie in. */
  'beyond-buffer': EIO,
  /** The header's `len` is not the length that was read. */
  'length-mismatch': EIO,
  /** An INIT from a kernel of the other byte order. */
  'byte-order': EIO,
  'unknown-opcode': ENOSYS,
  /** The message ends within its struct. */
  'short-struct': EINVAL,
  /** A node id or file handle that this side cannot have given out. */
  'foreign-id': EINVAL,
  /** A name without its NUL. */
  'unterminated-name': EINVAL,
  'empty-name': EINVAL,
  /** A name with a slash, or `.` or `..` where none may be. */
  'bad-name': EINVAL,
  'long-name': ENAMETOOLONG,
  /** A size or count field that does not fit the bytes that follow. */
  'payload-mismatch': EINVAL,
  /** Bytes that nothing in the message accounts for. */
  'trailing-bytes': EINVAL,
  /** Extensions that do not fit the message, or do not hold together. */
  'bad-extension': EINVAL,
  /** A reply or notification that does not fit its operation. */
  'bad-reply': EIO,
} as const;

export type ProtocolErrorCode = keyof typeof PROTOCOL_ERRORS;

/** What is known of the message at fault; the header's fields are zero when it could not be read. */
export interface FaultyMessage {
  readonly opcode: number;
  readonly uniqueLo: number;
  readonly uniqueHi: number;
  /** The header was readable and the operation is one that gets answers: `Reply.finish(error, -error.errno)`. */
  readonly answerable: boolean;
}

const UNREADABLE: FaultyMessage = { opcode: 0, uniqueLo: 0, uniqueHi: 0, answerable: false };

export class ProtocolError extends Error implements FaultyMessage {
  override readonly name: string = 'ProtocolError';
  readonly code: ProtocolErrorCode;
  /** Positive. */
  readonly errno: number;
  readonly opcode: number;
  readonly uniqueLo: number;
  readonly uniqueHi: number;
  readonly answerable: boolean;

  constructor(code: ProtocolErrorCode, detail: string, message: FaultyMessage = UNREADABLE) {
    super(`${code}: ${detail}`);
    this.code = code;
    this.errno = PROTOCOL_ERRORS[code];
    this.opcode = message.opcode;
    this.uniqueLo = message.uniqueLo;
    this.uniqueHi = message.uniqueHi;
    this.answerable = message.answerable;
  }
}
