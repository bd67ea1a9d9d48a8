// Which directories users change at the moment: what tells a copy-up whether it may give a directory its time back.

import t from 'tap';
import type { NodeId } from '../../protocol/index.ts';
import { EntryChanges, UNSETTLED } from '../../src/layers/entrychanges.ts';

const A = 7 as NodeId;
const SHARING = (A + 2 ** 20) as NodeId;
const OTHER = 8 as NodeId;

t.test('a change that is under way, and one that came in between', async (t) => {
  const memory = EntryChanges.allocate();
  const [copier, user] = [new EntryChanges(memory, 1), new EntryChanges(memory, 2)];
  user.begin(A);
  t.equal(copier.settled(A), UNSETTLED);
  t.not(copier.settled(OTHER), UNSETTLED);
  user.end(A);
  const before = copier.settled(A);
  t.equal(copier.begun(A), before);
  user.begin(A);
  user.end(A);
  t.not(copier.begun(A), before);
});

t.test('the request that copies changes another directory of the same record', async (t) => {
  const memory = EntryChanges.allocate();
  const [copier, user] = [new EntryChanges(memory, 1), new EntryChanges(memory, 2)];
  copier.begin(SHARING);
  t.not(copier.settled(A), UNSETTLED, 'which is not this one');
  t.equal(copier.settled(SHARING), UNSETTLED, 'but its own is');
  user.begin(A);
  t.equal(copier.settled(A), UNSETTLED);
  user.end(A);
  copier.end(SHARING);
  t.not(copier.settled(SHARING), UNSETTLED);
});

t.test('one holds at a time', async (t) => {
  const memory = EntryChanges.allocate();
  const [first, second] = [new EntryChanges(memory, 1), new EntryChanges(memory, 2)];
  first.hold(A);
  second.release(A);
  first.release(A);
  second.hold(A);
  second.release(A);
  first.hold(A);
  first.release(A);
  t.pass('nobody waits for ever');
});
