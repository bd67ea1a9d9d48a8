// IOCTL messages that no kernel sends: each is refused with the right errno, and none touches a descriptor that is not the node's.

import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { EBADF, EINVAL, ENOTTY } from '../../protocol/errno.ts';
import {
  Dialect,
  decodeReply,
  encodeRequest,
  operations,
  type RequestMessage,
} from '../../protocol/index.ts';
import {
  FS_IOC_FSGETXATTR,
  FS_IOC_FSSETXATTR,
  FS_IOC_GETFLAGS,
  FS_IOC_SETFLAGS,
  FS_IOC32_GETFLAGS,
} from '../../src/sys/ioctl.ts';
import { Stack, self } from './stack.ts';

t.test('refused', async (t) => {
  const folder = t.testdir({});
  const stack = new Stack(folder);
  const { request, reply } = stack.device;
  const dialect = new Dialect(45, 0n);
  const send = (operation: RequestMessage['operation'], message: Partial<RequestMessage>) => {
    const bytes = encodeRequest({ operation, unique: 2, nodeid: 1, ...self, ...message }, dialect);
    request.set(bytes);
    return decodeReply(operations[operation], reply.slice(0, stack.exchange.handle(bytes.length)), false);
  };
  const lookup = send('LOOKUP', { names: [Buffer.from('hello\0')] });
  const nodeid = lookup.structs?.fuse_entry_out?.nodeid as number;
  const fh = send('OPEN', { nodeid, fields: { flags: 0 } }).structs?.fuse_open_out?.fh as number;
  const dir = send('OPENDIR', {}).structs?.fuse_open_out?.fh as number;
  t.ok(nodeid > 0 && fh > 0 && dir > 0);

  const ask = (
    cmd: number,
    out: number,
    data: number,
    over: { fh?: number; nodeid?: number; flags?: number } = {},
  ) =>
    send('IOCTL', {
      nodeid: over.nodeid ?? nodeid,
      fields: { fh: over.fh ?? fh, flags: over.flags ?? 0, cmd, arg: 0, out_size: out },
      payload: new Uint8Array(data).fill(0xff),
    });
  const layer = ask(FS_IOC_GETFLAGS, 4, 0);
  const given = layer.error === 0 ? 4 : undefined;
  t.ok([0, -ENOTTY, -95].includes(layer.error), `${layer.error}`);
  t.equal(layer.bytes?.length, given);
  t.equal(ask(FS_IOC_GETFLAGS, 8, 0).bytes?.length, given, 'a long is asked for, an int given');
  t.equal(ask(FS_IOC32_GETFLAGS, 4, 0).bytes?.length, given);

  for (const [cmd, out, data] of [
    [FS_IOC_GETFLAGS, 0, 0],
    [FS_IOC_GETFLAGS, 3, 0],
    [FS_IOC_GETFLAGS, 0xffff_ffff, 0],
    [FS_IOC_GETFLAGS, 4, 4],
    [FS_IOC_SETFLAGS, 0, 0],
    [FS_IOC_SETFLAGS, 0, 5],
    [FS_IOC_SETFLAGS, 4, 4],
    [FS_IOC_SETFLAGS, 0, 65_536],
    [FS_IOC_FSGETXATTR, 27, 0],
    [FS_IOC_FSGETXATTR, 4, 0],
    [FS_IOC_FSSETXATTR, 0, 27],
    [FS_IOC_FSSETXATTR, 28, 28],
  ] as const) {
    t.equal(ask(cmd, out, data).error, -EINVAL, `${cmd.toString(16)} ${out} ${data}`);
  }
  for (const cmd of [0, 1, 0xffff_ffff, 0x5401, 0x4004_9409]) t.equal(ask(cmd, 0, 0).error, -ENOTTY);
  t.equal(ask(0, 0xffff_ffff, 1000).error, -ENOTTY);

  const foreign = openSync(join(folder, 'outside/kept/file'), 'r');
  for (const over of [{ fh: 0 }, { fh: foreign }, { fh: dir }, { fh: 1e9 }, { nodeid: 1 }, { nodeid: 77 }]) {
    t.equal(ask(FS_IOC_GETFLAGS, 4, 0, over).error, -EBADF);
    t.equal(ask(FS_IOC_SETFLAGS, 0, 4, over).error, -EBADF);
  }
  t.equal(ask(FS_IOC_GETFLAGS, 4, 0, { fh: dir, nodeid: 1, flags: 0 }).error, layer.error, 'a directory’s');
  for (let flag = 0; flag < 32; flag++) {
    t.equal(ask(FS_IOC_GETFLAGS, 4, 0, { flags: (1 << flag) >>> 0 }).error, layer.error);
  }
  send('RELEASE', { nodeid, fields: { fh } });
  send('RELEASEDIR', { fields: { fh: dir } });
  stack.close();
  t.notMatch(readFileSync(join(folder, 'log'), 'utf8'), /event=bug/);
});
