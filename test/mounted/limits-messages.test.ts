// Numbers and flags at and past their limits, as messages, which the kernel would have stopped in part: what the codec lets pass is answered as
// the system call answers on a plain file, and nothing that would mean something is passed over.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { errnoName } from '../../protocol/errno.ts';
import * as flag from '../../protocol/flags.ts';
import {
  Dialect,
  decodeReply,
  encodeRequest,
  type OperationName,
  operations,
  type ReplyMessage,
  type StructFields,
} from '../../protocol/index.ts';
import { FileSystem } from '../../src/layers/filesystem.ts';
import { handlers, undo } from '../../src/ops/index.ts';
import { Device } from '../../src/session/device.ts';
import { Exchange } from '../../src/session/handle.ts';
import { RequestSlots } from '../../src/session/interrupt.ts';
import { O_RDWR } from '../../src/sys/constants.ts';
import { copyFileRange } from '../../src/sys/copy.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { fallocate, ftruncate, lseek, open, pread, pwrite } from '../../src/sys/fd.ts';
import { prepareLayers, releaseLayers } from '../session/layers.ts';

const MAX = 2n ** 63n - 1n;
const dialect = new Dialect(45, flag.FUSE_INIT_EXT | flag.FUSE_SETXATTR_EXT);
const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, pid: process.pid };

class Bench {
  readonly #device = new Device(-1);
  readonly #folder: string;
  readonly #setup: ReturnType<typeof prepareLayers>;
  readonly #exchange: Exchange;
  #unique = 0;

  constructor(folder: string) {
    this.#folder = folder;
    for (const layer of ['upper', 'lower']) {
      mkdirSync(join(folder, layer, 'both'), { recursive: true });
      writeFileSync(join(folder, layer, `in-${layer}`), '0123456789');
    }
    writeFileSync(join(folder, 'plain'), '0123456789');
    this.#setup = prepareLayers(folder);
    const { request, reply } = this.#device;
    this.#exchange = new Exchange({
      served: { handlers, undo },
      request,
      reply,
      dialect,
      fs: new FileSystem(this.#setup, 1, () => false),
      slots: new RequestSlots(RequestSlots.allocate(1)),
      index: 0,
      debug: false,
    });
  }

  ask(operation: OperationName, nodeid: number, fields?: StructFields, ...names: string[]): ReplyMessage {
    return this.send(operation, nodeid, fields, names);
  }

  send(
    operation: OperationName,
    nodeid: number,
    fields: StructFields | undefined,
    names: string[],
    payload?: Uint8Array,
  ): ReplyMessage {
    this.#unique += 2;
    const message = encodeRequest(
      {
        operation,
        unique: this.#unique,
        nodeid,
        ...self,
        ...(fields && { fields }),
        names: names.map(cstring),
        ...(payload && { payload }),
      },
      dialect,
    );
    this.#device.request.set(message);
    const length = this.#exchange.handle(message.length);
    const sizeOnly = /XATTR/.test(operation) && fields?.size === 0;
    return decodeReply(operations[operation], this.#device.reply.slice(0, length), sizeOnly);
  }

  /** 'ok' or the errno's name. */
  outcome(...args: Parameters<Bench['ask']>): string {
    const { error } = this.ask(...args);
    return error === 0 ? 'ok' : errnoName(-error);
  }

  lookup(name: string): number {
    return this.ask('LOOKUP', 1, undefined, name).structs?.fuse_entry_out?.nodeid as number;
  }

  open(node: number): number {
    return this.ask('OPEN', node, { flags: O_RDWR }).structs?.fuse_open_out?.fh as number;
  }

  close(): string {
    releaseLayers(this.#setup);
    return readFileSync(join(this.#folder, 'log'), 'utf8');
  }
}

const outcomeOf = (result: number | bigint) => (result < 0 ? errnoName(-Number(result)) : 'ok');

for (const layer of ['upper', 'lower']) {
  t.test(`files that begin in the ${layer} layer`, async (t) => {
    const folder = t.testdir({});
    const bench = new Bench(folder);
    const node = bench.lookup(`in-${layer}`);
    const fh = bench.open(node);
    const plain = open(cstring(join(folder, 'plain')), O_RDWR);
    const byte = new Uint8Array(1);
    const edges = [-1n, -(2n ** 63n), MAX, MAX - 1n, 2n ** 53n, 2n ** 62n];

    for (const offset of edges) {
      t.equal(
        bench.outcome('READ', node, { fh, offset: BigInt.asUintN(64, offset), size: 1 }),
        outcomeOf(pread(plain, byte, 1, offset)),
        `read at ${offset}`,
      );
      const write = bench.send('WRITE', node, { fh, offset: BigInt.asUintN(64, offset), size: 1 }, [], byte);
      t.equal(outcomeOf(write.error), outcomeOf(pwrite(plain, byte, 1, offset)), `write at ${offset}`);
      for (const whence of [0, 3, 4]) {
        t.equal(
          bench.outcome('LSEEK', node, { fh, offset: BigInt.asUintN(64, offset), whence }),
          outcomeOf(lseek(plain, offset, whence)),
          `lseek ${whence} to ${offset}`,
        );
      }
      t.equal(
        bench.outcome('SETATTR', node, {
          valid: flag.FATTR_SIZE | flag.FATTR_FH,
          fh,
          size: BigInt.asUintN(64, offset),
        }),
        outcomeOf(ftruncate(plain, offset)),
        `truncate to ${offset}`,
      );
      ftruncate(plain, 10);
      bench.ask('SETATTR', node, { valid: flag.FATTR_SIZE | flag.FATTR_FH, fh, size: 10 });
      for (const [from, length] of [
        [0n, offset],
        [offset, 1n],
        [offset, offset],
      ] as const) {
        if (length > 2n ** 32n && from < 2n ** 40n) continue; // may be had
        t.equal(
          bench.outcome('FALLOCATE', node, {
            fh,
            offset: BigInt.asUintN(64, from),
            length: BigInt.asUintN(64, length),
            mode: 1,
          }),
          outcomeOf(fallocate(plain, 1, from, length)),
          `fallocate ${length} at ${from}`,
        );
      }
    }
    for (const mode of [0x80, 0x100, 2, 2 | 0x10, 1 | 8, 0x8000_0000, 0xffff_ffff, 8 | 0x20]) {
      t.equal(
        bench.outcome('FALLOCATE', node, { fh, offset: 0, length: 4096, mode }),
        outcomeOf(fallocate(plain, mode, 0, 4096)),
        `fallocate mode ${mode}`,
      );
    }
    t.equal(bench.outcome('FALLOCATE', node, { fh, offset: 0, length: 0, mode: 0 }), 'EINVAL');
    for (const whence of [5, 99, 0xffff_ffff])
      t.equal(bench.outcome('LSEEK', node, { fh, offset: 0, whence }), 'EINVAL', `whence ${whence}`);
    t.equal(
      bench.outcome('READ', node, { fh, offset: 0, size: 0xffff_ffff }),
      'EINVAL',
      'more than an answer holds',
    );
    const copy = { fh_in: fh, fh_out: fh, nodeid_out: node, off_in: 0, off_out: 1 << 20, len: 1 };
    for (const flags of [1, 2 ** 31]) {
      t.equal(bench.outcome('COPY_FILE_RANGE', node, { ...copy, flags }), 'EINVAL', `copy flags ${flags}`);
      t.equal(bench.outcome('COPY_FILE_RANGE_64', node, { ...copy, flags }), 'EINVAL');
    }
    t.equal(
      bench.outcome('COPY_FILE_RANGE', node, { ...copy, off_in: BigInt.asUintN(64, -1n) }),
      outcomeOf(copyFileRange(plain, -1n, plain, 1 << 20, 1)),
    );
    t.equal(bench.outcome('COPY_FILE_RANGE', node, { ...copy, off_out: MAX, len: 5 }), 'EFBIG');
    t.equal(bench.outcome('COPY_FILE_RANGE', node, copy), 'ok');

    for (const valid of [1 << 12, 1 << 20, 0x8000_0000, flag.FATTR_MODE | (1 << 30)])
      t.equal(bench.outcome('SETATTR', node, { valid, mode: 0o600 }), 'EINVAL', `attributes ${valid}`);
    t.equal(
      bench.outcome('SETATTR', node, { valid: flag.FATTR_MTIME, mtime: 1, mtimensec: 1_000_000_000 }),
      'EINVAL',
    );
    for (const mask of [8, 0x80, 0xffff_ffff])
      t.equal(bench.outcome('ACCESS', node, { mask }), 'EINVAL', `mask ${mask}`);
    for (const fh of [0, 1, 2, 1e6, 2 ** 31, 2 ** 32, 2 ** 53 - 1]) {
      for (const operation of [
        'READ',
        'FLUSH',
        'RELEASE',
        'FSYNC',
        'LSEEK',
        'FALLOCATE',
        'READDIR',
        'RELEASEDIR',
      ] as const)
        t.equal(bench.outcome(operation, node, { fh, offset: 0, size: 1 }), 'EBADF', `${operation} of ${fh}`);
    }
    t.notMatch(bench.close(), /event=bug/);
  });
}

t.test('names, types, attributes', async (t) => {
  const bench = new Bench(t.testdir({}));
  const both = bench.lookup('both');
  const file = bench.lookup('in-lower');
  t.equal(bench.outcome('LOOKUP', 1, undefined, 'x'.repeat(255)), 'ENOENT');
  for (const flags of [3, 4, 5, 8, 0x8000_0000])
    t.equal(
      bench.outcome('RENAME2', 1, { newdir: 1, flags }, 'in-lower', 'new'),
      'EINVAL',
      `rename flags ${flags}`,
    );
  t.equal(bench.outcome('RENAME2', 1, { newdir: 2 ** 40, flags: 0 }, 'in-lower', 'new'), 'ENOENT');
  for (const [mode, answer] of [
    [0o070_644, 'EINVAL'],
    [0o170_644, 'EINVAL'],
    [0o040_755, 'EPERM'],
    [0o120_777, 'EINVAL'],
  ] as const)
    t.equal(
      bench.outcome('MKNOD', 1, { mode, rdev: 0, umask: 0 }, 'node'),
      answer,
      `mode ${mode.toString(8)}`,
    );
  for (const node of [both, file]) {
    for (const flags of [4, 8, 0x8000_0000]) {
      const { error } = bench.send(
        'SETXATTR',
        node,
        { flags, size: 1, setxattr_flags: 0 },
        ['user.x'],
        new Uint8Array(1),
      );
      t.equal(errnoName(-error), 'EINVAL', `xattr flags ${flags}`);
    }
    t.equal(bench.outcome('GETXATTR', node, { size: 0 }, 'user.x'), 'ENODATA', 'nothing was set');
    t.equal(bench.outcome('GETXATTR', node, { size: 0xffff_ffff }, 'user.x'), 'ENODATA');
    t.equal(bench.outcome('GETXATTR', node, { size: 10 }, `user.${'x'.repeat(251)}`), 'ENAMETOOLONG');
    t.equal(bench.outcome('LISTXATTR', node, { size: 0xffff_ffff }), 'ok');
  }
  // Offsets that no listing has given, and flags that nobody knows.
  for (const dir of [1, both]) {
    const fh = bench.ask('OPENDIR', dir, { flags: 0 }).structs?.fuse_open_out?.fh as number;
    for (const operation of ['READDIR', 'READDIRPLUS'] as const) {
      for (const offset of [1n, 7n, 4095n, 2n ** 32n, MAX - 1n, MAX, 2n ** 63n, 2n ** 64n - 1n]) {
        const { error } = bench.ask(operation, dir, { fh, offset, size: 4096 });
        t.match(error === 0 ? 'ok' : errnoName(-error), /^(?:ok|EINVAL)$/, `${operation} at ${offset}`);
      }
      t.equal(bench.outcome(operation, dir, { fh, offset: 0, size: 4096 }), 'ok', 'it goes on');
    }
    t.equal(bench.outcome('FSYNCDIR', dir, { fh, fsync_flags: 0xffff_ffff }), 'ok');
    t.equal(bench.outcome('RELEASEDIR', dir, { fh, flags: 0xffff_ffff }), 'ok');
  }
  for (const [name, answer] of [
    ['x'.repeat(256), 'ENAMETOOLONG'],
    ['.migratefs', 'EPERM'],
  ] as const) {
    t.equal(bench.outcome('MKDIR', 1, { mode: 0o755, umask: 0 }, name), answer);
    t.equal(bench.outcome('CREATE', 1, { flags: O_RDWR, mode: 0o644, umask: 0 }, name), answer);
    t.equal(bench.outcome('SYMLINK', 1, undefined, name, 'target'), answer);
    t.equal(bench.outcome('LINK', 1, { oldnodeid: file }, name), answer);
    t.equal(bench.outcome('RENAME2', 1, { newdir: 1, flags: 0 }, 'in-lower', name), answer);
  }
  t.equal(bench.outcome('SYMLINK', 1, undefined, 'node', 'x'.repeat(4096)), 'ENAMETOOLONG');
  for (const flags of [O_RDWR | 0x8000_0000, 3, 0x7fff_fffc])
    t.match(bench.outcome('OPEN', file, { flags }), /^(?:ok|EINVAL)$/, `open flags ${flags}`);
  for (const name of ['node', 'new'])
    t.equal(bench.outcome('LOOKUP', 1, undefined, name), 'ENOENT', 'nothing was made');
  for (const nlookup of [2n ** 63n, 2n ** 64n - 1n]) {
    for (const operation of ['FORGET'] as const) {
      try {
        bench.ask(operation, file, { nlookup });
      } catch {} // no answer to decode
    }
  }
  t.equal(bench.outcome('GETATTR', 1, { getattr_flags: 0xffff_fffe, fh: 0 }), 'ok', 'the root lives');
  t.notMatch(bench.close(), /event=bug/);
});
