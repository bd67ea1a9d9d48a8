// What a handler gets and gives.

import type { Reply, Request } from '../../protocol/index.ts';
import type { FileSystem } from '../layers/filesystem.ts';

/** One request in hand: where it is read, where its answer's body is written, and the worker's file system. */
export interface Call {
  readonly request: Request;
  readonly reply: Reply;
  readonly fs: FileSystem;
}

/** Serves one operation. @returns the length of the reply's body, or a negative errno; 0 for operations without an answer. */
export type Handler = (call: Call) => number;

/** The handler runs as the caller: the layers see his file-system ids and groups. -EACCES when a worker cannot take them on. */
export function asCaller(handler: Handler): Handler {
  return (call) => {
    const assumed = call.fs.caller.assume(call.request);
    return assumed < 0 ? assumed : handler(call);
  };
}
