// When nodes end, in which order their FORGETs may come, and what is handed out for closing.

import t from 'tap';
import { ESTALE } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { makeId } from '../../src/inodes/ids.ts';
import { InodeTable, ROOT_ID } from '../../src/inodes/table.ts';
import { add, cname, DIRECTORY, FILE, forget, never, object, smallTable } from './support.ts';

t.test('a node ends with its last lookup, and its id is not used again', async (t) => {
  const table = smallTable();
  const seen = new Set<number>();
  for (let i = 0; i < 100; i++) {
    const node = add(table, ROOT_ID, 'a', FILE, 10);
    t.notOk(seen.has(node));
    seen.add(node);
    forget(table, node);
    t.notOk(table.exists(node));
    t.equal(table.find(ROOT_ID, cname('a')), 0);
  }
  t.equal(table.stats().nodes, 1);
  t.equal(table.stats().dentries, 0);
});

t.test('a parent outlives its children, in either order of the FORGETs', async (t) => {
  const table = smallTable();
  const build = () => {
    const a = add(table, ROOT_ID, 'a', DIRECTORY, 10);
    const b = add(table, a, 'b', DIRECTORY, 11);
    const c = add(table, b, 'c', FILE, 12);
    return [a, b, c] as const;
  };
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [1, 0, 2],
    [1, 2, 0],
    [0, 2, 1],
    [2, 0, 1],
  ] as const) {
    const nodes = build();
    for (const i of order) forget(table, nodes[i]);
    for (const node of nodes) t.notOk(table.exists(node));
    t.equal(table.stats().nodes, 1);
    t.equal(table.stats().dentries, 0);
  }
});

t.test('a file with names in two directories keeps both', async (t) => {
  const table = smallTable();
  const a = add(table, ROOT_ID, 'a', DIRECTORY, 10);
  const b = add(table, ROOT_ID, 'b', DIRECTORY, 11);
  const file = add(table, a, 'f', FILE, 12);
  add(table, b, 'f', FILE, 12);
  forget(table, a);
  forget(table, b);
  t.ok(table.exists(a) && table.exists(b));
  forget(table, file, 2);
  t.notOk(table.exists(a) || table.exists(b) || table.exists(file));
});

t.test('descriptors are handed out once', async (t) => {
  const table = smallTable();
  const a = add(table, ROOT_ID, 'a', DIRECTORY, 10);
  const b = add(table, a, 'b', DIRECTORY, 11);
  table.setDir(a, 0, 20, 0, 1, 0);
  table.setDir(a, 1, 21, 1, 1, 0);
  table.setDir(b, 1, 22, 1, 2, 0);
  const file = add(table, b, 'f', FILE, 12);
  t.ok(table.pin(file, 23));
  t.equal(table.descriptors(), 4);
  t.same(forget(table, a), []);
  t.same(forget(table, b), []);
  t.same(forget(table, file).sort(), [20, 21, 22, 23]);
  t.equal(table.descriptors(), 0);
  t.same(forget(table, file), []);
});

t.test('an open handle keeps the node until it is closed', async (t) => {
  const table = smallTable();
  const file = add(table, ROOT_ID, 'f', FILE, 10);
  table.pin(file, 30);
  table.openHandle(5, file, 0, 1);
  t.same(forget(table, file), []);
  t.ok(table.exists(file));
  t.equal(table.handleNode(5), file);
  const closing: number[] = [];
  t.ok(table.closeHandle(5, closing));
  t.same(closing, [30]);
  t.notOk(table.exists(file));
});

t.test('a lock keeps the node; its descriptors wait for the next who closes', async (t) => {
  const table = smallTable();
  const dir = add(table, ROOT_ID, 'd', DIRECTORY, 10);
  table.setDir(dir, 0, 31, 0, 1, 0);
  t.equal(table.lockNode(dir, 1, never), 0);
  t.same(forget(table, dir), []);
  t.ok(table.exists(dir));
  t.ok(table.unlockNode(dir, 1));
  t.notOk(table.exists(dir));
  t.equal(table.descriptors(), 1);
  t.same(forget(table, 999 as NodeId), [31]);
});

t.test('too many FORGETs, and FORGETs of nothing', async (t) => {
  const table = smallTable();
  const file = add(table, ROOT_ID, 'f', FILE, 10);
  forget(table, file, 5);
  t.notOk(table.exists(file));
  t.equal(table.stats().overForgets, 1);
  forget(table, file);
  forget(table, 0 as NodeId);
  t.equal(table.stats().overForgets, 3);
  forget(table, ROOT_ID, 1000);
  t.ok(table.exists(ROOT_ID));
  const other = add(table, ROOT_ID, 'g', FILE, 11);
  for (const count of [-1, Number.NaN, -5n]) forget(table, other, count);
  t.equal(table.lookups(other), 1);
  forget(table, other, 2n ** 64n - 1n);
  t.notOk(table.exists(other));
});

t.test('lookup counts beyond 32 bits', async (t) => {
  const table = smallTable();
  const file = add(table, ROOT_ID, 'f', FILE, 10);
  const inner = table as unknown as { nodes: { setLookups(slot: number, count: number): void } };
  inner.nodes.setLookups(file, 2 ** 53 - 2);
  t.equal(table.count(file), 0);
  t.equal(table.lookups(file), 2 ** 53 - 1);
  forget(table, file, BigInt(2 ** 53) - 3n);
  t.equal(table.lookups(file), 2);
  forget(table, file, 2);
  t.notOk(table.exists(file));
  t.equal(table.count(file), -ESTALE);
});

t.test('a slot whose generations are used up is retired', async (t) => {
  const region = InodeTable.reserve({ bytes: 1 << 20, layers: 2, handles: 64 });
  const table = new InodeTable(region);
  const first = add(table, ROOT_ID, 'f', FILE, 10);
  forget(table, first);
  const inner = table as unknown as { nodes: { store(slot: number, field: number, value: number): void } };
  inner.nodes.store(first, 0, (2 ** 21 - 1) * 16);
  const last = add(table, ROOT_ID, 'f', FILE, 10);
  t.equal(last, makeId(first, 2 ** 21 - 1));
  t.ok(Number.isSafeInteger(last));
  forget(table, last);
  t.notOk(table.exists(last));
  t.equal(table.stats().retiredSlots, 1);
  t.not(add(table, ROOT_ID, 'f', FILE, 10) % 2 ** 32, first);
});

t.test('a failed intern leaves nothing behind', async (t) => {
  const table = smallTable(200_000 + 64 * 32);
  const nodes: NodeId[] = [];
  for (let i = 0; ; i++) {
    const node = table.intern(ROOT_ID, cname(`${'n'.repeat(200)}${i}`), object(FILE, 100 + i));
    if (node < 0) break;
    nodes.push(node as NodeId);
  }
  t.equal(table.stats().nodes, nodes.length + 1);
  t.equal(table.stats().dentries, nodes.length);
});
