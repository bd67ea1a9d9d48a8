import t from 'tap';
import { formatEvent, syslogHead } from '../../src/log/line.ts';

t.test('fields in their order, without those that are undefined', async (t) => {
  const fields = { path: Buffer.from('a/b\nc\0'), uid: 1000, bytes: 123n, to: undefined };
  t.equal(
    formatEvent('info', 'migrated', fields, 1000),
    'level=info event=migrated path="a/b\\nc" uid=1000 bytes=123',
  );
  t.equal(formatEvent('warn', 'two words', {}, 1000), 'level=warn event="two words"');
  t.equal(formatEvent('warn', 'x', { 'a b\n=': 1 }, 1000), 'level=warn event=x a_b__=1');
});

t.test('too long: the longest values give way, the others stay', async (t) => {
  const fields = { path: Buffer.alloc(4000, 'p'), uid: 7, to: '\n'.repeat(3000) };
  const line = formatEvent('info', 'renamed', fields, 500);
  t.ok(Buffer.byteLength(line) <= 500);
  t.match(line, /^level=info event=renamed path=p{100,}… uid=7 to="(\\n){50,}…"$/);
  t.equal(formatEvent('info', 'e', fields, 20_000).length > 10_000, true, 'whole where it fits');
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, i]));
  t.equal(formatEvent('info', 'e', many, 100).length, 100);
});

t.test('syslog: priority, local time, identity', async (t) => {
  const now = new Date(2026, 0, 5, 3, 4, 9);
  t.equal(syslogHead('error', now, 42), '<27>Jan  5 03:04:09 migratefs[42]: ');
  t.equal(syslogHead('debug', new Date(2026, 11, 25, 23, 59, 59), 1), '<31>Dec 25 23:59:59 migratefs[1]: ');
  t.match(syslogHead('warn', now, 1), /^<28>/);
  t.match(syslogHead('info', now, 1), /^<30>/);
});
