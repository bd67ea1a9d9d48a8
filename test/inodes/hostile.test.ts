// Every method with every number that a hostile message may hold: no crash, no effect, the answer for "unknown".

import t from 'tap';
import { ESTALE } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { newIdentity, newNameRef, ROOT_ID } from '../../src/inodes/table.ts';
import { add, cname, DIRECTORY, FILE, forget, never, object, pathText, smallTable } from './support.ts';

t.test('ids that are not, or no longer, nodes', async (t) => {
  const table = smallTable();
  const gone = add(table, ROOT_ID, 'gone', DIRECTORY, 10);
  forget(table, gone);
  const live = add(table, ROOT_ID, 'live', DIRECTORY, 11);
  t.equal(live % 2 ** 32, gone % 2 ** 32, 'the slot is in use again');
  const hostile = [
    0,
    -0,
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    0.5,
    1.5,
    2,
    3,
    2 ** 31,
    2 ** 32,
    2 ** 32 + 1,
    2 ** 32 - 1,
    2 ** 52,
    2 ** 53 - 1,
    2 ** 53,
    2 ** 64,
    -(2 ** 32) + 1,
    gone,
    live + 2 ** 32,
  ].filter((id) => id !== live) as NodeId[];
  const number = { lo: 1, hi: 1 };
  const before = { ...table.stats(), overForgets: 0 };
  for (const id of hostile) {
    t.notOk(table.exists(id), `${id}`);
    t.equal(table.type(id), 0);
    t.notOk(table.identity(id, newIdentity()));
    t.notOk(table.presented(id, number));
    table.setPresented(id, 9, 9);
    t.notOk(table.nameOf(id, newNameRef()));
    t.equal(table.names(id), 0);
    t.equal(table.lookups(id), 0);
    t.equal(pathText(table, id), '');
    t.equal(table.rebind(id, newIdentity()), -ESTALE);
    table.orphan(id);
    t.equal(table.count(id), -ESTALE);
    t.same(forget(table, id, 1), []);
    t.equal(table.intern(id, cname('x'), object(FILE, 20)), -ESTALE);
    t.equal(table.find(id, cname('x')), 0);
    t.equal(table.stamp(id, cname('x')), 0);
    t.equal(table.link(id, cname('x'), live), -ESTALE);
    t.equal(table.link(ROOT_ID, cname('x'), id), -ESTALE);
    t.equal(table.unlink(id, cname('x')), 0);
    t.equal(table.rename(ROOT_ID, cname('live'), id, cname('x')), -ESTALE);
    t.ok(table.rename(id, cname('x'), ROOT_ID, cname('y')) < 0);
    t.equal(table.exchange(ROOT_ID, cname('live'), id, cname('x')), -ESTALE);
    t.equal(table.showing({ ...newIdentity(), inoLo: id % 1000 }, 0), 0);
    t.equal(table.dirFd(id, 0), -1);
    t.equal(table.setDir(id, 0, 5, 0, 1, 0), -ESTALE);
    t.equal(table.adoptDir(id, 0, 5, 0, 1, 0), -ESTALE);
    t.notOk(table.dirIdentity(id, 0, newIdentity()));
    t.equal(table.checkedAt(id), 0);
    table.setCheckedAt(id, 5);
    t.notOk(table.pin(id, 5));
    t.equal(table.pinned(id), -1);
    t.equal(table.openHandle(5, id, 0, 1), -ESTALE);
    t.equal(table.handles(id, new Int32Array(4)), 0);
    t.equal(table.openHandles.openCount(id), 0);
    t.equal(table.lockNode(id, 1, never), -ESTALE);
    t.notOk(table.tryLockNode(id, 1));
    t.notOk(table.unlockNode(id, 1));
    t.equal(table.lockOwner(id), 0);
    if (id !== 0) {
      t.equal(table.lockTwo(id, live, 1, never), -ESTALE);
      t.equal(table.lockTwo(live, id, 1, never), -ESTALE);
      t.equal(table.lockOwner(live), 0);
    }
  }
  t.same({ ...table.stats(), overForgets: 0 }, before);
  t.equal(pathText(table, live), '/live');
});

t.test('descriptor numbers that are no handles', async (t) => {
  const table = smallTable();
  for (const fd of [-1, Number.NaN, 64, 2 ** 31, 2 ** 53, 0.5, 3]) {
    t.equal(table.handleNode(fd), 0);
    t.equal(table.handleKind(fd), 0);
    t.equal(table.handleFlags(fd), 0);
    t.equal(table.handleExtra(fd), 0);
    t.equal(table.handlePositionLo(fd), 0);
    t.equal(table.handlePositionHi(fd), 0);
    table.setHandleExtra(fd, 1);
    table.setHandlePosition(fd, 1, 1);
    table.setHandleFlags(fd, 1);
    t.notOk(table.closeHandle(fd));
  }
});
