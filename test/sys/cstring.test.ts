import t from 'tap';
import { cstring, cstringOf, EMPTY, isCString, terminated } from '../../src/sys/cstring.ts';

t.test('text and bytes get their NUL', async (t) => {
  t.strictSame([...cstring('aé')], [0x61, 0xc3, 0xa9, 0]);
  t.strictSame([...cstringOf(Uint8Array.of(0xff, 0x41))], [0xff, 0x41, 0]);
  t.strictSame([...EMPTY], [0]);
});

t.test('a NUL inside is refused, not cut', async (t) => {
  t.throws(() => cstring('a\0b'), TypeError);
  t.throws(() => cstringOf(Uint8Array.of(1, 0)), TypeError);
});

t.test('isCString looks at every byte, terminated at the last', async (t) => {
  t.ok(isCString(cstring('a')));
  t.ok(isCString(EMPTY));
  t.notOk(isCString(new Uint8Array(0)));
  t.notOk(isCString(Uint8Array.of(0x61)));
  t.notOk(isCString(Uint8Array.of(0x61, 0, 0)));
  const name = cstring('a');
  t.equal(terminated(name), name);
  t.throws(() => terminated(Uint8Array.of(0x61)), TypeError);
  t.throws(() => terminated(new Uint8Array(0)), TypeError);
});
