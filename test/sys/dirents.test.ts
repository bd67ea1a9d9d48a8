import { mkdirSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { EBADF, EINVAL, ENOTDIR } from '../../protocol/errno.ts';
import { DT_DIR, DT_REG, O_DIRECTORY, O_RDONLY, SEEK_SET } from '../../src/sys/constants.ts';
import { cstring, isCString } from '../../src/sys/cstring.ts';
import { DirentCursor } from '../../src/sys/dirents.ts';
import { close, getdents, lseek, memfd, open } from '../../src/sys/fd.ts';
import { statx } from '../../src/sys/path.ts';
import { Stat } from '../../src/sys/stat.ts';

t.test('every name once, whatever the buffer holds', async (t) => {
  const path = t.testdir();
  mkdirSync(`${path}/dir`);
  for (let i = 0; i < 100; i++) writeFileSync(`${path}/file${i}`, '');
  writeFileSync(Buffer.concat([Buffer.from(`${path}/`), Buffer.from([0xff, 0x2e])]), '');

  for (const size of [300, 32_768]) {
    const dir = open(cstring(path), O_RDONLY | O_DIRECTORY);
    const cursor = new DirentCursor(new Uint8Array(size));
    const types = new Map<string, number>();
    let dots = 0;
    for (;;) {
      const count = getdents(dir, cursor.bytes);
      if (count <= 0) break;
      cursor.load(count);
      while (cursor.next()) {
        t.ok(isCString(cursor.name));
        if (cursor.isDot) dots++;
        else types.set(Buffer.from(cursor.name.subarray(0, -1)).toString('latin1'), cursor.type);
      }
    }
    t.equal(types.size, 102);
    t.equal(dots, 2);
    t.equal(types.get('dir'), DT_DIR);
    t.equal(types.get('file7'), DT_REG);
    t.equal(types.get('\xff.'), DT_REG);
    close(dir);
  }
});

t.test('inode numbers, and going on from a record', async (t) => {
  const dir = open(cstring(t.testdir({ a: '', b: '', c: '' })), O_RDONLY | O_DIRECTORY);
  const cursor = new DirentCursor(new Uint8Array(4096));
  cursor.load(getdents(dir, cursor.bytes));
  cursor.next();
  const { offset } = cursor;
  const stat = new Stat();
  const rest: string[] = [];
  while (cursor.next()) {
    rest.push(Buffer.from(cursor.name).toString());
    if (cursor.isDot) continue;
    statx(dir, cursor.name, 0, 0x7ff, stat);
    t.strictSame([cursor.inoLo, cursor.inoHi], [stat.inoLo, stat.inoHi]);
  }
  t.equal(rest.length, 4);
  lseek(dir, offset, SEEK_SET);
  cursor.load(getdents(dir, cursor.bytes));
  const again: string[] = [];
  while (cursor.next()) again.push(Buffer.from(cursor.name).toString());
  t.strictSame(again, rest);
  t.equal(getdents(dir, cursor.bytes), 0, 'the end');
  cursor.load(0);
  t.notOk(cursor.next());
  close(dir);
});

t.test('errors', async (t) => {
  const dir = open(cstring(t.testdir({ a: '' })), O_RDONLY | O_DIRECTORY);
  t.equal(getdents(dir, new Uint8Array(8)), -EINVAL);
  t.equal(getdents(1 << 20, new Uint8Array(512)), -EBADF);
  const file = memfd(cstring('test'));
  t.equal(getdents(file, new Uint8Array(512)), -ENOTDIR);
  close(dir);
  close(file);
});
