// Every hostile message is refused with the error that its file names, whatever lies in the buffer behind it.
import t from 'tap';
import { errno, ProtocolError, Request } from '../../protocol/index.ts';
import { dialectOf, type Fixture, HOSTILE, readFixtures } from '../protocol/fixtures/fixture.ts';

function refusal(fixture: Fixture, behind: number): ProtocolError {
  const { bytes } = fixture;
  const buffer = new Uint8Array(8192).fill(behind);
  buffer.set(bytes);
  try {
    new Request(buffer, dialectOf(fixture)).load(bytes.length);
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

for (const fixture of readFixtures(HOSTILE)) {
  t.test(fixture.file, async (t) => {
    const { error, errno: number, answerable } = fixture.expected;
    for (const behind of [0, 0x61]) {
      const found = refusal(fixture, behind);
      t.equal(found.code, error, found.message);
      t.equal(found.errno, errno[number as keyof typeof errno]);
      t.equal(found.answerable, answerable);
      if (fixture.bytes.length >= 40 && answerable) t.equal(found.uniqueLo, 0x11223344);
    }
  });
}
