import t from 'tap';
import type { NodeId } from '../../protocol/index.ts';
import { LockWaits } from '../../src/session/lockwaits.ts';
import { Parker } from '../../src/session/parker.ts';
import { Parking, PLACE_BYTES } from '../../src/session/parking.ts';

const [A, B] = [7, 2 ** 40 + 7] as NodeId[] as [NodeId, NodeId];
const all = () => true;
const only = (node: NodeId) => (other: NodeId) => other === node;

/** Several workers on one parking. A message is one byte. */
function crew(workers: number, places?: number) {
  const memory = Parking.allocate(places);
  const waits = new LockWaits(LockWaits.allocate(1));
  return Array.from({ length: workers }, (_, index) => {
    const buffer = new Uint8Array(PLACE_BYTES + 1);
    const parker = new Parker(new Parking(memory), waits, index, buffer);
    const begin = (message: number, length = 1) => {
      buffer[0] = message;
      parker.begin(length, { uniqueLo: message, uniqueHi: 0x8000_0000 });
    };
    const park = (message: number, node: NodeId) => {
      begin(message);
      if (parker.mayWait(node)) return false;
      parker.park();
      return true;
    };
    /** The message that is in hand now, 0 for none. */
    const takeUp = (isFree: (node: NodeId) => boolean = all) => {
      buffer[0] = 0;
      const length = parker.takeUp(isFree);
      if (length > 0) begin(buffer[0] as number);
      return buffer[0];
    };
    return { parker, begin, park, takeUp, parking: new Parking(memory) };
  });
}
type Hand = ReturnType<typeof crew>[number];
const two = () => crew(2) as [Hand, Hand];

t.test('first come, first served, for each node', async (t) => {
  const [one, other] = two();
  t.notOk(one.parker.hasParked);
  for (const message of [1, 2]) t.ok(one.park(message, A));
  t.ok(other.park(3, B));
  t.ok(one.park(4, A));
  t.ok(other.parker.hasParked);
  t.equal(
    other.takeUp(() => false),
    0,
    'no lock is free',
  );
  t.equal(other.takeUp(only(B)), 3);
  other.parker.done();
  t.equal(other.takeUp(), 1);
  t.equal(one.takeUp(), 0, 'the others wait for it');
  other.parker.done();
  t.equal(one.takeUp(), 2);
  one.parker.done();
  t.equal(one.takeUp(), 4);
  one.parker.done();
  t.notOk(one.parker.hasParked);
});

t.test('a request that finds its lock busy again keeps its turn', async (t) => {
  const [one, other] = two();
  for (const message of [1, 2, 3]) one.park(message, A);
  t.equal(other.takeUp(), 1);
  t.notOk(other.parker.mayWait(A));
  other.parker.park();
  t.equal(one.takeUp(), 1);
  t.notOk(one.parker.mayWait(B), 'another lock this time');
  one.parker.park();
  t.equal(one.takeUp(only(A)), 2);
  t.equal(other.takeUp(), 1);
});

t.test('a place goes round, and its turns do not come from before', async (t) => {
  const [one] = crew(1, 2) as [Hand];
  for (let message = 1; message < 100; message++) {
    t.ok(one.park(message, A));
    t.ok(one.park(message + 1, A));
    t.equal(one.takeUp(), message);
    one.parker.done();
    t.equal(one.takeUp(), message + 1);
    one.parker.done();
  }
});

t.test('without a place, or with a message that fits in none, it waits', async (t) => {
  const [one, other] = crew(2, 2) as [Hand, Hand];
  t.ok(one.park(1, A));
  t.ok(one.park(2, A));
  t.notOk(one.park(3, A), 'full');
  t.equal(other.takeUp(), 1);
  t.notOk(one.park(3, A), 'the place is kept until its request is done');
  other.parker.done();
  one.begin(4, PLACE_BYTES + 1);
  t.ok(one.parker.mayWait(A));
  one.begin(4, PLACE_BYTES);
  t.notOk(one.parker.mayWait(A));
  one.parker.park();
  t.ok(one.parker.interrupt(4, 0x8000_0000));
});

t.test('one that was asked to park, but was done, leaves nothing', async (t) => {
  const [one] = crew(1, 1) as [Hand];
  one.begin(1);
  t.notOk(one.parker.mayWait(A));
  t.notOk(one.parker.hasParked);
  one.parker.done();
  t.ok(one.park(2, A));
});

t.test('an interrupt takes out what is parked, once', async (t) => {
  const [one, other] = two();
  one.park(1, A);
  one.park(2, A);
  t.notOk(other.parker.interrupt(2, 0), 'both words count');
  t.ok(other.parker.interrupt(2, 0x8000_0000));
  t.notOk(other.parker.interrupt(2, 0x8000_0000));
  t.equal(one.takeUp(), 1);
  t.notOk(other.parker.interrupt(1, 0x8000_0000), 'in hand: no longer here');
  one.parker.done();
  t.equal(one.takeUp(), 0);
});

t.test('what a dead worker had in hand is found, and others go on', async (t) => {
  const [one, other] = two();
  one.park(1, A);
  one.park(2, A);
  t.equal(other.takeUp(), 1);
  one.begin(3);
  t.notOk(one.parker.mayWait(B));
  t.same(one.parking.abandon(1), [{ uniqueLo: 1, uniqueHi: 0x8000_0000 }]);
  t.same(one.parking.abandon(1), []);
  other.parker.done();
  t.equal(other.takeUp(), 2, 'by its successor');
  other.parker.done();
  t.same(one.parking.abandon(0), [{ uniqueLo: 3, uniqueHi: 0x8000_0000 }], 'not parked yet');
});

t.test('drained, it holds nothing', async (t) => {
  const [one] = two();
  one.park(1, A);
  one.park(2, B);
  t.same(
    one.parking.drain().map(({ uniqueLo }) => uniqueLo),
    [1, 2],
  );
  t.notOk(one.parker.hasParked);
  t.equal(one.takeUp(), 0);
});
