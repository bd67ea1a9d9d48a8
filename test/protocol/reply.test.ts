// The reply cursor: fields, header, errors.
import t from 'tap';
import { errno, fuse_attr, fuse_out_header, Reply } from '../../protocol/index.ts';

const to = { uniqueLo: 0x11223344, uniqueHi: 0x80000000 };

t.test('a body in place', async (t) => {
  const reply = new Reply(new Uint8Array(256).fill(0xff).subarray(8));
  t.equal(reply.body.length, 248 - 16);
  const at = fuse_attr.offsets;
  reply.zero(fuse_attr.size);
  reply.words(at.ino, 1, 2);
  reply.u64(at.size, 2 ** 53 - 1);
  reply.u64(at.blocks, 2n ** 64n - 1n);
  reply.u64(at.atime, -2);
  reply.u64(at.mtime, -3n);
  reply.u32(at.mode, 0o100644);
  reply.u16(at.flags, 0xabcd);
  const attr = fuse_attr.decode(reply.bytes, 16);
  t.match(attr, {
    ino: 2 * 2 ** 32 + 1,
    size: 2 ** 53 - 1,
    blocks: 2n ** 64n - 1n,
    mode: 0o100644,
    flags: 0xabcd,
  });
  t.equal(attr.atime, 2n ** 64n - 2n);
  t.equal(attr.mtime, 2n ** 64n - 3n);
  t.equal(attr.ctime, 0);
  t.equal(reply.body[fuse_attr.size], 0xff, 'zero() clears no more than asked');
  t.equal(reply.finish(to, fuse_attr.size), 16 + fuse_attr.size);
  t.same(fuse_out_header.decode(reply.bytes), {
    len: 16 + fuse_attr.size,
    error: 0,
    unique: 0x8000000011223344n,
  });
});

t.test('errors', async (t) => {
  const reply = new Reply(new Uint8Array(32));
  for (const [result, error] of [
    [-errno.ENOENT, -2],
    [-511, -511],
    [-512, -errno.EIO],
    [-(2 ** 31), -errno.EIO],
  ] as const) {
    t.equal(reply.finish(to, result), 16);
    t.match(fuse_out_header.decode(reply.bytes), { len: 16, error });
  }
  t.equal(reply.finish(to, 16), 32);
  t.throws(() => reply.finish(to, 17), RangeError, 'a body longer than the buffer');
  for (const result of [Number.NaN, 1.5, -1.5]) {
    t.throws(() => reply.finish(to, result), RangeError, `${result} is neither a length nor an error`);
  }
  t.throws(() => new Reply(new Uint8Array(15)), RangeError);
});
