import t from 'tap';
import { putInt64 } from '../../src/sys/int64.ts';

t.test('numbers and bigints become the same two words', async (t) => {
  const words = new Uint32Array(3);
  for (const value of [0, 1, -1, 2 ** 32, -(2 ** 32), 2 ** 53 - 1, -(2 ** 53) + 1, -1.5e9]) {
    putInt64(words, 1, value);
    const [, lo, hi] = words;
    t.equal(new DataView(words.buffer).getBigInt64(4, true), BigInt(value), `${value}`);
    putInt64(words, 1, BigInt(value));
    t.strictSame([words[1], words[2]], [lo, hi], `${value} as a bigint`);
  }
  putInt64(words, 0, 2n ** 63n - 1n);
  t.strictSame([words[0], words[1]], [0xffff_ffff, 0x7fff_ffff]);
});
