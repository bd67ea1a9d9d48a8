// Which version of a file's content is known, and since when.

import t from 'tap';
import type { NodeId } from '../../protocol/types.ts';
import { ROOT_ID } from '../../src/inodes/table.ts';
import { add, FILE, smallTable } from './support.ts';

t.test('a version ages until it is settled', async (t) => {
  const table = smallTable();
  const { contents } = table.openHandles;
  const file = add(table, ROOT_ID, 'f', FILE, 10);
  t.equal(contents.note(file, 1, 0xffff_ffff, 100), 0, 'new');
  t.equal(contents.note(file, 1, 0xffff_ffff, 103), 3, 'the same for three seconds');
  contents.settle(file, 1, 7);
  t.equal(contents.note(file, 1, 0xffff_ffff, 104), 4, 'another one has not settled it');
  contents.settle(file, 1, 0xffff_ffff);
  t.equal(contents.note(file, 1, 0xffff_ffff, 105), Number.POSITIVE_INFINITY);
  t.equal(contents.note(file, 2, 0xffff_ffff, 106), 0, 'either word makes another version');
  contents.settle(file, 1, 0xffff_ffff);
  t.equal(contents.note(file, 2, 0xffff_ffff, 107), 1, 'who saw the one before settles nothing');
});

t.test('nothing is known of a file that was never opened', async (t) => {
  const table = smallTable();
  const file = add(table, ROOT_ID, 'f', FILE, 10);
  t.equal(table.openHandles.contents.note(file, 0, 0, 0), 0, 'words of zeros are a version like any other');
  t.equal(table.openHandles.contents.note(file, 0, 0, 9), 8);
  t.equal(table.openHandles.contents.note(99 as NodeId, 0, 0, 0), -1);
  table.openHandles.contents.settle(99 as NodeId, 0, 0);
});
