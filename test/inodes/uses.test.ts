// Descriptors that a thread works with outlive their node until it is done.

import t from 'tap';
import { ABSENT } from '../../src/inodes/directories.ts';
import { InodeTable, ROOT_ID } from '../../src/inodes/table.ts';
import type { Uses } from '../../src/inodes/uses.ts';
import { add, cname, DIRECTORY, forget } from './support.ts';

/** Two threads' tables of one region, and a directory that has the descriptor 7 in the first layer. */
function twoThreads() {
  const region = InodeTable.reserve({ bytes: 1 << 20, layers: 2, handles: 64 });
  const [a, b] = [new InodeTable(region, 1), new InodeTable(region, 2)];
  const dir = add(a, ROOT_ID, 'dir', DIRECTORY, 10);
  a.setDir(dir, 0, 7, 1, 10, 0);
  return { a, b, dir };
}

const ended = (table: InodeTable): number[] => {
  const closing: number[] = [];
  table.endUse(closing);
  return closing;
};

t.test('a descriptor that a thread has been given is closed by whoever comes after it is done', async (t) => {
  const { a, b, dir } = twoThreads();
  t.equal(a.dirFd(dir, 0), 7);
  t.same(forget(b, dir), []);
  t.notOk(b.exists(dir));
  t.equal(a.dirFd(dir, 0), -1, 'nobody gets it any more');
  t.same(ended(b), [], 'it is in use');
  t.same(ended(a), [7]);
  t.same(ended(b), [], 'once');
  t.equal(a.descriptors(), 0);
  t.equal(a.stats().nodes, 1);
});

t.test(
  'so it is with what was adopted, what was pinned, and by a thread that ends the node itself',
  async (t) => {
    const { a, b, dir } = twoThreads();
    t.equal(a.adoptDir(dir, 0, 9, 1, 10, 0), 7, 'another thread had it');
    t.same(forget(b, dir), []);
    t.same(ended(a), [7]);
    const other = add(a, ROOT_ID, 'other', DIRECTORY, 11);
    t.equal(a.adoptDir(other, 1, 8, 1, 11, 0), 8);
    t.ok(a.pin(other, 5));
    t.equal(a.pinned(other), 5);
    t.same(forget(a, other), []);
    t.same(ended(a).sort(), [5, 8]);
  },
);

t.test('who has been given nothing holds nothing up', async (t) => {
  const { a, b, dir } = twoThreads();
  const free = add(a, ROOT_ID, 'free', DIRECTORY, 11);
  a.setDir(free, 0, 8, 1, 11, 0);
  a.dirFd(dir, 0);
  t.same(forget(b, dir), []);
  t.same(forget(b, free), [8], 'what lies beside one in use');
  t.same(ended(a), [7]);
});

t.test('a thread that has been given more than can be told of uses all', async (t) => {
  const { a, b, dir } = twoThreads();
  for (let i = 0; i < 40; i++) {
    const node = add(a, ROOT_ID, `d${i}`, DIRECTORY, 100 + i);
    a.setDir(node, 0, 100 + i, 1, 100 + i, 0);
    a.dirFd(node, 0);
  }
  t.same(forget(b, dir), []);
  t.same(ended(a), [7]);
  t.same(forget(b, a.find(ROOT_ID, cname('d39'))), [139], 'and then none');
});

t.test('a thread that has died uses nothing', async (t) => {
  const { a, b, dir } = twoThreads();
  a.dirFd(dir, 0);
  forget(b, dir);
  t.ok(b.releaseOwner(1, 99));
  t.same(ended(b), [7]);
});

t.test('a living directory gives up its descriptors, but not under the hands of a thread', async (t) => {
  const { a, b, dir } = twoThreads();
  b.setDir(dir, 1, 8, 1, 11, 0);
  const giveUp = (nodes = [dir]) => {
    const closing: number[] = [];
    b.clock.giveUp(nodes, closing);
    return closing;
  };
  t.equal(a.dirFd(dir, 0), 7);
  t.same(giveUp(), [], 'one of them is in use');
  t.equal(a.dirFd(dir, 1), 8, 'all are there still');
  const { uses } = b as unknown as { uses: Uses };
  const has = uses.has.bind(uses);
  let asked = 0;
  uses.has = (fd) => {
    asked++;
    t.equal(a.dirState(dir, 0), 7, 'not even for a moment is one missing');
    return has(fd);
  };
  t.same(giveUp(), []);
  t.ok(asked > 0);
  uses.has = has;
  ended(a);
  t.same(giveUp(), [7, 8]);
  t.equal(b.descriptors(), 0);
  t.ok(a.exists(dir));
  for (const layer of [0, 1]) t.equal(a.dirFd(dir, layer), -1, 'nobody has looked');
  t.same(giveUp(), []);
  b.setDir(dir, 0, ABSENT, 0, 0, 0);
  t.same(giveUp(), []);
  t.equal(a.adoptDir(dir, 0, 9, 1, 10, 0), 9, 'found again');
  ended(a);
  b.setDir(ROOT_ID, 0, 40, 0, 1, 0);
  b.unlink(ROOT_ID, cname('dir'));
  t.same(giveUp([ROOT_ID, dir]), [], 'not the root, nor what could not be found by name');
  t.same(forget(b, dir), [9]);
});

t.test('who has read a descriptor that is given up in that moment does not get it', async (t) => {
  const { a, b, dir } = twoThreads();
  const { uses } = a as unknown as { uses: Uses };
  const tell = uses.add.bind(uses);
  const closing: number[] = [];
  uses.add = (fd) => {
    b.clock.giveUp([dir], closing);
    tell(fd);
  };
  t.equal(a.dirFd(dir, 0), -1);
  t.same(closing, [7]);
});
