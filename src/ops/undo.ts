// The kernel refused an answer, since the request was interrupted: what the answer would have given to the kernel is taken back.

import {
  fuse_entry_out,
  fuse_open_out,
  type NodeId,
  type OperationName,
  readDirentplus,
} from '../../protocol/index.ts';
import { forget } from '../layers/forget.ts';
import { closeHandle } from '../layers/open.ts';
import type { Call } from './call.ts';

/** Takes back the lookup counts and handles that the successful answer in `call.reply` carries. */
export function undo({ request, reply, fs }: Call): void {
  const length = new DataView(reply.bytes.buffer, reply.bytes.byteOffset).getUint32(0, true);
  const error = new DataView(reply.bytes.buffer, reply.bytes.byteOffset).getInt32(4, true);
  if (error !== 0) return;
  const body = reply.bytes.subarray(reply.bytes.length - reply.body.length, length);
  switch (request.operation.name as OperationName) {
    case 'LOOKUP':
    case 'SYMLINK':
    case 'MKNOD':
    case 'MKDIR':
    case 'LINK':
      if (Number(fuse_entry_out.decode(body, 0).nodeid) !== 0)
        // a name that is not there has none
        forget(fs, fuse_entry_out.decode(body, 0).nodeid as NodeId, 1);
      break;
    case 'CREATE':
    case 'TMPFILE':
      closeHandle(fs, Number(fuse_open_out.decode(body, fuse_entry_out.size).fh));
      forget(fs, fuse_entry_out.decode(body, 0).nodeid as NodeId, 1);
      break;
    case 'OPEN':
    case 'OPENDIR':
      closeHandle(fs, Number(fuse_open_out.decode(body, 0).fh));
      break;
    case 'READDIRPLUS':
      for (const { entry_out } of readDirentplus(body)) {
        if (Number(entry_out.nodeid) !== 0) forget(fs, entry_out.nodeid as NodeId, 1);
      }
      break;
    default:
  }
}
