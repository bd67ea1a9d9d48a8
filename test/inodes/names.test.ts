// What names do: LOOKUP's rules, and link, unlink, rename and exchange.

import t from 'tap';
import { EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, ESTALE } from '../../protocol/errno.ts';
import type { NodeId } from '../../protocol/types.ts';
import { newIdentity, newNameRef, ROOT_ID } from '../../src/inodes/table.ts';
import { add, cname, DIRECTORY, FILE, forget, object, pathText, SYMLINK, smallTable } from './support.ts';

t.test('the same object under the same name keeps its node', async (t) => {
  const table = smallTable();
  const first = add(table, ROOT_ID, 'a', FILE, 10);
  t.equal(add(table, ROOT_ID, 'a', FILE, 10), first);
  t.equal(table.lookups(first), 2);
  t.equal(table.names(first), 1);
  t.equal(table.find(ROOT_ID, cname('a')), first);
  t.equal(table.find(ROOT_ID, cname('b')), 0);
  t.equal(table.type(first), FILE);
});

t.test('another object takes the name over, the old node keeps its other names', async (t) => {
  const table = smallTable();
  const old = add(table, ROOT_ID, 'a', FILE, 10);
  add(table, ROOT_ID, 'b', FILE, 10);
  const fresh = add(table, ROOT_ID, 'a', FILE, 11);
  t.not(fresh, old);
  t.equal(table.find(ROOT_ID, cname('a')), fresh);
  t.equal(table.find(ROOT_ID, cname('b')), old);
  add(table, ROOT_ID, 'b', SYMLINK, 10);
  t.equal(table.names(old), 0, 'another type is another object');
  t.notOk(table.nameOf(old, newNameRef()));
  t.ok(table.exists(old), 'the kernel still holds it');
  t.equal(pathText(table, old), '?');
});

t.test('a hard link is another name of the node', async (t) => {
  const table = smallTable();
  const file = add(table, ROOT_ID, 'a', FILE, 10);
  t.equal(add(table, ROOT_ID, 'b', FILE, 10), file);
  t.equal(table.names(file), 2);
  t.equal(pathText(table, file), '/b', 'the most recent name');
  add(table, ROOT_ID, 'a', FILE, 10);
  t.equal(pathText(table, file), '/a');
});

t.test('a directory that turns up elsewhere was moved', async (t) => {
  const table = smallTable();
  const from = add(table, ROOT_ID, 'from', DIRECTORY, 10);
  const moved = add(table, from, 'd', DIRECTORY, 12);
  add(table, moved, 'f', FILE, 13);
  t.equal(add(table, ROOT_ID, 'to', DIRECTORY, 12), moved);
  t.equal(table.names(moved), 1);
  t.equal(table.find(from, cname('d')), 0);
  t.equal(pathText(table, table.find(moved, cname('f'))), '/to/f');
  t.equal(table.intern(moved, cname('loop'), object(DIRECTORY, 12)), -ELOOP);
  add(table, moved, 'inner', DIRECTORY, 14);
  t.equal(table.intern(table.find(moved, cname('inner')), cname('up'), object(DIRECTORY, 12)), -ELOOP);
  const root = newIdentity();
  table.identity(ROOT_ID, root);
  t.equal(table.intern(from, cname('root'), { ...object(DIRECTORY, 0), ...root }), -ELOOP);
});

t.test('a parent that waited for its child goes when the child moves away', async (t) => {
  const table = smallTable();
  const above = add(table, ROOT_ID, 'above', DIRECTORY, 9);
  const from = add(table, above, 'from', DIRECTORY, 10);
  add(table, from, 'd', DIRECTORY, 12);
  table.setDir(from, 1, 77, 1, 10, 0);
  t.same(forget(table, from), []);
  t.same(forget(table, above), []);
  t.ok(table.exists(above));
  add(table, ROOT_ID, 'd', DIRECTORY, 12);
  t.notOk(table.exists(from));
  t.notOk(table.exists(above));
  const closing: number[] = [];
  table.reap(closing);
  t.same(closing, [77]);
});

t.test('names that cannot be', async (t) => {
  const table = smallTable();
  const file = add(table, ROOT_ID, 'f', FILE, 10);
  const long = 'x'.repeat(255);
  t.equal(pathText(table, add(table, ROOT_ID, long, FILE, 11)), `/${long}`);
  t.equal(table.intern(ROOT_ID, cname(`${long}x`), object(FILE, 12)), -ENAMETOOLONG);
  t.equal(table.intern(ROOT_ID, cname(''), object(FILE, 12)), -EINVAL);
  t.equal(table.intern(ROOT_ID, new Uint8Array(0), object(FILE, 12)), -EINVAL);
  t.equal(table.intern(file, cname('x'), object(FILE, 12)), -ENOTDIR);
  t.equal(table.intern(99 as NodeId, cname('x'), object(FILE, 12)), -ESTALE);
  t.equal(table.find(ROOT_ID, cname(`${long}x`)), 0);
  t.equal(table.link(ROOT_ID, cname(`${long}x`), file), -ENAMETOOLONG);
  t.equal(table.rename(ROOT_ID, cname('f'), ROOT_ID, cname(`${long}x`)), -ENAMETOOLONG);
  t.equal(table.stats().dentries, 2);
});

t.test('names of every length are told apart', async (t) => {
  const table = smallTable();
  for (let length = 1; length <= 255; length++) add(table, ROOT_ID, 'n'.repeat(length), FILE, 100 + length);
  const ref = newNameRef();
  for (let length = 1; length <= 255; length++) {
    const name = cname('n'.repeat(length));
    t.ok(table.nameOf(table.find(ROOT_ID, name), ref));
    t.same(Buffer.from(ref.bytes), Buffer.from(name));
    t.equal(ref.length, length);
    t.equal(ref.parent, ROOT_ID);
  }
  t.equal(
    table.find(ROOT_ID, ref.bytes),
    table.find(ROOT_ID, cname('n'.repeat(255))),
    'a copied name is a name',
  );
});

t.test('link and unlink', async (t) => {
  const table = smallTable();
  const file = add(table, ROOT_ID, 'a', FILE, 10);
  const other = add(table, ROOT_ID, 'b', FILE, 11);
  t.equal(table.link(ROOT_ID, cname('b'), file), 0);
  t.equal(table.find(ROOT_ID, cname('b')), file);
  t.equal(table.names(other), 0);
  t.equal(table.lookups(file), 1, 'the kernel was told nothing');
  t.equal(table.link(ROOT_ID, cname('b'), file), 0, 'it has that name already');
  t.equal(table.names(file), 2);
  t.equal(table.unlink(ROOT_ID, cname('a')), file);
  t.equal(table.unlink(ROOT_ID, cname('a')), 0);
  t.equal(pathText(table, file), '/b');
  t.equal(table.link(ROOT_ID, cname('x'), 12345 as NodeId), -ESTALE);
  t.equal(table.link(ROOT_ID, cname('x'), ROOT_ID), -ELOOP);
});

t.test('a deleted object and a new one with its inode number', async (t) => {
  const table = smallTable();
  const file = add(table, ROOT_ID, 'a', FILE, 10);
  table.unlink(ROOT_ID, cname('a'));
  t.equal(add(table, ROOT_ID, 'b', FILE, 10), file, 'another link of it, as far as the table knows');
  table.unlink(ROOT_ID, cname('b'));
  table.orphan(file);
  const fresh = add(table, ROOT_ID, 'a', FILE, 10);
  t.not(fresh, file);
  table.orphan(file);
  t.equal(table.link(ROOT_ID, cname('c'), file), 0, 'a deleted object that got a name again');
  forget(table, fresh);
  t.equal(add(table, ROOT_ID, 'd', FILE, 10), file);
  const dir = add(table, ROOT_ID, 'dir', DIRECTORY, 20);
  table.unlink(ROOT_ID, cname('dir'));
  t.not(add(table, ROOT_ID, 'dir', DIRECTORY, 20), dir, 'a removed directory is deleted');
});

t.test('rename', async (t) => {
  const table = smallTable();
  const dir = add(table, ROOT_ID, 'dir', DIRECTORY, 10);
  const file = add(table, ROOT_ID, 'f', FILE, 11);
  const target = add(table, dir, 't', FILE, 12);
  t.equal(table.rename(ROOT_ID, cname('f'), dir, cname('t')), target);
  t.equal(table.find(dir, cname('t')), file);
  t.equal(table.find(ROOT_ID, cname('f')), 0);
  t.equal(table.names(target), 0);
  t.equal(table.rename(dir, cname('t'), ROOT_ID, cname('a longer name than it had')), 0);
  t.equal(pathText(table, file), '/a longer name than it had');
  t.equal(table.rename(ROOT_ID, cname('none'), ROOT_ID, cname('nor')), -ENOENT);
});

t.test('rename over a name whose new object is not known', async (t) => {
  const table = smallTable();
  const old = add(table, ROOT_ID, 'known', FILE, 13);
  t.equal(table.rename(ROOT_ID, cname('none'), ROOT_ID, cname('known')), old);
  t.equal(table.find(ROOT_ID, cname('known')), 0);
});

t.test('rename of a directory', async (t) => {
  const table = smallTable();
  const a = add(table, ROOT_ID, 'a', DIRECTORY, 10);
  const b = add(table, a, 'b', DIRECTORY, 11);
  t.equal(table.rename(ROOT_ID, cname('a'), b, cname('c')), -EINVAL);
  t.equal(table.rename(ROOT_ID, cname('a'), a, cname('c')), -EINVAL);
  t.equal(pathText(table, b), '/a/b');
  const empty = add(table, ROOT_ID, 'empty', DIRECTORY, 12);
  t.equal(table.rename(a, cname('b'), ROOT_ID, cname('empty')), empty);
  t.equal(pathText(table, b), '/empty');
  t.not(add(table, ROOT_ID, 'new', DIRECTORY, 12), empty, 'the replaced directory is deleted');
});

t.test('rename between two names of one object changes nothing', async (t) => {
  const table = smallTable();
  const file = add(table, ROOT_ID, 'a', FILE, 10);
  add(table, ROOT_ID, 'b', FILE, 10);
  t.equal(table.rename(ROOT_ID, cname('a'), ROOT_ID, cname('b')), 0);
  t.equal(table.rename(ROOT_ID, cname('a'), ROOT_ID, cname('a')), 0);
  t.equal(table.names(file), 2);
});

t.test('exchange', async (t) => {
  const table = smallTable();
  const dir = add(table, ROOT_ID, 'dir', DIRECTORY, 10);
  const inner = add(table, dir, 'inner', DIRECTORY, 11);
  const file = add(table, ROOT_ID, 'f', FILE, 12);
  t.equal(table.exchange(dir, cname('inner'), ROOT_ID, cname('f')), 0);
  t.equal(pathText(table, inner), '/f');
  t.equal(pathText(table, file), '/dir/inner');
  t.equal(table.exchange(ROOT_ID, cname('dir'), dir, cname('inner')), -EINVAL);
  t.equal(table.exchange(dir, cname('inner'), ROOT_ID, cname('dir')), -EINVAL);
  t.equal(table.exchange(ROOT_ID, cname('x'), dir, cname('y')), -ENOENT);
  t.equal(
    table.exchange(ROOT_ID, cname('x'), dir, cname('inner')),
    0,
    'what the other name shows is not known',
  );
  t.equal(pathText(table, file), '/x');
  t.equal(table.exchange(ROOT_ID, cname('x'), dir, cname('inner')), 0);
  t.equal(pathText(table, file), '/dir/inner');
  t.equal(table.exchange(ROOT_ID, cname('x'), file, cname('y')), -ENOTDIR);
});

t.test('a node is found by what it shows', async (t) => {
  const table = smallTable();
  const file = add(table, ROOT_ID, 'a', FILE, 10);
  const shown = newIdentity();
  t.ok(table.identity(file, shown));
  t.equal(table.showing(shown, FILE), file);
  t.equal(table.showing(shown, DIRECTORY), 0, 'of another type');
  t.equal(table.showing({ ...shown, inoLo: 11 }, FILE), 0);
  table.rebind(file, { ...shown, inoLo: 11 });
  t.equal(table.showing(shown, FILE), 0);
  t.equal(table.showing({ ...shown, inoLo: 11 }, FILE), file);
  table.orphan(file);
  t.equal(table.showing({ ...shown, inoLo: 11 }, FILE), 0);
});

t.test('rebind: another identity, the same number', async (t) => {
  const table = smallTable();
  const file = add(table, ROOT_ID, 'a', FILE, 10);
  t.equal(table.rebind(file, { layer: 0, device: 0, inoLo: 0xffff_fff0, inoHi: 0x8000_0001, birth: 0 }), 0);
  const identity = newIdentity();
  t.ok(table.identity(file, identity));
  t.same(identity, { layer: 0, device: 0, inoLo: 0xffff_fff0, inoHi: 0x8000_0001, birth: 0 });
  const number = { lo: 0, hi: 0 };
  t.ok(table.presented(file, number));
  t.same(number, { lo: 10, hi: 0 });
  t.equal(table.intern(ROOT_ID, cname('b'), { ...object(FILE, 0), ...identity }), file);
  t.not(add(table, ROOT_ID, 'c', FILE, 10), file);
  table.setPresented(ROOT_ID, 1, 0);
  t.ok(table.presented(ROOT_ID, number));
  t.same(number, { lo: 1, hi: 0 });
});

t.test("rebind: names of the same object that are known as another node become this one's", async (t) => {
  const table = smallTable();
  const file = add(table, ROOT_ID, 'a', FILE, 10);
  const copy = add(table, ROOT_ID, 'b', FILE, 20);
  table.link(ROOT_ID, cname('c'), copy);
  const shown = newIdentity();
  t.ok(table.identity(copy, shown));
  const stamp = table.stamp(ROOT_ID, cname('b'));
  t.equal(table.rebind(file, shown), 0);
  for (const name of ['a', 'b', 'c']) t.equal(table.find(ROOT_ID, cname(name)), file, name);
  t.equal(table.showing(shown, FILE), file);
  t.equal(table.names(copy), 0);
  t.ok(table.exists(copy), 'which the kernel still holds');
  t.not(table.stamp(ROOT_ID, cname('b')), stamp);
  t.equal(pathText(table, file), '/a', 'the most recent name stays');
  table.forget(copy, 1, []);
  t.notOk(table.exists(copy));
  const gone = add(table, ROOT_ID, 'd', FILE, 30);
  table.orphan(gone);
  t.equal(table.rebind(gone, shown), 0);
  t.equal(table.find(ROOT_ID, cname('a')), file, 'a node whose object is deleted takes none');
});

t.test('paths', async (t) => {
  const table = smallTable();
  t.equal(pathText(table, ROOT_ID), '/');
  let at: NodeId = ROOT_ID;
  for (let depth = 0; depth < 5; depth++) at = add(table, at, `dir${depth}`, DIRECTORY, 10 + depth);
  t.equal(pathText(table, at), '/dir0/dir1/dir2/dir3/dir4');
  t.equal(pathText(table, at, 7), 'r3/dir4', 'of a path too long the end');
  t.equal(pathText(table, at, 0), '');
  table.unlink(table.find(ROOT_ID, cname('dir0')), cname('dir1'));
  t.equal(pathText(table, at), '?/dir2/dir3/dir4');
  t.equal(pathText(table, 777 as NodeId), '');
});
