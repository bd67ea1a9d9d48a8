// Messages broken at random, from every committed one: nothing but a ProtocolError is thrown, and no byte behind the
// message makes a difference. Seeds are fixed; a failure prints the one that reproduces it.
import fc from 'fast-check';
import t from 'tap';
import {
  Dialect,
  decodeNotification,
  decodeReply,
  decodeRequest,
  encodeRequest,
  operationList,
  ProtocolError,
  printRequest,
  Request,
} from '../../protocol/index.ts';
import { dialectOf, HOSTILE, plain, readFixtures, WIRE } from './fixtures/fixture.ts';

const RUNS = { seed: 20260101, numRuns: 20_000, endOnFailure: true } as const;

const wire = readFixtures(WIRE);
const requests = [...wire.filter(({ kind }) => kind === 'request'), ...readFixtures(HOSTILE)];
const others = wire.filter(({ kind }) => kind !== 'request').map(({ bytes }) => bytes);

// A byte, or a whole word, at a place that is more often near the front, where the header and the struct are.
const place = fc.oneof(fc.nat(0xff), fc.nat(0xffff), fc.nat(40));
const word = fc.oneof(fc.nat(300), fc.constantFrom(0xffffffff, 0x80000000, 0x7fffffff), fc.nat(0xffffff));
const edit = fc.oneof(
  fc.record({ kind: fc.constant('byte' as const), place, value: fc.nat(255) }),
  fc.record({ kind: fc.constant('word' as const), place, value: word }),
  fc.record({ kind: fc.constant('cut' as const), place, value: fc.nat(64) }),
  fc.record({ kind: fc.constant('insert' as const), place, value: fc.nat(64) }),
);
type Edit = typeof edit extends fc.Arbitrary<infer E> ? E : never;

/** The header's length is put right afterwards, unless it is the one that shall lie. */
const edits = fc.record({ list: fc.array(edit, { maxLength: 4 }), truthful: fc.boolean() });

function apply(bytes: Uint8Array, { list, truthful }: { list: Edit[]; truthful: boolean }): Uint8Array {
  let message = [...bytes];
  for (const { kind, place, value } of list) {
    const at = place % (message.length + 1);
    if (kind === 'byte') message[at] = value;
    else if (kind === 'word')
      message.splice(at, 4, ...[0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff));
    else if (kind === 'cut') message.splice(at, value);
    else message.splice(at, 0, ...new Array<number>(value).fill(place & 0xff));
  }
  message = message.slice(0, 8192);
  const result = Uint8Array.from(message);
  if (truthful && result.length >= 4) new DataView(result.buffer).setUint32(0, result.length, true);
  return result;
}

const dialects = fc
  .record({ minor: fc.integer({ min: 31, max: 45 }), flags: fc.bigInt({ min: 0n, max: 2n ** 43n - 1n }) })
  .map(({ minor, flags }) => new Dialect(minor, flags));

/** Everything that can be asked of a message, as text; or the error that it is refused with. */
function everythingIn(message: Uint8Array, behind: number, dialect: Dialect): string {
  const buffer = new Uint8Array(message.length + 512).fill(behind);
  buffer.set(message);
  const request = new Request(buffer, dialect);
  try {
    const { names, request: struct } = request.load(message.length);
    const fields = Object.values(struct?.offsets ?? {}).map((at) => [
      ...[request.u32(at), request.int64(at), request.signedInt64(at), request.nodeId(at)],
    ]);
    const views = [...names.map((_, i) => request.name(i as 0 | 1)), request.payload()];
    const whole = [fields, views, request.extensions() ?? null, request.isResent];
    return `${printRequest(request)} ${JSON.stringify(plain(whole))}`;
  } catch (error) {
    if (error instanceof ProtocolError) return `${error.code} ${error.message} ${error.answerable}`;
    throw error;
  }
}

t.test('requests', async (t) => {
  const accepted = new Set<string>();
  const refused = new Set<string>();
  fc.assert(
    fc.property(fc.constantFrom(...requests), edits, fc.option(dialects), (fixture, broken, other) => {
      const message = apply(fixture.bytes, broken);
      const dialect = other ?? dialectOf(fixture);
      const found = everythingIn(message, 0, dialect);
      if (found !== everythingIn(message, 0xff, dialect))
        throw new Error('bytes behind the message were read');
      if (found !== everythingIn(message, 0x2f, dialect))
        throw new Error('bytes behind the message were read');
      const [first = '', second = ''] = found.split(' ');
      if (/^\d/.test(first)) accepted.add(second);
      else refused.add(first);
    }),
    RUNS,
  );
  t.ok(
    accepted.size > 40,
    `${accepted.size} of ${operationList.length} operations were accepted in some form`,
  );
  t.ok(refused.size > 10, `refused as ${[...refused].sort().join(', ')}`);
});

t.test('what is accepted encodes to a message that means the same', async (t) => {
  let accepted = 0;
  fc.assert(
    fc.property(fc.constantFrom(...requests), edits, (fixture, broken) => {
      const dialect = dialectOf(fixture);
      let message: ReturnType<typeof decodeRequest>;
      try {
        message = decodeRequest(apply(fixture.bytes, broken), dialect);
      } catch (error) {
        if (error instanceof ProtocolError) return;
        throw error;
      }
      accepted++;
      const again = decodeRequest(encodeRequest(message, dialect), dialect);
      if (JSON.stringify(plain(again)) !== JSON.stringify(plain(message))) throw new Error(fixture.file);
    }),
    RUNS,
  );
  t.ok(accepted > 100, `${accepted} messages`);
});

t.test('replies and notifications', async (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...others),
      fc.constantFrom(...operationList),
      edits,
      fc.boolean(),
      (bytes, operation, broken, sizeOnly) => {
        const message = apply(bytes, broken);
        for (const decode of [
          () => decodeReply(operation, message, sizeOnly),
          () => decodeNotification(message),
        ]) {
          try {
            decode();
          } catch (error) {
            if (!(error instanceof ProtocolError)) throw error;
          }
        }
      },
    ),
    RUNS,
  );
  t.pass('nothing but ProtocolErrors');
});

t.test('noise', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 256 }), dialects, (message, dialect) => {
      everythingIn(message, 0, dialect);
    }),
    RUNS,
  );
});
