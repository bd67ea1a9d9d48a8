// Every committed reply and notification decodes to what its file says, and encodes back to the same bytes.
import t from 'tap';
import {
  decodeNotification,
  decodeReply,
  encodeReply,
  type OperationName,
  operations,
  ProtocolError,
  printNotification,
  printReply,
} from '../../protocol/index.ts';
import { plain, readFixtures, WIRE } from '../protocol/fixtures/fixture.ts';

for (const { file, bytes, settings, expected } of readFixtures(WIRE, 'reply')) {
  t.test(file, async (t) => {
    const operation = operations[settings.get('operation') as OperationName];
    const sizeOnly = settings.get('sizeOnly') === 'true';
    const message = decodeReply(operation, bytes, sizeOnly);
    t.strictSame(plain(message), expected, 'decodes');
    t.same(encodeReply(operation, message), bytes, 'encodes back');
    const line = printReply(operation, bytes, sizeOnly);
    t.match(line, new RegExp(`^\\d+ ${operation.name} → [oE]`), line);
    for (const length of bytes.keys()) {
      const cut = bytes.slice(0, length);
      t.throws(() => decodeReply(operation, cut, sizeOnly), ProtocolError);
    }
  });
}

for (const { file, bytes, expected } of readFixtures(WIRE, 'notification')) {
  t.test(file, async (t) => {
    t.strictSame(plain(decodeNotification(bytes)), expected, 'decodes');
    const line = printNotification(bytes);
    t.match(line, `notify ${expected.notification}`, line);
  });
}
