// What an inode costs, that letting a million go leaves room for the next million, and that full areas refuse.

import t from 'tap';
import { ENOMEM } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { InodeTable, ROOT_ID } from '../../src/inodes/table.ts';
import { add, cname, DIRECTORY, FILE, object, smallTable } from './support.ts';

t.test('a million entries, twice', async (t) => {
  const MILLION = 1_000_000;
  const table = new InodeTable(InodeTable.reserve({ bytes: 700 << 20, layers: 2, handles: 64 }));
  const name = cname('a-file-name-00000000'); // 20 bytes
  const nodes = new Float64Array(MILLION);
  const node = object(FILE, 0);
  const numbered = (i: number) => {
    for (let at = 19, rest = i; at > 11; at--, rest = Math.floor(rest / 10)) name[at] = 48 + (rest % 10);
    return name;
  };
  let first = 0;
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < MILLION; i++) {
      node.inoLo = i + 10;
      nodes[i] = table.intern(ROOT_ID, numbered(i), node);
    }
    t.equal(table.stats().nodes, MILLION + 1);
    const { bytesUsed } = table.stats();
    if (round === 0) first = bytesUsed;
    t.equal(bytesUsed, first, 'no growth');
    for (let i = 0; i < MILLION; i += 997) {
      if (table.find(ROOT_ID, numbered(i)) !== nodes[i]) t.fail(`entry ${i}`);
    }
    const closing: number[] = [];
    for (let i = 0; i < MILLION; i++) table.forget(nodes[i] as NodeId, 1, closing);
    t.equal(table.stats().nodes, 1);
    t.equal(table.stats().dentries, 0);
  }
  const each = first / MILLION;
  t.comment(`${each.toFixed(1)} bytes for an inode with a name of 20 bytes`);
  t.ok(each <= 157);
});

t.test('descriptors and remembered numbers', async (t) => {
  const table = smallTable(8 << 20);
  const dirs: NodeId[] = [];
  for (let i = 0; i < 1000; i++) dirs.push(add(table, ROOT_ID, `d${i}`, DIRECTORY, 10 + i));
  const before = table.stats().bytesUsed;
  for (const [i, dir] of dirs.entries()) table.setDir(dir, 0, 100 + i, 0, i, 0);
  const after = table.stats().bytesUsed;
  t.equal((after - before) / dirs.length, 44);
  for (let i = 0; i < 1000; i++) table.remember(0, i, 0, i, 1);
  t.ok((table.stats().bytesUsed - after) / 1000 <= 36.1);
});

for (const [what, name] of [
  ['names', 'n'.repeat(240)],
  ['nodes', ''],
] as const) {
  t.test(`a table full of ${what} refuses, and goes on`, async (t) => {
    const table = smallTable(1 << 20);
    const fill = () => {
      const nodes: NodeId[] = [];
      for (let i = 0; ; i++) {
        const node = table.intern(ROOT_ID, cname(`${name}${i}`), object(FILE, 100 + i));
        if (node < 0) {
          t.equal(node, -ENOMEM);
          return nodes;
        }
        nodes.push(node as NodeId);
      }
    };
    const nodes = fill();
    t.ok(nodes.length > 500);
    t.equal(table.stats().nodes, nodes.length + 1);
    t.equal(table.stats().dentries, nodes.length);
    for (const [i, node] of nodes.entries())
      if (table.find(ROOT_ID, cname(`${name}${i}`)) !== node) t.fail(`${i}`);
    const before = table.stats();
    t.ok(table.rename(ROOT_ID, cname(`${name}0`), ROOT_ID, cname(`${'m'.repeat(250)}`)) <= 0);
    const closing: number[] = [];
    for (const node of nodes) table.forget(node, 1, closing);
    t.equal(table.stats().nodes, 1);
    t.equal(fill().length, nodes.length);
    t.ok(table.stats().bytesUsed <= before.bytesUsed + 4096);
  });
}

t.test('short names find room in the blocks of long ones', async (t) => {
  const table = smallTable(1 << 20);
  const long: NodeId[] = [];
  for (let i = 0; ; i++) {
    const node = table.intern(ROOT_ID, cname(`${'n'.repeat(240)}${i}`), object(FILE, 100 + i));
    if (node < 0) break;
    long.push(node as NodeId);
  }
  for (const node of long) table.forget(node, 1, []);
  for (let i = 0; i < long.length; i++) add(table, ROOT_ID, `s${i}`, FILE, 100 + i);
  t.equal(table.stats().dentries, long.length);
});

t.test('regions', async (t) => {
  t.throws(() => InodeTable.reserve({ bytes: 10_000, layers: 2, handles: 64 }), RangeError);
  t.throws(() => new InodeTable(new SharedArrayBuffer(1 << 16)), TypeError);
  const large = new InodeTable(InodeTable.reserve({ bytes: 8 * 2 ** 30, layers: 3, handles: 1 << 20 }));
  t.equal(large.stats().bytesReserved, 8 * 2 ** 30, 'reserved, not resident');
  t.ok(large.intern(ROOT_ID, cname('a'), object(FILE, 10)) > 0);
});
