// Devices, and the inode numbers that the mount presents.

import t from 'tap';
import { ENOSPC } from '../../protocol/errno.ts';
import { InodeTable } from '../../src/inodes/table.ts';
import { smallTable } from './support.ts';

const out = { lo: 0, hi: 0 };

t.test('devices are numbered in the order of their first call', async (t) => {
  const region = InodeTable.reserve({ bytes: 1 << 20, layers: 2, handles: 8 });
  const table = new InodeTable(region);
  t.equal(table.deviceIndex(8, 1, 0), 0);
  t.equal(table.deviceIndex(8, 1, 1), 1, 'the same device in another layer');
  t.equal(table.deviceIndex(0, 0xffff_ffff, 1), 2);
  t.equal(new InodeTable(region).deviceIndex(0, 0xffff_ffff, 1), 2, 'in every thread');
  for (let minor = 0; minor < 4093; minor++) table.deviceIndex(9, minor, 0);
  t.equal(table.deviceIndex(9, 4092, 0), 4095);
  t.equal(table.deviceIndex(9, 4093, 0), -ENOSPC);
  t.equal(table.deviceIndex(8, 1, 0), 0);
});

t.test('numbers by rule', async (t) => {
  const table = smallTable();
  t.equal(table.presentedOf(0, 0xffff_fffe, 0x00ff_ffff, out), 0);
  t.same(out, { lo: 0xffff_fffe, hi: 0x00ff_ffff });
  table.presentedOf(1, 5, 2, out);
  t.same(out, { lo: 5, hi: 0x0100_0002 });
  table.presentedOf(254, 5, 0, out);
  t.same(out, { lo: 5, hi: 0xfe00_0000 });
  t.equal(table.stats().numbers, 0);
});

t.test('numbers of their own are remembered', async (t) => {
  const table = smallTable();
  table.presentedOf(255, 5, 0, out);
  t.same(out, { lo: 1, hi: 0xff00_0000 });
  table.presentedOf(0, 5, 0x0100_0000, out);
  t.same(out, { lo: 2, hi: 0xff00_0000 });
  table.presentedOf(3000, 5, 0xffff_ffff, out);
  t.same(out, { lo: 3, hi: 0xff00_0000 });
  table.presentedOf(255, 5, 0, out);
  t.same(out, { lo: 1, hi: 0xff00_0000 });
  t.equal(table.stats().numbers, 3);
});

t.test('a number has one owner, whichever inode numbers a storage gives anew', async (t) => {
  const table = smallTable();
  table.presentedOf(1, 7, 0, out);
  table.remember(0, 100, 0, out.lo, out.hi); // the first file is copied up
  table.presentedOf(1, 7, 0, out); // the second has its source's inode number
  const second = { ...out };
  table.remember(0, 101, 0, out.lo, out.hi); // and is copied up
  table.presentedOf(1, 7, 0, out); // the third has it too
  t.strictNotSame(out, second);
  table.presentedOf(0, 101, 0, out);
  t.same(out, second);
});

t.test('remember and forget', async (t) => {
  const table = smallTable();
  t.equal(table.remember(0, 7, 0, 100, 0x0100_0000), 0);
  table.presentedOf(0, 7, 0, out);
  t.same(out, { lo: 100, hi: 0x0100_0000 });
  t.equal(table.remember(0, 7, 0, 0xffff_ffff, 0xffff_ffff), 0);
  table.presentedOf(0, 7, 0, out);
  t.same(out, { lo: 0xffff_ffff, hi: 0xffff_ffff });
  t.equal(table.stats().numbers, 1);
  table.forgetNumber(0, 7, 0);
  table.forgetNumber(0, 7, 0);
  table.presentedOf(0, 7, 0, out);
  t.same(out, { lo: 7, hi: 0 });
  t.equal(table.stats().numbers, 0);
});

t.test('a number that one object goes on under is not shown for another', async (t) => {
  const table = smallTable();
  table.presentedOf(1, 100, 0, out);
  table.remember(0, 7, 0, out.lo, out.hi); // copied up
  table.presentedOf(1, 100, 0, out); // a new file with the inode number of the removed source
  t.same(out, { lo: 1, hi: 0xff00_0000 });
  table.forgetNumber(0, 7, 0);
  table.forgetNumber(1, 100, 0);
  table.presentedOf(1, 100, 0, out);
  t.same(out, { lo: 100, hi: 0x0100_0000 });
});

t.test('when the map is full', async (t) => {
  const table = smallTable(170_000);
  let count = 0;
  while (table.remember(0, count, 0, count, 5) === 0) count++;
  t.ok(count > 100);
  t.equal(table.remember(0, count, 0, count, 5), -ENOSPC);
  t.equal(table.presentedOf(255, 1, 0, out), -ENOSPC);
  t.equal(out.hi, 0xff00_0000);
  for (let i = 0; i < count; i++) {
    table.presentedOf(0, i, 0, out);
    if (out.lo !== i || out.hi !== 5) t.fail(`number ${i}`);
  }
  for (let i = 0; i < count; i++) table.forgetNumber(0, i, 0);
  t.equal(table.stats().numbers, 0);
  t.equal(table.remember(0, 1, 0, 1, 1), 0);
});
