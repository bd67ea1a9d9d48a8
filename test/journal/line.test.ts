import fc from 'fast-check';
import t from 'tap';
import { encoded, LINE_BYTES, Line, PATH_BYTES } from '../../src/journal/line.ts';
import { S_IFDIR, S_IFIFO, S_IFLNK } from '../../src/sys/constants.ts';
import { decode, record } from './helpers.ts';

const line = new Line();
const time = new Date('2026-01-31T09:30:00.123Z');

function written(...args: Parameters<typeof record>): string {
  const end = line.write('node-1a2b3c4d', time, record(...args));
  return line.bytes.toString('latin1', 1, end);
}

t.test('a deleted file', async (t) => {
  t.equal(
    written('/a/b c'),
    '{"time":"2026-01-31T09:30:00.123Z","host":"node-1a2b3c4d","uid":1000,"op":"delete","result":"ok","type":"file",' +
      '"path":"/a/b c","size":71,"inode":2173013,"layer":"/old/home","ms":0.25}\n',
  );
});

t.test('what the other operations add', async (t) => {
  const copy = { inode: 7, bytes: 70, method: 'copy_file_range', source: 'kept' };
  t.match(JSON.parse(written('/a', { op: 'migrate', copy })), {
    new_inode: 7,
    copied: 70,
    method: 'copy_file_range',
    source: 'kept',
  });
  const failed = JSON.parse(written('/a', { op: 'migrate', copy: { bytes: 0, method: 'none' }, error: 28 }));
  t.match(failed, { result: 'ENOSPC', copied: 0, method: 'none' });
  t.notOk('new_inode' in failed || 'source' in failed);
  const other = { type: S_IFLNK, size: 3, inode: 8, layer: '/new' };
  const renamed = JSON.parse(written('/a', { op: 'rename', newPath: Buffer.from('/b"'), other }));
  t.match(renamed, { new_path: '/b%22', replaced: { type: 'symlink', size: 3, inode: 8, layer: '/new' } });
  const exchanged = JSON.parse(written('/a', { op: 'exchange', newPath: Buffer.from('/b'), other }));
  t.match(exchanged, { exchanged: { inode: 8 } });
  t.equal(JSON.parse(written('/a', { object: { ...other, type: S_IFDIR } })).type, 'directory');
  t.equal(JSON.parse(written('/a', { object: { ...other, type: S_IFIFO } })).type, 'fifo');
});

t.test('64 bits are exact', async (t) => {
  const big = { type: S_IFDIR, size: 2n ** 63n - 1n, inode: 2n ** 64n - 1n, layer: '/' };
  t.match(written('/a', { object: big }), '"size":9223372036854775807,"inode":18446744073709551615,');
});

t.test('no name forges anything, and each can be had back', async (t) => {
  const forged = Buffer.from(
    '/x"}\n{"time":"2026-01-31T09:30:00.000Z","op":"delete"}\r\n\\u0022%0A\t\x7fé\u2028',
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
      for (const path of [bytes, forged]) {
        const text = written(path, { op: 'rename', newPath: path });
        t.match(text, /^[\x20-\x7e]+\n$/);
        const { path: old, new_path: now, op } = JSON.parse(text);
        t.same([decode(old), decode(now), op], [Buffer.from(path), Buffer.from(path), 'rename']);
      }
    }),
    { numRuns: 100 },
  );
  t.equal(encoded('/old "home"/é%'), '/old %22home%22/%C3%A9%25');
});

t.test('the longest record', async (t) => {
  const path = Buffer.alloc(PATH_BYTES, 0xff);
  const layer = encoded('é'.repeat(2000));
  const object = { type: S_IFDIR, size: 2n ** 63n, inode: 2n ** 63n, layer };
  const copy = { inode: 2n ** 63n, bytes: 2n ** 63n, method: 'copy_file_range', source: 'removed' };
  const text = written(path, { op: 'exchange', object, newPath: path, other: object, copy });
  t.same(decode(JSON.parse(text).new_path), path);
  t.ok(text.length < LINE_BYTES, `${text.length}`);
  t.ok(text.endsWith('}\n'));
});
