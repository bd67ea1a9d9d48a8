// Descriptors of directories in the layers, pinned descriptors, and the walk that finds those to give up.

import t from 'tap';
import { EINVAL } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { ABSENT, newIdentity, ROOT_ID } from '../../src/inodes/table.ts';
import { add, DIRECTORY, FILE, forget, smallTable } from './support.ts';

t.test('setDir, dirFd, dirIdentity', async (t) => {
  const table = smallTable();
  const dir = add(table, ROOT_ID, 'd', DIRECTORY, 10);
  const identity = newIdentity();
  t.equal(table.dirFd(dir, 0), -1);
  t.notOk(table.dirIdentity(dir, 0, identity));
  t.equal(table.setDir(dir, 1, 0, 3, 0xffff_ffff, 0x9000_0000), -1);
  t.equal(table.dirFd(dir, 1), 0, 'descriptor 0 is one');
  t.equal(table.dirFd(dir, 0), -1);
  t.ok(table.dirIdentity(dir, 1, identity));
  t.same(identity, { layer: 1, device: 3, inoLo: 0xffff_ffff, inoHi: 0x9000_0000, birth: 0 });
  t.equal(table.setDir(dir, 1, 8, 3, 1, 0), 0, 'the old one is given back');
  t.equal(table.descriptors(), 1);
  t.equal(table.setDir(dir, 1, ABSENT, 0, 0, 0), 8);
  t.equal(table.descriptors(), 0);
  for (const layer of [-1, 2, Number.NaN]) {
    t.equal(table.setDir(dir, layer, 5, 0, 1, 0), -EINVAL);
    t.equal(table.dirFd(dir, layer), -1);
    t.notOk(table.dirIdentity(dir, layer, identity));
  }
  t.equal(table.setDir(dir, 0, -1, 0, 1, 0), -EINVAL);
});

t.test('adoptDir keeps what another thread put there', async (t) => {
  const table = smallTable();
  const dir = add(table, ROOT_ID, 'd', DIRECTORY, 10);
  t.equal(table.adoptDir(dir, 0, ABSENT, 0, 0, 0), ABSENT);
  t.equal(table.dirFd(dir, 0), ABSENT);
  t.notOk(table.dirIdentity(dir, 0, newIdentity()));
  t.equal(table.descriptors(), 0);
  t.equal(table.adoptDir(dir, 0, 7, 0, 1, 0), 7);
  t.equal(table.adoptDir(dir, 0, 9, 0, 1, 0), 7);
  t.equal(table.adoptDir(dir, 0, ABSENT, 0, 0, 0), 7);
  t.equal(table.setDir(dir, 0, ABSENT, 0, 0, 0), 7);
  t.equal(table.setDir(dir, 0, 9, 0, 1, 0), -1, 'the mark is no descriptor');
  t.equal(table.descriptors(), 1);
  table.setDir(dir, 1, ABSENT, 0, 0, 0);
  t.same(forget(table, dir), [9]);
});

t.test('pin', async (t) => {
  const table = smallTable();
  const file = add(table, ROOT_ID, 'f', FILE, 10);
  t.equal(table.pinned(file), -1);
  t.notOk(table.pin(file, -1));
  t.ok(table.pin(file, 0));
  t.notOk(table.pin(file, 5));
  t.equal(table.pinned(file), 0);
  t.same(forget(table, file), [0]);
});

t.test('the age stamp', async (t) => {
  const table = smallTable();
  t.equal(table.checkedAt(ROOT_ID), 0);
  table.setCheckedAt(ROOT_ID, 0xffff_fffe);
  t.equal(table.checkedAt(ROOT_ID), 0xffff_fffe);
});

t.test('the oldest directories come in the order of the clock', async (t) => {
  const table = smallTable();
  t.same(table.clock.oldest(5), []);
  table.setDir(ROOT_ID, 0, 40, 0, 1, 0);
  const dirs: NodeId[] = [];
  for (let i = 0; i < 6; i++) {
    const dir = add(table, ROOT_ID, `d${i}`, DIRECTORY, 10 + i);
    table.setDir(dir, 1, 50 + i, 1, 10 + i, 0);
    dirs.push(dir);
  }
  t.same(table.clock.oldest(2), dirs.slice(0, 2), 'all were used: the first round only passes over them');
  table.dirFd(dirs[2] as NodeId, 1);
  table.setDir(dirs[4] as NodeId, 1, ABSENT, 0, 0, 0);
  t.same(table.clock.oldest(2), [dirs[3], dirs[5]], 'one is in use, one has none');
  forget(table, dirs[0] as NodeId);
  table.unlink(ROOT_ID, Buffer.from('d1\0'));
  t.same(
    table.clock.oldest(9),
    [dirs[2], dirs[3], dirs[5]],
    'one is gone, one has no name that the kernel could drop',
  );
});
