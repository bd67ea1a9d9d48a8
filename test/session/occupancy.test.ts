import t from 'tap';
import { Occupancy } from '../../src/session/occupancy.ts';

t.test('who takes a request while none is left waiting tells it, once', async (t) => {
  const occupancy = new Occupancy(Occupancy.allocate());
  occupancy.wait();
  t.notOk(occupancy.take(), 'the first workers are still being started');
  occupancy.allowGrowth();
  occupancy.wait();
  occupancy.wait();
  t.equal(occupancy.waiting, 2);
  t.notOk(occupancy.take(), 'another one waits');
  t.ok(occupancy.take());
  occupancy.wait();
  t.notOk(occupancy.take(), 'growth is under way');
  occupancy.allowGrowth();
  occupancy.wait();
  t.ok(occupancy.take(), 'and may be asked for again');
});

t.test('a shortage of descriptors is reported once until it is over', async (t) => {
  const memory = Occupancy.allocate();
  const [one, other] = [new Occupancy(memory), new Occupancy(memory)];
  t.ok(one.report());
  t.notOk(one.report());
  t.notOk(other.report());
  other.allowReports();
  t.ok(other.report());
});
