import t from 'tap';
import type { Log } from '../../src/log/index.ts';
import { abortConnection } from '../../src/session/abort.ts';
import { FakeLog } from './exchange.ts';

t.test('a connection that is not there can not be aborted, and the log says why', async (t) => {
  const log = new FakeLog();
  t.notOk(abortConnection(undefined, log as unknown as Log));
  t.notOk(abortConnection(0xfffff, log as unknown as Log));
  t.match(log.errors, [
    { event: 'abort_failed', reason: /not known/ },
    { event: 'abort_failed', error: /ENOENT/, hint: /fusectl/ },
  ]);
});
