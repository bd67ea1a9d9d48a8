import t from 'tap';
import { escapeValue } from '../../src/log/escape.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);

t.test('plain values stay bare', async (t) => {
  t.equal(escapeValue('a/b.txt'), 'a/b.txt');
  t.equal(escapeValue(12), '12');
  t.equal(escapeValue(-1.5), '-1.5');
  t.equal(escapeValue(2n ** 64n), '18446744073709551616');
  t.equal(escapeValue(true), 'true');
  t.equal(escapeValue(Buffer.from('dir/name\0')), 'dir/name', 'a name without its NUL');
});

t.test('no name forges a line or ends its quotes', async (t) => {
  t.equal(escapeValue(''), '""');
  t.equal(escapeValue('a b'), '"a b"');
  t.equal(escapeValue('a=b'), '"a=b"');
  t.equal(escapeValue('a"b\\'), '"a\\"b\\\\"');
  t.equal(escapeValue('a\ntime=0 level=info'), '"a\\ntime=0 level=info"');
  t.equal(escapeValue(Buffer.from('a\r\n\t\0')), '"a\\r\\n\\t"');
  t.equal(escapeValue('\x1b[2J\x7f\0'), '"\\x1b[2J\\x7f\\x00"');
  t.equal(escapeValue('\u2028\u2029\u0085'), '"\\u{2028}\\u{2029}\\u{85}"');
  t.equal(escapeValue('\u202egpj.exe\u200b\ufeff'), '"\\u{202e}gpj.exe\\u{200b}\\u{feff}"');
  t.equal(escapeValue('\ud800x'), '"\\u{d800}x"', 'half a surrogate pair');
});

t.test('bytes: text where it is UTF-8, hex where it is not', async (t) => {
  t.equal(escapeValue(Buffer.from('déjà vu €𝄞')), '"déjà vu €𝄞"');
  t.equal(escapeValue(bytes(0xff, 0x61, 0xfe)), '"\\xffa\\xfe"');
  t.equal(escapeValue(bytes(0xc3, 0xa9, 0xc3)), '"é\\xc3"', 'cut in the middle');
  t.equal(escapeValue(bytes(0xc0, 0xaf)), '"\\xc0\\xaf"', 'overlong');
  t.equal(escapeValue(bytes(0xed, 0xa0, 0x80)), '"\\xed\\xa0\\x80"', 'a surrogate');
  t.equal(escapeValue(bytes(0xf4, 0x90, 0x80, 0x80)), '"\\xf4\\x90\\x80\\x80"', 'past U+10FFFF');
  t.equal(escapeValue(bytes(0xe2, 0x80, 0xa8, 0xff)), '"\\u{2028}\\xff"', 'escaped in mixed bytes too');
  t.equal(escapeValue(Buffer.from('\\xff\0')), '"\\\\xff"', 'text that looks like an escape');
  t.equal(escapeValue(bytes(0x61, 0, 0)), '"a\\x00"', 'only one NUL is the end');
});

t.test('every single byte and every pair gives one printable line', async (t) => {
  const seen = new Set<string>();
  for (let a = 1; a < 256; a++) {
    for (let b = 0; b < 256; b++) {
      const text = escapeValue(b === 0 ? bytes(a) : bytes(a, b));
      seen.add(text);
      if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text)) t.fail(`${a} ${b}: ${JSON.stringify(text)}`);
    }
  }
  t.equal(seen.size, 255 * 256, 'and no two names look the same');
});
