import t from 'tap';
import { EBUSY } from '../../protocol/errno.ts';
import { PARKED } from '../../src/layers/locking.ts';
import { type LowerSet, lowerSet } from '../../src/layers/lowerbound.ts';
import { LockWaits } from '../../src/session/lockwaits.ts';
import { ENTERED, LowerPlaces } from '../../src/session/lowerplaces.ts';
import { LowerWaits } from '../../src/session/lowerwaits.ts';
import { LowerWork } from '../../src/session/lowerwork.ts';
import { Parker } from '../../src/session/parker.ts';
import { Parking } from '../../src/session/parking.ts';

const [FIRST, SECOND] = [lowerSet(1), lowerSet(2)];

/** Workers of one mount; a message is one byte. */
function crew(workers: number, places = 8, lowers = 1) {
  const memory = LowerPlaces.allocate(workers, lowers);
  const waiting = LowerWaits.allocate(places);
  const [locks, parking] = [LockWaits.allocate(1), Parking.allocate(1)];
  return Array.from({ length: workers }, (_, index) => {
    const buffer = new Uint8Array(1);
    const lower = { waits: new LowerWaits(waiting), places: new LowerPlaces(memory, lowers) };
    const parker = new Parker(new Parking(parking), new LockWaits(locks), index, buffer, undefined, lower);
    const work = new LowerWork(lower.places, parker, index);
    const enter = (message: number, changes = false, layers: LowerSet = FIRST) => {
      buffer[0] = message;
      parker.begin(1, { uniqueLo: message, uniqueHi: 0 }, 1);
      const entered = work.enter(layers, changes);
      if (entered === PARKED) parker.park();
      return entered;
    };
    const leave = () => {
      work.leave();
      parker.done();
    };
    /** The message that is in hand now, 0 for none. */
    const takeUp = () => (parker.hasParked && parker.takeUp(() => true) > 0 ? (buffer[0] as number) : 0);
    return { ...lower, parker, work, enter, leave, takeUp };
  });
}

t.test('a quarter of the workers is never there, half never with changes', async (t) => {
  for (const [workers, most, changing] of [
    [1, 1, 1],
    [2, 1, 1],
    [4, 3, 2],
    [16, 12, 8],
    [64, 48, 32],
  ] as const) {
    const count = (changes: boolean) =>
      crew(workers, 64).filter(({ enter }, i) => enter(i + 1, changes) === 0).length;
    t.same([count(false), count(true)], [most, changing], `${workers} workers`);
  }
});

t.test('who is one too many waits its turn', async (t) => {
  const [a, b, c, d] = crew(4);
  if (!a || !b || !c || !d) throw new Error('four were asked for');
  for (const [i, one] of [a, b, c].entries()) t.equal(one.enter(i + 1, i > 0), 0);
  for (const [message, changes] of [
    [4, true],
    [5, false],
    [6, false],
  ] as const)
    t.equal(d.enter(message, changes), PARKED);
  t.equal(d.takeUp(), 0, 'no room');
  a.leave();
  a.leave();
  t.equal(a.takeUp(), 4, 'the one that has waited longest');
  t.equal(a.enter(4, true), PARKED, 'but there are as many that change something as may be');
  t.equal(a.takeUp(), 5);
  t.equal(a.enter(5), 0);
  b.leave();
  t.equal(b.takeUp(), 4);
  t.equal(b.enter(4, true), 0);
  a.leave();
  t.equal(a.takeUp(), 6);
  t.equal(a.enter(6), 0);
  t.notOk(d.parker.hasParked);
});

t.test('a dead worker is there no more, once', async (t) => {
  const [a, b] = crew(2);
  t.equal(a?.enter(1), 0);
  t.equal(b?.enter(2), PARKED);
  for (let i = 0; i < 2; i++) b?.places.leave(0);
  t.equal(b?.takeUp(), 2);
  t.equal(b?.enter(2), 0);
  t.equal(a?.places.enter(0, FIRST, false), 0, 'no room on all together');
  b?.places.leave(1);
  t.equal(a?.places.enter(0, FIRST, false), ENTERED);
});

t.test('without a place to wait there is an error, and only who may need it asks', async (t) => {
  const [a, b] = crew(2, 1);
  t.equal(a?.enter(1), 0);
  t.equal(b?.work.need(1), 0);
  b?.work.mayNeed();
  t.equal(b?.enter(2), PARKED);
  t.equal(b?.enter(3), -EBUSY);
  t.ok(b?.parker.signal(2, 0), 'a signal leaves it there');
  t.notOk(b?.parker.signal(9, 0));
  t.same(b?.waits.signalled(), [{ request: { uniqueLo: 2, uniqueHi: 0 }, pid: 1 }]);
});

t.test('of several layers, each leaves room for the others', async (t) => {
  for (const [workers, most, changing] of [
    [1, 1, 1],
    [2, 1, 1],
    [4, 2, 1],
    [16, 9, 6],
    [64, 36, 24],
  ] as const) {
    const count = (changes: boolean) =>
      crew(workers, 64, 2).filter(({ enter }, i) => enter(i + 1, changes) === 0).length;
    t.same([count(false), count(true)], [most, changing], `${workers} workers`);
  }
});

t.test('who waits for one layer does not keep others from another', async (t) => {
  const [a, b, c, d] = crew(4, 8, 2);
  if (!a || !b || !c || !d) throw new Error('four were asked for');
  t.equal(a.enter(1), 0);
  t.equal(b.enter(2), 0);
  t.equal(c.enter(3), PARKED, 'the first is full');
  t.equal(c.enter(4, false, FIRST | SECOND), PARKED, 'who needs both holds neither');
  t.notOk(c.parker.hasParked, 'and nobody is taken up in vain');
  t.equal(c.enter(5, false, SECOND), 0);
  t.equal(d.enter(6, false, SECOND), PARKED, 'all together are full');
  c.leave();
  t.equal(c.takeUp(), 6);
  t.equal(c.enter(6, false, SECOND), 0);
  a.leave();
  t.equal(a.takeUp(), 3, 'the one that has waited longest');
  t.equal(a.enter(3), 0);
  for (const one of [b, c]) one.leave();
  t.equal(b.takeUp(), 4);
  t.equal(b.enter(4, false, FIRST | SECOND), 0);
  t.notOk(b.parker.hasParked);
});

t.test('a request that is taken up waits on for what it lacks then', async (t) => {
  const [a, b, c] = crew(4, 8, 2);
  if (!a || !b || !c) throw new Error('four were asked for');
  t.equal(a.enter(1, true), 0);
  t.equal(b.enter(2, true, FIRST | SECOND), PARKED);
  t.equal(c.enter(3, true, SECOND), 0);
  a.leave();
  t.equal(b.takeUp(), 2, 'there is room on the first');
  t.equal(b.enter(2, true, FIRST | SECOND), PARKED, 'and none on the second');
  t.notOk(b.parker.hasParked);
  t.equal(a.enter(4, true), 0, 'the first has its room again');
  c.leave();
  t.equal(c.takeUp(), 2);
  t.equal(c.enter(2, true, FIRST | SECOND), PARKED);
  a.leave();
  t.equal(a.takeUp(), 2);
  t.equal(a.enter(2, true, FIRST | SECOND), 0);
});

t.test('a request may turn out to need one layer after the other', async (t) => {
  const [a, b, c] = crew(4, 8, 2);
  if (!a || !b || !c) throw new Error('four were asked for');
  t.equal(a.enter(1, false, SECOND), 0);
  t.equal(b.enter(2, false, SECOND), 0);
  t.equal(c.enter(3), 0);
  c.work.mayNeed();
  t.equal(c.work.need(1), 0, 'it has that');
  t.equal(c.work.need(2), PARKED);
});
