// One line for each message, whatever is in it.
import t from 'tap';
import * as p from '../../protocol/index.ts';
import { readFixture, WIRE } from './fixtures/fixture.ts';

const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const caller = { unique: 12, nodeid: 5, uid: 1000, gid: 100, pid: 4711 };

function printed(
  message: Omit<p.RequestMessage, keyof typeof caller>,
  dialect = new p.Dialect(45, 0n),
): string {
  const encoded = p.encodeRequest({ ...caller, ...message }, dialect);
  const request = new p.Request(encoded, dialect);
  request.load(encoded.length);
  return p.printRequest(request);
}

t.test('escaping', async (t) => {
  for (const [raw, escaped] of [
    [bytes('plain name'), 'plain name'],
    [new TextEncoder().encode('grüße 漢 😀'), 'grüße 漢 😀'],
    [bytes('a\nb\r\t\0\x1b[31m\x7f'), 'a\\x0ab\\x0d\\x09\\x00\\x1b[31m\\x7f'],
    [bytes('q"b\\'), 'q\\x22b\\x5c'],
    [bytes('\xff\xc3'), '\\xff\\xc3'],
    [bytes('\xc3('), '\\xc3('],
    [bytes('\xe4\xb8'), '\\xe4\\xb8'],
    [bytes('\xf0\x9f\x98'), '\\xf0\\x9f\\x98'],
    [bytes('\xed\xa0\x80'), '\\xed\\xa0\\x80'],
    [bytes('\x80x'), '\\x80x'],
    [
      new TextEncoder().encode('\u0085\u2028\u202e\ufeff'),
      '\\xc2\\x85\\xe2\\x80\\xa8\\xe2\\x80\\xae\\xef\\xbb\\xbf',
    ],
    [bytes(''), ''],
  ] as const) {
    t.equal(p.escapeBytes(raw), escaped);
  }
});

t.test('requests', async (t) => {
  const who = 'node 5 uid 1000 gid 100 pid 4711';
  t.equal(printed({ operation: 'STATFS' }), `12 STATFS ${who}`);
  t.equal(printed({ operation: 'LOOKUP', names: [bytes('a\nb\0')] }), `12 LOOKUP ${who} "a\\x0ab"`);
  t.equal(
    printed({
      operation: 'CREATE',
      fields: { flags: 0o101, mode: 0o100644, umask: 0o22 },
      names: [bytes('f\0')],
    }),
    `12 CREATE ${who} flags=0x41 mode=0100644 umask=022 open_flags=0x0 "f"`,
  );
  t.equal(
    printed({ operation: 'WRITE', fields: { fh: 3, offset: 2n ** 60n }, payload: bytes('data') }),
    `12 WRITE ${who} fh=3 offset=1152921504606846976 size=4 write_flags=0x0 lock_owner=0 flags=0x0 (4 bytes)`,
  );
  t.match(printed({ operation: 'SETLK', fields: { lk: { end: 9 } } }), 'lk.start=0 lk.end=9');
  t.match(printed({ operation: 'INIT', fields: { major: 7, minor: 31 } }), 'major=7 minor=31');
  t.equal(
    printed({
      ...{ operation: 'MKDIR', fields: {}, names: [bytes('d\0')], groups: [1, 2] },
      securityContexts: [{ name: 'security.x', value: bytes('v\0') }],
    }),
    `12 MKDIR ${who} mode=00 umask=00 "d" groups=1,2 context security.x="v\\x00"`,
  );
});

t.test('replies', async (t) => {
  const line = (operation: p.OperationName, message: Partial<p.ReplyMessage>, sizeOnly = false) => {
    const row = p.operations[operation];
    return p.printReply(row, p.encodeReply(row, { unique: 12, error: 0, ...message }), sizeOnly);
  };
  t.equal(line('FLUSH', {}), '12 FLUSH → ok');
  t.equal(line('LOOKUP', { error: -2 }), '12 LOOKUP → ENOENT');
  t.equal(line('READ', { bytes: bytes('abc') }), '12 READ → ok (3 bytes)');
  t.equal(line('READDIR', { entries: [] }), '12 READDIR → ok (0 entries)');
  t.equal(line('GETXATTR', { structs: { fuse_getxattr_out: { size: 5 } } }, true), '12 GETXATTR → ok size=5');
  t.equal(
    line('OPEN', { structs: { fuse_open_out: { fh: 4, open_flags: 2 } } }),
    '12 OPEN → ok fh=4 open_flags=0x2 backing_id=0',
  );
  t.match(line('STATX', { structs: { fuse_statx_out: {} } }), 'stat.mask=0x0');
});

t.test('what is no reply', async (t) => {
  const open = readFixture(WIRE, 'open.reply.txt').bytes;
  const patched = (source: Uint8Array, at: number, value: number) => {
    const copy = source.slice();
    new DataView(copy.buffer).setInt32(at, value, true);
    return copy;
  };
  const listing = readFixture(WIRE, 'readdir.reply.txt').bytes;
  for (const [operation, message, why] of [
    ['OPEN', open.subarray(0, 10), 'short-header'],
    ['OPEN', patched(open, 0, 33), 'length-mismatch'],
    ['OPEN', patched(open, 4, 2), 'positive'],
    ['OPEN', patched(open, 4, -2), 'a body after an error'],
    ['LOOKUP', open, 'cut within fuse_entry_out'],
    ['FLUSH', open, '16 bytes after the reply'],
    ['READDIR', patched(listing, 32, 5000), 'a name of 5000 bytes'],
  ] as const) {
    t.throws(() => p.decodeReply(p.operations[operation], message), p.ProtocolError);
    t.match(
      p.printReply(p.operations[operation], message),
      new RegExp(`^${operation} → malformed: .*${why}`),
    );
  }
});

t.test('INIT flags', async (t) => {
  t.same(p.initFlagNames(0n), []);
  t.same(p.initFlagNames(p.FUSE_ASYNC_READ | p.FUSE_PASSTHROUGH | (1n << 60n)), [
    'ASYNC_READ',
    'PASSTHROUGH',
    'bit 60',
  ]);
});
