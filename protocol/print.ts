// One line for a message, for traces: the operation, who asked, every field that says something, names escaped.
import type { StructFields } from './bytes.ts';
import { errnoName } from './errno.ts';
import { escapeBytes } from './escape.ts';
import * as flags from './flags.ts';
import { type Operation, requestStruct } from './operation.ts';
import { decodeNotification, decodeReply, type ReplyMessage } from './reply-message.ts';
import type { Request } from './request.ts';
import { fuse_in_header } from './structs.ts';
import { type Int64, int64 } from './types.ts';

const SILENT = /^(padding|dummy|unused|spare|reserved|__)/;
const HEXADECIMAL = /flags|^valid$|mask$|^cmd$/;

/** `12 LOOKUP node 1 uid 1000 gid 1000 pid 4711 "name"` for a request that is loaded. */
export function printRequest(request: Request): string {
  const { operation, dialect, bytes, length, payloadLength } = request;
  const struct = requestStruct(operation, dialect);
  const words = [
    `${int64(request.uniqueLo, request.uniqueHi)} ${operation.name} node ${request.nodeid}`,
    `uid ${request.uid} gid ${request.gid} pid ${request.pid}`,
  ];
  if (struct !== null) {
    // A copy of full size, because INIT's may be cut short.
    const whole = new Uint8Array(struct.size);
    whole.set(bytes.subarray(fuse_in_header.size, Math.min(length, fuse_in_header.size + struct.size)));
    words.push(...printFields(struct.decode(whole)));
  }
  operation.names.forEach((_, i) => {
    words.push(`"${escapeBytes(request.name(i as 0 | 1).subarray(0, -1))}"`);
  });
  if (operation.payload.kind !== 'none') words.push(`(${payloadLength} bytes)`);
  const groups = request.groups();
  if (groups !== undefined) words.push(`groups=${groups.join(',')}`);
  for (const { name, value } of request.securityContexts()) {
    words.push(`context ${name}="${escapeBytes(value)}"`);
  }
  return words.join(' ');
}

/** `12 LOOKUP → ENOENT`, or the reply's fields. `sizeOnly` as for decodeReply. Never throws for what is in it. */
export function printReply(operation: Operation, bytes: Uint8Array, sizeOnly = false): string {
  let reply: ReplyMessage;
  try {
    reply = decodeReply(operation, bytes, sizeOnly);
  } catch (error) {
    return `${operation.name} → malformed: ${(error as Error).message}`;
  }
  const { unique, error, structs = {}, bytes: data, entries } = reply;
  const words = [`${unique} ${operation.name} →`];
  words.push(error === 0 ? 'ok' : errnoName(error));
  for (const fields of Object.values(structs)) words.push(...printFields(fields));
  if (data !== undefined) words.push(`(${data.length} bytes)`);
  if (entries !== undefined) words.push(`(${entries.length} entries)`);
  return words.join(' ');
}

/** `notify INVAL_ENTRY parent=1 namelen=4 flags=0x0 "name"`. Never throws for what is in it. */
export function printNotification(bytes: Uint8Array): string {
  try {
    const { notification, fields = {}, name, bytes: data, nodeids } = decodeNotification(bytes);
    const words = [`notify ${notification}`, ...printFields(fields)];
    if (name !== undefined) words.push(`"${escapeBytes(name.subarray(0, -1))}"`);
    if (data !== undefined) words.push(`(${data.length} bytes)`);
    if (nodeids !== undefined) words.push(nodeids.join(' '));
    return words.join(' ');
  } catch (error) {
    return `notify malformed: ${(error as Error).message}`;
  }
}

/** The names of INIT flags, lowest bit first, without FUSE_; a bit without a name as `bit N`. */
export function initFlagNames(value: bigint): string[] {
  const names: string[] = [];
  for (let bit = 0n; value >> bit !== 0n; bit++) {
    if (((value >> bit) & 1n) !== 0n) names.push(INIT_FLAGS.get(1n << bit) ?? `bit ${bit}`);
  }
  return names;
}

const INIT_FLAGS = new Map<bigint, string>();
for (const [name, value] of Object.entries(flags)) {
  if (typeof value === 'bigint') INIT_FLAGS.set(value, name.slice('FUSE_'.length));
}

function printFields(fields: StructFields, prefix = ''): string[] {
  return Object.entries(fields).flatMap(([name, value]) => {
    if (SILENT.test(name)) return [];
    if (typeof value === 'object') return printFields(value as StructFields, `${prefix}${name}.`);
    return [`${prefix}${name}=${printValue(name, value as Int64)}`];
  });
}

function printValue(name: string, value: Int64): string {
  if (name === 'mode' || name === 'umask') return `0${value.toString(8)}`;
  return HEXADECIMAL.test(name) ? `0x${value.toString(16)}` : value.toString();
}
