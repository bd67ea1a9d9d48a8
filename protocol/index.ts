// The FUSE wire protocol as Linux speaks it, 7.31 to 7.45: bytes to checked messages and back. No I/O, no clock.

export type { StructFields } from './bytes.ts';
export * from './dialect.ts';
export {
  type Dirent,
  type Direntplus,
  DirentplusWriter,
  DirentWriter,
  readDirentplus,
  readDirents,
} from './dirents.ts';
export { errnoName, MAX_ERRNO } from './errno.ts';
export * as errno from './errno-numbers.ts';
export { escapeBytes } from './escape.ts';
export type { Extensions, SecurityContext } from './extensions.ts';
export * from './flags.ts';
export type { Field, Fields, Input, Struct, Value } from './layout.ts';
export { NAME_MAX, TARGET_MAX } from './names.ts';
export * from './negotiate.ts';
export * from './notify.ts';
export type { NameRule, Operation, Payload, ReplyRest, ReplyShape } from './operation.ts';
export * from './operations.ts';
export * from './print.ts';
export * from './protocol-error.ts';
export * from './reply.ts';
export * from './reply-message.ts';
export * from './request.ts';
export * from './request-message.ts';
export * from './structs.ts';
export {
  type CString,
  type FileHandle,
  FUSE_ROOT_ID,
  highWord,
  type Int64,
  int64,
  lowWord,
  type NodeId,
  signedInt64,
} from './types.ts';
