// Struct declarations: exact 64-bit values, zeroed gaps, bounds, and types that follow from the declaration.
import t from 'tap';
import { fuse_entry_out, fuse_lk_in, fuse_open_in } from '../../protocol/index.ts';
import { array, i32, i64, struct, u16, u32, u64 } from '../../protocol/layout.ts';

const sample = struct('sample', { a: u16, b: array(u16, 3), c: i32, d: u32, e: u64, f: i64 });

t.test('every field type, both ways', async (t) => {
  const bytes = new Uint8Array(sample.size + 3).fill(0xee);
  const value = { a: 0xa1a2, b: [1, 2, 0xffff], c: -5, d: 0xffffffff, e: 2n ** 64n - 1n, f: -7 };
  sample.encode(value, bytes, 1);
  t.same(sample.decode(bytes, 1), value);
  t.equal(bytes[0], 0xee);
  t.equal(bytes.at(-1), 0xee, 'writes no more than its size');
});

t.test('64-bit values are exact', async (t) => {
  const bytes = new Uint8Array(sample.size);
  const values = [0, 1, 2 ** 32, 2 ** 53 - 1, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n];
  for (const e of values) {
    sample.encode({ e }, bytes);
    t.equal(sample.decode(bytes).e, e, `unsigned ${e}`);
  }
  const signed = [0, 1, -1, -(2 ** 32), 2 ** 53 - 1, -(2 ** 53) + 1, -(2n ** 53n), 2n ** 53n, -(2n ** 63n)];
  for (const f of signed) {
    sample.encode({ f }, bytes);
    t.equal(sample.decode(bytes).f, f, `signed ${f}`);
  }
  sample.encode({ e: 5n }, bytes);
  t.equal(sample.decode(bytes).e, 5, 'a small bigint comes back as a number');
  for (const e of [2 ** 53, 0.5, Number.NaN]) {
    t.throws(() => sample.encode({ e }, bytes), RangeError, `${e} is refused`);
  }
});

t.test('a field left out is zero, whatever was there before', async (t) => {
  const bytes = new Uint8Array(fuse_open_in.size).fill(0xff);
  fuse_open_in.encode({ open_flags: 1 }, bytes);
  t.same(fuse_open_in.decode(bytes), { flags: 0, open_flags: 1 });
});

t.test('bounds', async (t) => {
  const bytes = new Uint8Array(fuse_open_in.size);
  for (const at of [1, -1, 100]) {
    t.throws(() => fuse_open_in.decode(bytes, at), RangeError);
    t.throws(() => fuse_open_in.encode({}, bytes, at), RangeError);
  }
});

t.test('a window of a larger buffer, and shared memory', async (t) => {
  const larger = new Uint8Array(new SharedArrayBuffer(64));
  const bytes = larger.subarray(8, 8 + fuse_open_in.size);
  fuse_open_in.encode({ flags: 0x01020304, open_flags: 5 }, bytes);
  t.same([...larger.subarray(8, 16)], [4, 3, 2, 1, 5, 0, 0, 0]);
  t.same(fuse_open_in.decode(bytes), { flags: 0x01020304, open_flags: 5 });
});

t.test('names and types follow from the declaration', async (t) => {
  const bytes = new Uint8Array(256);
  t.equal(fuse_entry_out.offsets.attr, 40);
  const lock = fuse_lk_in.decode(bytes);
  t.same(lock.lk, { start: 0, end: 0, type: 0, pid: 0 });
  // @ts-expect-error no such field
  t.equal(fuse_entry_out.offsets.typo, undefined);
  // @ts-expect-error no such nested field
  t.equal(lock.lk.typo, undefined);
  // @ts-expect-error a string where a number belongs
  fuse_open_in.encode({ flags: '1' }, bytes);
});
