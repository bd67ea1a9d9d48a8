// Nodes that are kept by their names after the kernel has forgotten them, for file handles.

import t from 'tap';
import { InodeTable, newIdentity, ROOT_ID } from '../../src/inodes/table.ts';
import { cname, DIRECTORY, FILE, object } from './support.ts';

function keeping(): InodeTable {
  return new InodeTable(InodeTable.reserve({ bytes: 1 << 20, layers: 2, handles: 8, keep: true }));
}

function forget(table: InodeTable, ...nodes: number[]): number[] {
  const closing: number[] = [];
  for (const node of nodes) table.forget(node as never, 1, closing);
  return closing;
}

function letGo(table: InodeTable): number[] {
  const closing: number[] = [];
  for (let slot = 1; slot !== 0; ) slot = table.letGo(slot, closing);
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
  t.same(letGo(table), [501], 'the descriptors are to be closed');
  t.same(
    [held, file, free, inFree].map((node) => table.exists(node)),
    [true, true, false, false],
  );
  t.equal(table.stats().nodes, 3);
  t.same(letGo(table), []);
});

t.test('a full table has room again', async (t) => {
  const table = keeping();
  let made = 0;
  for (let node = 1; node > 0; made++) {
    node = table.intern(ROOT_ID, cname(`${made}`), object(FILE, 100 + made));
    if (node > 0) forget(table, node);
  }
  t.ok(made > 100);
  letGo(table);
  t.equal(table.stats().nodes, 1);
  t.ok(table.intern(ROOT_ID, cname('new'), object(FILE, 99)) > 0);
});
