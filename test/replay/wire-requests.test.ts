// Every committed request decodes to what its file says, encodes back to the same bytes, and is refused when it is cut.
import t from 'tap';
import { decodeRequest, encodeRequest, ProtocolError, printRequest, Request } from '../../protocol/index.ts';
import { dialectOf, plain, readFixtures, WIRE } from '../protocol/fixtures/fixture.ts';

for (const fixture of readFixtures(WIRE, 'request')) {
  t.test(fixture.file, async (t) => {
    const { bytes, expected } = fixture;
    const dialect = dialectOf(fixture);
    const message = decodeRequest(bytes, dialect);
    t.strictSame(plain(message), expected, 'decodes');
    if (!fixture.settings.has('oneWay')) t.same(encodeRequest(message, dialect), bytes, 'encodes back');

    // A larger buffer full of other messages' remains makes no difference.
    const larger = new Uint8Array(bytes.length + 64).fill(0x2f);
    larger.set(bytes);
    const request = new Request(larger, dialect);
    request.load(bytes.length);
    const line = printRequest(request);
    t.notMatch(line, /\n/, 'prints on one line');
    t.match(line, `${message.operation} node`, line);

    const { elasticFrom } = request.operation;
    const isRest = request.extensions() !== undefined && !dialect.hasExtensionLength;
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.slice(0, length);
      if (length >= 4) new DataView(cut.buffer).setUint32(0, length, true);
      try {
        decodeRequest(cut, dialect);
        const legal = elasticFrom !== null ? length >= 40 + elasticFrom.size : isRest && cut.at(-1) === 0;
        if (!legal) t.fail(`accepted when cut to ${length} bytes`);
      } catch (error) {
        if (!(error instanceof ProtocolError)) t.fail(`cut to ${length} bytes: ${error}`);
      }
    }
  });
}
