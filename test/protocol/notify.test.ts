// Notifications: each is built to the bytes of its fixture, and nothing else is taken for one.
import t from 'tap';
import * as p from '../../protocol/index.ts';
import { readFixture, WIRE } from './fixtures/fixture.ts';

const text = (value: string) => new TextEncoder().encode(value);

function build(file: string, builder: (bytes: Uint8Array, message: p.NotificationMessage) => number) {
  t.test(file, async (t) => {
    const { bytes } = readFixture(WIRE, `notify-${file}.txt`);
    const buffer = new Uint8Array(256).fill(0xff);
    const length = builder(buffer, p.decodeNotification(bytes));
    t.same(buffer.slice(0, length), bytes);
    t.equal(buffer[length], 0xff, 'writes no more');
    t.throws(() => builder(new Uint8Array(bytes.length - 1), p.decodeNotification(bytes)), RangeError);
  });
}

type Numbers = { readonly [field: string]: p.Int64 };
const of = ({ fields }: p.NotificationMessage) => fields as Numbers & { size: number; flags: number };

build('poll', (bytes, m) => p.notifyPoll(bytes, of(m).kh as p.Int64));
build('inval-inode', (bytes, m) => {
  const { ino = 0, off = 0, len = 0 } = of(m);
  return p.notifyInvalInode(bytes, ino, off, len);
});
build('inval-entry', (bytes, m) => p.notifyInvalEntry(bytes, of(m).parent ?? 0, text('name\0'), of(m).flags));
build('store', (bytes, m) => p.notifyStore(bytes, of(m).nodeid ?? 0, of(m).offset ?? 0, text('bytes')));
build('retrieve', (bytes, m) => {
  const { notify_unique = 0, nodeid = 0, offset = 0, size } = of(m);
  return p.notifyRetrieve(bytes, notify_unique, nodeid, offset, size);
});
build('delete', (bytes, m) => p.notifyDelete(bytes, of(m).parent ?? 0, of(m).child ?? 0, text('gone\0')));
build('resend', (bytes) => p.notifyResend(bytes));
build('inc-epoch', (bytes) => p.notifyIncEpoch(bytes));
build('prune', (bytes, m) => p.notifyPrune(bytes, m.nodeids ?? []));

t.test('flags are zero unless given', async (t) => {
  const bytes = new Uint8Array(64);
  const length = p.notifyInvalEntry(bytes, 1, text('a\0'));
  t.match(p.decodeNotification(bytes.subarray(0, length)), { fields: { namelen: 1, flags: 0 } });
});

t.test('what is none', async (t) => {
  const { bytes } = readFixture(WIRE, 'notify-inval-entry.txt');
  const patched = (at: number, value: number) => {
    const copy = bytes.slice();
    new DataView(copy.buffer).setUint32(at, value, true);
    return copy;
  };
  const cut = patched(0, 20).subarray(0, 20);
  for (const [message, code] of [
    [bytes.subarray(0, 15), 'short-header'],
    [patched(0, 1), 'length-mismatch'],
    [patched(4, 10), 'bad-reply'],
    [patched(4, 0), 'bad-reply'],
    [patched(24, 5), 'bad-reply'],
    [cut, 'bad-reply'],
  ] as const) {
    t.throws(() => p.decodeNotification(message), { code });
    t.match(p.printNotification(message), /^notify malformed: /);
  }
});
