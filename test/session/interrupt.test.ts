import fc from 'fast-check';
import t from 'tap';
import { RequestSlots } from '../../src/session/interrupt.ts';

t.test('an interrupt marks the request in hand, whatever its number', async (t) => {
  const slots = new RequestSlots(RequestSlots.allocate(3));
  slots.begin(1, 0xffff_fffe, 0x8000_0001);
  t.notOk(slots.interrupted(1));
  t.ok(slots.interrupt(0xffff_fffe, 0x8000_0001));
  t.ok(slots.interrupted(1));
  t.ok(slots.interrupt(0xffff_fffe, 0x8000_0001), 'a second time changes nothing');
  t.notOk(slots.interrupted(0));
  t.same(slots.inHand(1), { uniqueLo: 0xffff_fffe, uniqueHi: 0x8000_0001 });
});

t.test('the mark ends with its request', async (t) => {
  const slots = new RequestSlots(RequestSlots.allocate(1));
  slots.begin(0, 2, 0);
  slots.interrupt(2, 0);
  slots.end(0);
  t.notOk(slots.interrupt(2, 0), 'not in hand any more');
  t.equal(slots.inHand(0), undefined);
  slots.begin(0, 4, 0);
  t.notOk(slots.interrupted(0));
  t.notOk(slots.interrupt(2, 0));
  t.notOk(slots.interrupt(4, 1), 'both words count');
  t.notOk(slots.interrupted(0));
});

t.test('two views of one memory agree', async (t) => {
  const memory = RequestSlots.allocate(2);
  const [worker, other] = [new RequestSlots(memory), new RequestSlots(memory)];
  worker.begin(0, 8, 0);
  t.ok(other.interrupt(8, 0));
  t.ok(worker.interrupted(0));
});

t.test('any sequence behaves as a map from worker to request', async (t) => {
  const workers = 4;
  const step = fc.record({
    kind: fc.constantFrom('begin', 'end', 'interrupt' as const),
    worker: fc.nat(workers - 1),
    pick: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const slots = new RequestSlots(RequestSlots.allocate(workers));
      const model: ({ unique: number; hit: boolean } | undefined)[] = new Array(workers).fill(undefined);
      let unique = 0;
      for (const { kind, worker, pick } of steps) {
        if (kind === 'begin' && model[worker] === undefined) {
          unique += 2;
          slots.begin(worker, unique, 0);
          model[worker] = { unique, hit: false };
        } else if (kind === 'end' && model[worker] !== undefined) {
          slots.end(worker);
          model[worker] = undefined;
        } else if (kind === 'interrupt') {
          const wanted = 2 * (pick % (unique / 2 + 1));
          const found = model.find((request) => request?.unique === wanted);
          if (found !== undefined) found.hit = true;
          if (slots.interrupt(wanted, 0) !== (found !== undefined)) return false;
        }
        for (let i = 0; i < workers; i++) {
          if (slots.interrupted(i) !== (model[i]?.hit ?? false)) return false;
        }
      }
      return true;
    }),
  );
  t.pass();
});
