// Directory listings: records packed into a window, and read back.
import t from 'tap';
import {
  DirentplusWriter,
  DirentWriter,
  DT_DIR,
  DT_REG,
  fuse_entry_out,
  readDirentplus,
  readDirents,
} from '../../protocol/index.ts';

const name = (text: string) => new TextEncoder().encode(`${text}\0`);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

t.test('plain records', async (t) => {
  const window = new Uint8Array(128).fill(0xff);
  const writer = new DirentWriter(window);
  t.ok(writer.add(1, 2, 2n ** 63n, DT_DIR, name('.')));
  t.equal(writer.length, 32);
  t.ok(writer.add(0xffffffff, 0xffffffff, -1, DT_REG, name('eight888')));
  t.equal(writer.length, 64, 'no padding after a full word');
  const records = readDirents(window.subarray(0, writer.length));
  t.match(records[0], { ino: 2 ** 33 + 1, off: 2n ** 63n, namelen: 1, type: DT_DIR });
  t.match(records[1], { ino: 2n ** 64n - 1n, off: 2n ** 64n - 1n, namelen: 8, type: DT_REG });
  t.same(
    records.map((record) => text(record.name)),
    ['.', 'eight888'],
  );
  t.same([...window.subarray(25, 32)], [0, 0, 0, 0, 0, 0, 0], 'padding is zeroed');
  t.equal(window[64], 0xff);
});

t.test('a record that does not fit changes nothing', async (t) => {
  const window = new Uint8Array(64).fill(0xff);
  const writer = new DirentWriter(window);
  writer.start(63);
  t.ok(writer.add(1, 0, 1, DT_REG, name('12345678')));
  t.notOk(writer.add(1, 0, 2, DT_REG, name('12345678')));
  t.equal(writer.length, 32);
  t.equal(window[32], 0xff);
  writer.start(1000);
  t.equal(writer.length, 0, 'starts anew');
  t.ok(writer.add(1, 0, 1, DT_REG, name('a'.repeat(40))), 'the window is the limit');
  t.notOk(writer.add(1, 0, 1, DT_REG, name('a')));
});

t.test('records with attributes', async (t) => {
  const window = new Uint8Array(400).fill(0xff);
  const writer = new DirentplusWriter(window);
  t.ok(writer.add(5, 0, 1, DT_DIR, name('..')));
  t.equal(writer.entry, 0);
  t.ok(writer.add(6, 0, 2, DT_REG, name('file')));
  t.equal(writer.entry, 160);
  fuse_entry_out.encode({ nodeid: 99, attr: { ino: 6 } }, window, writer.entry);
  t.notOk(writer.add(7, 0, 3, DT_REG, name('full')));
  t.equal(writer.entry, 160, 'stays that of the last record');
  const records = readDirentplus(window.subarray(0, writer.length));
  t.match(records[0], { entry_out: { nodeid: 0, attr: { ino: 0 } }, dirent: { ino: 5, off: 1 } });
  t.match(records[1], { entry_out: { nodeid: 99, attr: { ino: 6 } }, dirent: { ino: 6, off: 2 } });
  t.equal(text(records[1]?.name as Uint8Array), 'file');
});

t.test('a cut listing', async (t) => {
  const window = new Uint8Array(64);
  const writer = new DirentWriter(window);
  writer.add(1, 0, 1, DT_REG, name('name'));
  t.same(readDirents(new Uint8Array(0)), []);
  t.throws(() => readDirents(window.subarray(0, 31)), RangeError);
  t.throws(() => readDirents(window.subarray(0, 23)), RangeError);
  new DataView(window.buffer).setUint32(16, 0xffffffff, true);
  t.throws(() => readDirents(window.subarray(0, 32)), RangeError, 'a name length of 2^32 - 1');
});
