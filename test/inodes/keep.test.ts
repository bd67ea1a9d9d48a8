// Nodes that are kept by their names after the kernel has forgotten them, for file handles.

import t from 'tap';
import { ENOMEM } from '../../protocol/errno.ts';
import { InodeTable, newIdentity, ROOT_ID } from '../../src/inodes/table.ts';
import { letGo, withRoom } from '../../src/layers/forget.ts';
import { cname, DIRECTORY, FILE, object } from './support.ts';

function keeping(): InodeTable {
  return new InodeTable(InodeTable.reserve({ bytes: 1 << 20, layers: 2, handles: 8, keep: true }));
}

function forget(table: InodeTable, ...nodes: number[]): number[] {
  const closing: number[] = [];
  for (const node of nodes) table.forget(node as never, 1, closing);
  return closing;
}

t.test('a name keeps a node, and a lookup finds it again', async (t) => {
  const table = keeping();
  const dir = table.intern(ROOT_ID, cname('d'), object(DIRECTORY, 9)) as never;
  table.setDir(dir, 1, 500, 0, 9, 0);
  const file = table.intern(dir, cname('f'), object(FILE, 10)) as never;
  t.same(forget(table, file, dir), [], 'its descriptors stay');
  t.ok(table.exists(file));
  t.equal(table.lookups(file), 0);
  t.equal(table.count(file), 0);
  t.equal(table.lookups(file), 1);
  forget(table, file);
  t.equal(table.intern(dir, cname('f'), object(FILE, 10)), file);
});

t.test('without its last name it ends', async (t) => {
  const table = keeping();
  const file = table.intern(ROOT_ID, cname('a'), object(FILE, 10)) as never;
  table.link(ROOT_ID, cname('b'), file);
  forget(table, file);
  table.unlink(ROOT_ID, cname('a'));
  t.ok(table.exists(file));
  table.unlink(ROOT_ID, cname('b'));
  t.notOk(table.exists(file));
  const replaced = table.intern(ROOT_ID, cname('c'), object(FILE, 11)) as never;
  const moved = table.intern(ROOT_ID, cname('d'), object(FILE, 12)) as never;
  forget(table, replaced, moved);
  table.rename(ROOT_ID, cname('d'), ROOT_ID, cname('c'));
  t.notOk(table.exists(replaced), 'renamed over');
  t.ok(table.exists(moved));
  const other = table.intern(ROOT_ID, cname('c'), object(FILE, 13));
  t.notOk(table.exists(moved), 'another object has the name');
  const dir = table.intern(ROOT_ID, cname('e'), object(DIRECTORY, 14)) as never;
  forget(table, dir);
  table.unlink(ROOT_ID, cname('e'));
  t.notOk(table.exists(dir), 'a removed directory');
  t.equal(table.showing({ ...newIdentity(), inoLo: 14 }, DIRECTORY), 0);
  t.ok(table.exists(other as never));
  t.equal(table.stats().nodes, 2, 'the root and one file');
});

t.test('what the kernel does not hold can be let go', async (t) => {
  const table = keeping();
  const held = table.intern(ROOT_ID, cname('held'), object(DIRECTORY, 9)) as never;
  const file = table.intern(held, cname('f'), object(FILE, 10)) as never;
  const free = table.intern(ROOT_ID, cname('free'), object(DIRECTORY, 11)) as never;
  table.setDir(free, 1, 501, 0, 11, 0);
  const inFree = table.intern(free, cname('f'), object(FILE, 12)) as never;
  forget(table, held, free, inFree);
  const closing: number[] = [];
  t.equal(table.letGo(closing), 2);
  t.same(closing, [501], 'the descriptors are to be closed');
  t.same(
    [held, file, free, inFree].map((node) => table.exists(node)),
    [true, true, false, false],
  );
  t.equal(table.stats().nodes, 3);
  t.equal(table.letGo(closing), 0);
  t.equal(closing.length, 1);
});

/** Makes nodes until there is no room. */
function fill(table: InodeTable, each: (node: number) => void): void {
  let node = 1;
  for (let i = 0; node > 0; i++) {
    node = table.intern(ROOT_ID, cname(`${i}`), object(FILE, 100 + i));
    if (node > 0) each(node);
  }
  if (node !== -ENOMEM) throw new Error(`intern returned ${node}`);
}

t.test('a full table has room again', async (t) => {
  const table = keeping();
  fill(table, (node) => forget(table, node));
  t.ok(table.stats().nodes > 100);
  const enter = () => table.intern(ROOT_ID, cname('new'), object(FILE, 99));
  t.ok(withRoom(table, enter) > 0);
  t.equal(table.stats().nodes, 2);
});

t.test('what is full of nodes that the kernel holds is asked once', async (t) => {
  const table = keeping();
  fill(table, () => undefined);
  let asked = 0;
  const enter = () => {
    asked++;
    return table.intern(ROOT_ID, cname('new'), object(FILE, 99));
  };
  t.equal(withRoom(table, enter), -ENOMEM);
  t.equal(asked, 1);
  t.equal(letGo(table), false);
});

t.test('an inode number that is another object’s now', async (t) => {
  const table = keeping();
  const born = (ino: number, birth: number) => ({ ...object(FILE, ino), birth });
  const old = table.intern(ROOT_ID, cname('x'), born(10, 0)) as never;
  t.equal(table.intern(ROOT_ID, cname('x'), born(10, 7)), old, 'its birth is learnt');
  t.equal(table.intern(ROOT_ID, cname('link'), born(10, 7)), old, 'its other name');
  const other = table.intern(ROOT_ID, cname('y'), born(10, 8)) as never;
  t.not(other, old);
  t.equal(table.names(old), 2);
  t.ok(table.isOrphan(old));
  t.equal(table.showing(born(10, 0), FILE), other);
  t.equal(table.intern(ROOT_ID, cname('x'), born(10, 8)), other, 'also by the name of the first');
  const identity = newIdentity();
  t.ok(table.identity(other, identity));
  t.equal(identity.birth, 8);
  table.toldSetid(other, true);
  table.rebind(other, born(20, 9));
  t.equal(table.showing(born(20, 9), FILE), other, 'a copy has a birth of its own');
  t.equal(table.toldSetid(other, false), true);
  t.equal(table.toldSetid(other, false), false);
  t.ok(table.exists(other));
});
