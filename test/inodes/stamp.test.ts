// How a LOOKUP notices that what it found in the layers may be out of date.

import t from 'tap';
import { EAGAIN } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { ROOT_ID } from '../../src/inodes/table.ts';
import { add, cname, DIRECTORY, FILE, object, smallTable } from './support.ts';

const name = cname('f');

t.test('an intern with an old stamp is refused', async (t) => {
  const table = smallTable();
  const dir = add(table, ROOT_ID, 'd', DIRECTORY, 9);
  const file = add(table, ROOT_ID, 'f', FILE, 10);
  const changes: (() => unknown)[] = [
    () => table.rebind(file, { layer: 0, device: 0, inoLo: 5, inoHi: 0, birth: 0 }),
    () => table.link(ROOT_ID, name, file),
    () => table.rename(ROOT_ID, name, dir, cname('g')),
    () => table.rename(dir, cname('g'), ROOT_ID, name),
    () => table.exchange(ROOT_ID, name, ROOT_ID, cname('d')),
    () => table.exchange(ROOT_ID, name, ROOT_ID, cname('d')),
    () => table.link(ROOT_ID, name, file),
    () => table.unlink(ROOT_ID, name),
  ];
  for (const change of changes) {
    const stamp = table.stamp(ROOT_ID, name);
    change();
    t.equal(table.intern(ROOT_ID, name, object(FILE, 10), stamp), -EAGAIN, `${change}`);
  }
  const stamp = table.stamp(ROOT_ID, name);
  const fresh = table.intern(ROOT_ID, name, object(FILE, 11), stamp);
  t.ok(fresh > 0);
  t.equal(table.intern(ROOT_ID, name, object(FILE, 11), table.stamp(ROOT_ID, name)), fresh);
});

t.test('what a locked node shows is about to change', async (t) => {
  const table = smallTable();
  const file = add(table, ROOT_ID, 'f', FILE, 10);
  const intern = (ino: number) => table.intern(ROOT_ID, name, object(FILE, ino), table.stamp(ROOT_ID, name));
  t.ok(table.tryLockNode(file, 3));
  t.equal(intern(11), -EAGAIN);
  t.equal(intern(10), file, 'as it was');
  table.unlockNode(file, 3);
  t.ok(intern(11) > 0);
  t.not(table.find(ROOT_ID, name) as NodeId, file);
});
