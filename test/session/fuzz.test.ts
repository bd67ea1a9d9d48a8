// Anything at all, sent to the whole stack over real layers: nothing is thrown, each request that expects an answer gets exactly one
// that is well formed, and what lies beside the layers stays as it is.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { fuse_in_header } from '../../protocol/index.ts';
import { readFixtures, WIRE } from '../protocol/fixtures/fixture.ts';
import { plan, Stack, self } from './stack.ts';

const RUNS = Number(process.env.MIGRATEFS_FUZZ_RUNS ?? 200);

t.test('messages made of what is there, and mutants of them', async (t) => {
  const folder = t.testdir({});
  const stack = new Stack(folder);
  const open = () => readdirSync('/proc/self/fd').length;
  const before = open();
  fc.assert(
    fc.property(fc.array(plan, { minLength: 20, maxLength: 60 }), (plans) => {
      stack.begin();
      for (const plan of plans) stack.send(stack.message(plan));
      stack.end();
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
  t.equal(open(), before, 'no descriptor stays open');
  stack.close();
  t.notMatch(stack.log, /event=bug/);
  t.equal(readFileSync(join(folder, 'outside/kept/file'), 'utf8'), 'outside/kept/file\n');
});

t.test('samples of every message, with bytes changed', async (t) => {
  const folder = t.testdir({});
  const stack = new Stack(folder);
  const samples = readFixtures(WIRE, 'request').map(({ bytes }) => bytes);
  const changed = fc.record({
    sample: fc.constantFrom(...samples),
    changes: fc.array(fc.record({ at: fc.nat(200), to: fc.nat(255) }), { maxLength: 6 }),
    length: fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(300) }),
  });
  fc.assert(
    fc.property(changed, ({ sample, changes, length }) => {
      const bytes = Uint8Array.from(sample);
      for (const { at, to } of changes) if (at < bytes.length) bytes[at] = to;
      // The caller stays who can be taken on.
      fuse_in_header.encode({ ...fuse_in_header.decode(bytes), ...self }, bytes);
      stack.send(bytes.subarray(0, length ?? bytes.length));
    }),
    { numRuns: RUNS * 10, endOnFailure: true },
  );
  stack.close();
  t.notMatch(stack.log, /event=bug/);
});

t.test('noise', async (t) => {
  const stack = new Stack(t.testdir({}));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => stack.send(bytes)),
    { numRuns: RUNS, endOnFailure: true },
  );
  stack.close();
  t.notMatch(stack.log, /event=bug/);
});
