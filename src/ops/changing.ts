// Operations by which users change the entries of directories say so while they are under way (layers/entrychanges.ts).

import { fuse_rename_in, fuse_rename2_in } from '../../protocol/index.ts';
import type { Call, Handler } from './call.ts';

/** The handler changes entries of the request's directory. */
export function changing(handler: Handler): Handler {
  return (call) => {
    const directory = call.request.nodeid;
    const { changes } = call.fs;
    changes.begin(directory);
    try {
      return handler(call);
    } finally {
      changes.end(directory);
    }
  };
}

/** The handler changes entries of the request's directory and of the one that it names. @param at where the request has that. */
function changingTwo(handler: Handler, at: number): Handler {
  return changing((call: Call) => {
    const second = call.request.nodeId(at);
    const { changes } = call.fs;
    changes.begin(second);
    try {
      return handler(call);
    } finally {
      changes.end(second);
    }
  });
}

export const renaming = (handler: Handler): Handler => changingTwo(handler, fuse_rename_in.offsets.newdir);
export const renaming2 = (handler: Handler): Handler => changingTwo(handler, fuse_rename2_in.offsets.newdir);
