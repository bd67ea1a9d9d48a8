// Open handles by descriptor number, and a node's list of them.

import t from 'tap';
import { EBUSY, EINVAL, EMFILE } from '../../protocol/errno.ts';
import { ROOT_ID } from '../../src/inodes/table.ts';
import { add, DIRECTORY, FILE, smallTable } from './support.ts';

t.test('what a handle keeps', async (t) => {
  const table = smallTable();
  const file = add(table, ROOT_ID, 'f', FILE, 10);
  t.equal(table.openHandle(0, file, 0x8002, 1), 0);
  t.equal(table.handleNode(0), file);
  t.equal(table.handleKind(0), 1);
  t.equal(table.handleFlags(0), 0x8002);
  table.setHandleFlags(0, 0x402);
  t.equal(table.handleFlags(0), 0x402);
  table.setHandlePosition(0, 0xffff_ffff, 0x8000_0000);
  t.equal(table.handlePositionLo(0), 0xffff_ffff);
  t.equal(table.handlePositionHi(0), 0x8000_0000);
  table.setHandleExtra(0, -7);
  t.equal(table.handleExtra(0), -7);
  t.equal(table.openHandle(0, file, 0, 1), -EBUSY);
  t.equal(table.openHandle(1, file, 0, 0), -EINVAL);
  t.equal(table.openHandle(64, file, 0, 1), -EMFILE);
  t.equal(table.openHandle(-1, file, 0, 1), -EMFILE);
  t.ok(table.closeHandle(0));
  t.notOk(table.closeHandle(0));
  t.equal(table.openHandle(0, ROOT_ID, 0, 2), 0);
  t.equal(table.handleExtra(0), 0, 'nothing of the one before');
  t.equal(table.handlePositionHi(0), 0);
  t.equal(table.handleNode(0), ROOT_ID);
});

t.test('some descriptor numbers are never for files, more of them never for directories', async (t) => {
  const table = smallTable();
  const file = add(table, ROOT_ID, 'f', FILE, 10);
  for (let fd = 0; fd < 16; fd++) {
    t.notOk(table.openHandles.isFull(), `${fd} of 64`);
    t.notOk(table.openHandles.isFull(table.descriptors()));
    table.openHandle(fd, file, 0, 1);
  }
  t.ok(table.openHandles.isFull());
  for (let fd = 16; fd < 26; fd++) {
    t.notOk(table.openHandles.isFull(table.descriptors()), `${fd} of 64`);
    const dir = add(table, ROOT_ID, `d${fd}`, DIRECTORY, fd);
    table.setDir(dir, 0, fd, 0, fd, 0);
  }
  t.ok(table.openHandles.isFull(table.descriptors()));
  table.closeHandle(0);
  t.notOk(table.openHandles.isFull());
  t.notOk(table.openHandles.isFull(table.descriptors()));
});

t.test('the list of a node', async (t) => {
  const table = smallTable();
  const file = add(table, ROOT_ID, 'f', FILE, 10);
  const other = add(table, ROOT_ID, 'g', FILE, 11);
  for (const fd of [3, 9, 4, 7]) table.openHandle(fd, file, 0, 1);
  table.openHandle(5, other, 0, 1);
  const out = new Int32Array(8);
  const list = () => [...out.subarray(0, table.handles(file, out))];
  t.same(list(), [7, 4, 9, 3]);
  table.closeHandle(4);
  t.same(list(), [7, 9, 3]);
  table.closeHandle(7);
  table.closeHandle(3);
  t.same(list(), [9]);
  table.openHandle(3, file, 0, 1);
  t.same(list(), [3, 9]);
  t.equal(table.handles(file, new Int32Array(1)), 1, 'as many as fit');
  t.equal(table.openHandles.openCount(file), 2);
  t.equal(table.stats().handles, 3);
  table.lockHandles();
  t.same(list(), [3, 9], 'the list can be read under its lock');
  table.unlockHandles();
});
